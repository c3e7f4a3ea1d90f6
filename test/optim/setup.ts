/** One small parameter, gradients for it, and the options that the tests of the optimizers share. */
import { backward, mul, Parameter, sum, tensor } from '../../src/autograd/index.js';

export const START = [1, -2, 0.5];
export const GRADS = [
  [0.3, -4, 1e-3],
  [-0.1, 2, 5e-3],
  [0.7, 0.5, -2e-2],
  [0.2, -1, 1e-2],
  [-0.4, 3, 2e-3],
  [0.1, 1, -1e-3],
  [0.9, -2, 4e-3],
];

export function parameter(values: number[] = START): Parameter {
  return new Parameter([values.length], 'other').set(values);
}

/** Makes `grad` the gradient of p: the loss is its inner product with p. */
export function giveGradient(p: Parameter, grad: number[]): void {
  backward(sum(mul(p, tensor(grad))));
}

export const [LR, B1, B2, EPS] = [0.1, 0.9, 0.98, 1e-9];

export const options = { lr: LR, betas: [B1, B2] as const, eps: EPS };
