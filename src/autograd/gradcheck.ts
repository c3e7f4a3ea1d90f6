/**
 * @file Compares the gradient of a function with central differences. Meaningful in double precision, so it
 * runs on a runtime of the reference kernels (see `createReferenceRuntime` in `prenorm/reference`), though it
 * works on any runtime with a looser tolerance.
 */
import { checkOptions, checkValue, integer, iterable, optional, positive } from '../checks.js';
import { ConfigError, NumericError } from '../errors.js';
import { mul } from './ops/binary.js';
import { sum } from './ops/reduce.js';
import { backward, noGrad } from './tape.js';
import { Parameter, requireDType, tensor, type Variable } from './variable.js';

/** How far apart the two gradients may be, and how the numeric one is taken. */
export interface GradcheckOptions {
  /** Step of the central difference. Default: 1e-5 in f64, 1e-2 in f32. */
  epsilon?: number;
  /** Largest allowed |analytic - numeric| / max(|analytic|, |numeric|, floor). Default: 1e-6 in f64, 2e-2 in f32. */
  tolerance?: number;
  /** Least denominator of the error. Default: 1e-3 in f64, 1e-1 in f32. */
  floor?: number;
  /** At most this many elements of each input are tried, evenly spread. Default 64. */
  maxElements?: number;
}

/** What was compared. */
export interface GradcheckReport {
  /** Largest relative error. */
  maxError: number;
  /** Elements that were tried. */
  elements: number;
}

/**
 * Checks d(sum(w ⊙ f()))/d(input) for every input, w being fixed weights that make the sum sensitive to each
 * output. `f` must read the given inputs' current values (parameters, or variables made with requiresGrad). Dropout
 * in `f` draws the same masks at every evaluation.
 * @throws NumericError naming the first input and element that disagree.
 */
export function gradcheck(
  f: () => Variable,
  inputs: readonly Variable[],
  options: GradcheckOptions = {},
): GradcheckReport {
  checkOptions('gradcheck', options, {
    epsilon: optional(positive),
    tolerance: optional(positive),
    floor: optional(positive),
    maxElements: optional(integer(1)),
  });
  checkValue('gradcheck', 'inputs', inputs, iterable);
  for (const input of inputs) requireDType('gradcheck', 'an input', input, 'f32');
  if (inputs.length === 0) throw new ConfigError('there is no input to check', { op: 'gradcheck' });
  const { runtime } = inputs[0];
  const { step, microbatch } = runtime.randomPosition;
  const double = runtime.precision === 'f64';
  const epsilon = options.epsilon ?? (double ? 1e-5 : 1e-2);
  const tolerance = options.tolerance ?? (double ? 1e-6 : 2e-2);
  const floor = options.floor ?? (double ? 1e-3 : 1e-1);
  const maxElements = options.maxElements ?? 64;
  const weighted = (): Variable => {
    // Central differences need the masks of the analytic pass.
    runtime.setRandomPosition(step, microbatch);
    const y = f();
    if (y.size === 1) return sum(y);
    const weights = Array.from({ length: y.size }, (_, i) => ((i * 37 + 11) % 19) / 9.5 - 0.9);
    return sum(mul(y, tensor(weights, { shape: y.shape })));
  };
  for (const input of inputs) input.zeroGrad();
  backward(weighted());
  let maxError = 0;
  let elements = 0;
  inputs.forEach((input, index) => {
    const analytic = input.grad?.toArray() ?? new Float64Array(input.size);
    const values = input.toArray();
    const stride = Math.max(1, Math.floor(input.size / maxElements));
    for (let i = 0; i < input.size; i += stride) {
      const evaluate = (value: number): number => {
        const moved = values.slice();
        moved[i] = value;
        input.set(moved);
        return noGrad(() => weighted().item(), input.runtime);
      };
      const numeric = (evaluate(values[i] + epsilon) - evaluate(values[i] - epsilon)) / (2 * epsilon);
      input.set(values);
      const error =
        Math.abs(analytic[i] - numeric) / Math.max(Math.abs(analytic[i]), Math.abs(numeric), floor);
      elements++;
      maxError = Math.max(maxError, error);
      if (!(error <= tolerance)) {
        const name = input instanceof Parameter && input.path ? input.path : `input ${index}`;
        throw new NumericError(
          `${name}[${i}]: analytic ${analytic[i]}, numeric ${numeric}, error ${error.toExponential(2)} > ${tolerance}`,
          {
            op: 'gradcheck',
            expected: numeric,
            actual: analytic[i],
          },
        );
      }
    }
  });
  return { maxError, elements };
}
