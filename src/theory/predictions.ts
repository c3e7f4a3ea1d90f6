/**
 * @file The paper's theory as functions from a configuration to a number, with the sharper constants that its
 * bounds leave open. Notation: d = dModel, r = dFF / dModel, L layers (attention and feed-forward each),
 * N = positions averaged by the loss, xbar = E||x||² / d of the hidden state in front of the predictor.
 */

/** Lemma 1: E||ReLU(X)||² = s² d / 2 for X ~ N(0, s² I_d). */
export function reluNorm(d: number, variance = 1): number {
  return (variance * d) / 2;
}

/** What one feed-forward branch adds to E||x||² / d under Xavier initialisation: 2r / (1 + r)². */
export function feedForwardVariance(r: number): number {
  return (2 * r) / ((1 + r) * (1 + r));
}

/** Lemma 2, Post-LN: E||x^{post,5}||² / d in front of the last norm of a layer; 1.5 for r = 1. */
export function postHiddenNorm(r: number): number {
  return 1 + feedForwardVariance(r);
}

/** Lemma 2, Pre-LN with r = 1: bounds of E||x_l||² / d after l layers, [1 + l/2, 1 + 3l/2]. */
export function preHiddenBounds(l: number): [number, number] {
  return [1 + l / 2, 1 + (3 * l) / 2];
}

/** Peri-LN at initialisation: E||x_l||² / d = start + 2l, each of the two branches having unit variance. */
export function periHiddenNorm(l: number, start = 1): number {
  return start + 2 * l;
}

/** Lemma 3, exact: the spectral norm of the layer norm's Jacobian at x is 1 / sqrt(var(x) + eps). */
export function layerNormJacobianNorm(variance: number, eps = 1e-5): number {
  return 1 / Math.sqrt(variance + eps);
}

/** Mean ||h||² of the feed-forward's hidden layer, its input being normalised: d r / (1 + r). */
export function hiddenActivationNorm(d: number, r: number): number {
  return (d * r) / (1 + r);
}

/**
 * ||dL/dW2|| of the last layer when ||dL/dx|| is about 1 per position and targets are random: the sharper form
 * of Theorem 1. The gradient passes one norm, whose Jacobian shrinks it by 1 / sqrt(xbar).
 * @param xbar Post-LN: `postHiddenNorm(r)`; Pre-LN and Peri-LN: E||x_{L+1}||² / d, measured or predicted.
 */
export function lastLayerGradient(d: number, r: number, positions: number, xbar: number): number {
  return Math.sqrt(hiddenActivationNorm(d, r) / (positions * xbar));
}

/** Peri-LN: the branch's own output norm multiplies the gradient by 1 / sqrt(2r / (1 + r)²). */
export function periLastLayerGradient(d: number, r: number, positions: number, xbar: number): number {
  return lastLayerGradient(d, r, positions, xbar) / Math.sqrt(feedForwardVariance(r));
}

/** Parameter-free: ||dL/dW2_L|| of Pre-LN over Post-LN is sqrt((1 + 2r/(1+r)²) / xbar). */
export function preToPostRatio(r: number, xbar: number): number {
  return Math.sqrt(postHiddenNorm(r) / xbar);
}

/** Pre-LN and Peri-LN profile: ||dL/dW2_l|| / ||dL/dW2_L|| = sqrt(xbar_{L+1} / xbar_{l+1}). */
export function profileRatio(xbarLast: number, xbarLayer: number): number {
  return Math.sqrt(xbarLast / xbarLayer);
}

/**
 * Theorem 1's upper bounds up to their common constant: d sqrt(ln d) for Post-LN, d sqrt(ln d / L) for Pre-LN.
 * `lnD` is passed in because the natural logarithm of the host is not the same on every engine.
 */
export function theorem1Bound(placement: 'post' | 'pre', d: number, lnD: number, numLayers: number): number {
  return placement === 'post' ? d * Math.sqrt(lnD) : d * Math.sqrt(lnD / numLayers);
}
