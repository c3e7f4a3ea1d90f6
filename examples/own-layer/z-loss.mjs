// A loss of one's own: cross-entropy plus the z-loss of PaLM (Chowdhery et al. 2022), weight · (log Z)² per
// token, which keeps the logits from drifting. log Z is an op with a backward written by hand.
import { add, crossEntropy, customOp, exp, log, max, mul, reshape, scale, softmax, sub, sum } from 'prenorm';

/** log(sum(exp(x))) over the last axis, (…, V) to (…, 1). Its gradient is the softmax. */
export const logSumExp = customOp({
  name: 'logSumExp',
  forward: (x) => {
    const top = max(x, { axis: -1, keepDim: true });
    return add(top, log(sum(exp(sub(x, top)), { axis: -1, keepDim: true })));
  },
  backward: (dout, { inputs: [x] }) => [mul(dout, softmax(x))],
});

/** The same from plain ops: the tape finds the gradient by itself. */
export function logSumExpByOps(x) {
  const top = max(x, { axis: -1, keepDim: true });
  return add(top, log(sum(exp(sub(x, top)), { axis: -1, keepDim: true })));
}

/** What a Trainer expects of a loss: { loss, nll, count }, a mean over `count` targets. The given `count` goes on to crossEntropy. */
export function zLoss(logits, targets, { weight, smoothing, count }) {
  const result = crossEntropy(logits, targets, { smoothing, count });
  const logZ = reshape(logSumExp(logits), [-1]);
  const z = scale(sum(mul(logZ, logZ)), weight / result.count);
  return { ...result, loss: add(result.loss, z) };
}
