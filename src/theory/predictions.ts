/**
 * @file The paper's theory as functions from a configuration to a number, with the sharper constants that its
 * bounds leave open. Notation: d = dModel, r = dFF / dModel, L layers (attention and feed-forward each),
 * N = positions averaged by the loss, xbar = E||x||² / d of the hidden state in front of the predictor.
 * Each names its lemma or theorem of Xiong et al. 2020; the measurement of the same quantity is in measure.ts.
 */
import { checkValue, oneOf } from '../checks.js';
import { exp64, log64 } from '../runtime/math.js';

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
  checkValue('theorem1Bound', 'placement', placement, oneOf('post', 'pre'));
  return placement === 'post' ? d * Math.sqrt(lnD) : d * Math.sqrt(lnD / numLayers);
}

/**
 * Theorem 1: with what probability its bounds hold, at least 0.99 - delta - eps / (0.9 + eps), the squared norm in
 * front of the last layer norm being (eps, delta)-bounded.
 */
export function theorem1Probability(eps: number, delta: number): number {
  return 0.99 - delta - eps / (0.9 + eps);
}

/**
 * (eps, delta)-bounded: Z >= 0 with P[(Z - EZ) / EZ <= eps] >= 1 - delta. For Z = ||N(0, I_d)||² the tail of the
 * chi-square law gives delta = exp(-d eps² / 8), 0 < eps < 1.
 */
export function chiSquareDelta(d: number, eps: number): number {
  return exp64((-d * eps * eps) / 8);
}

/** Proof of Theorem 1, by Chernoff and a union over d: max_p ReLU(x_p)² <= 2 ln(100 d) with probability 0.99. */
export function reluMaximum(d: number): number {
  return 2 * log64(100 * d);
}

/** Lemma 3, exact: J has d - 2 singular values 1 / sigma, so its Frobenius norm is sqrt(d - 2) / sigma. */
export function layerNormJacobianFrobenius(d: number, variance: number, eps = 1e-5): number {
  return Math.sqrt(d - 2) * layerNormJacobianNorm(variance, eps);
}

/** Lemma 3, exact for d >= 3: the all-ones vector is annihilated, and x - mean too as eps goes to 0. */
export function layerNormJacobianRank(d: number): number {
  return d - 2;
}

/** The eigenvalue of x - mean under the Jacobian of a norm with eps: eps / (var + eps)^(3/2). */
export function layerNormRadialEigenvalue(variance: number, eps = 1e-5): number {
  return eps / ((variance + eps) * Math.sqrt(variance + eps));
}

/** ||LN(v)||² = d var / (var + eps), with weight 1 and bias 0. */
export function layerNormOutput(d: number, variance: number, eps = 1e-5): number {
  return (d * variance) / (variance + eps);
}

/**
 * Appendix F, Post-LN: the factor (2/3)^((L - l) / 2) in the bound of layer l's gradient, one sqrt(E||J||²) per
 * layer above; with dFF = r d it is postHiddenNorm(r)^(-(L - l) / 2). A factor of an upper bound, no prediction.
 */
export function postDepthFactor(numLayers: number, layer: number, r = 1): number {
  let factor = 1;
  for (let l = layer; l < numLayers; l++) factor /= Math.sqrt(postHiddenNorm(r));
  return factor;
}

/** Peri-LN (Kim et al. 2025): W2 times c leaves the function as it is and divides the gradient of W2 by c. */
export function periScaledGradient(gradient: number, c: number): number {
  return gradient / c;
}
