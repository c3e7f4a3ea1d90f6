/**
 * @file The quantities of predictions.ts measured: Jacobians of real norms by their own backward, hidden norms and
 * gradients of the probe (probe.ts), sampled Gaussians. All follow from their seed.
 */
import { backward, mul, noGrad, sum, tensor, type Variable } from '../autograd/index.js';
import { checkOptions, checkValue, finite, integer } from '../checks.js';
import { randomNormal } from '../nn/index.js';
import { Probe, type ProbeConfig, type ProbeResult, probe, probeRules } from './probe.js';

/** A Jacobian (d, d) and the properties that the lemmas speak about. */
export interface JacobianMeasurement {
  /** Row-major (d, d), entry (i, j) = d out_i / d x_j. */
  matrix: Float64Array;
  /** Largest singular value. */
  spectral: number;
  frobenius: number;
  /** Singular directions larger than 1e-3 of the largest, by elimination with full pivoting. */
  rank: number;
  /** ||J 1|| / sqrt(d): 0 when the all-ones vector is annihilated. */
  onesResidual: number;
  /** Rayleigh quotient of x - mean. */
  radialEigenvalue: number;
}

/** The Jacobian of a norm (or any row-wise module) at one vector x of d numbers; parameters keep no gradient. */
export function measureJacobian(
  norm: { forward(x: Variable): Variable; zeroGrad?(): void },
  x: ArrayLike<number>,
): JacobianMeasurement {
  const d = x.length;
  const rows = new Float64Array(d * d);
  const identity = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    rows.set(Float64Array.from(x), i * d);
    identity[i * d + i] = 1;
  }
  // d copies of x, the loss reading output i of copy i: the gradient of copy i is row i of J.
  const input = tensor(rows, { shape: [d, d], requiresGrad: true });
  backward(sum(mul(norm.forward(input), tensor(identity, { shape: [d, d] }))));
  const matrix = Float64Array.from(input.grad?.toArray() ?? []);
  norm.zeroGrad?.();
  const ones = new Float64Array(d).fill(1);
  const mean = Float64Array.from(x).reduce((total, v) => total + v, 0) / d;
  const radial = Float64Array.from(x, (v) => v - mean);
  const image = times(matrix, radial);
  return {
    matrix,
    spectral: spectralNorm(matrix, d),
    frobenius: length(matrix),
    rank: rankOf(matrix, d),
    onesResidual: length(times(matrix, ones)) / Math.sqrt(d),
    radialEigenvalue: dot(radial, image) / dot(radial, radial),
  };
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((total, v, i) => total + v * b[i], 0);
const length = (a: Float64Array) => Math.sqrt(dot(a, a));

function times(matrix: Float64Array, v: Float64Array, transposed = false): Float64Array {
  const d = v.length;
  const out = new Float64Array(d);
  for (let i = 0; i < d; i++)
    for (let j = 0; j < d; j++) out[i] += matrix[transposed ? j * d + i : i * d + j] * v[j];
  return out;
}

/** Power iteration on JᵀJ. */
function spectralNorm(matrix: Float64Array, d: number): number {
  let v = Float64Array.from({ length: d }, (_, i) => ((i * 7) % 11) - 5 + (i % 2));
  let norm = 0;
  for (let k = 0; k < 100; k++) {
    const image = times(matrix, v);
    norm = length(image) / length(v);
    const next = times(matrix, image, true);
    const scale = length(next);
    if (scale === 0) return 0;
    v = next.map((value) => value / scale);
  }
  return norm;
}

function rankOf(matrix: Float64Array, d: number): number {
  const rest = matrix.slice();
  let first = 0;
  for (let rank = 0; rank < d; rank++) {
    let pivot = 0;
    for (let k = 0; k < d * d; k++) if (Math.abs(rest[k]) > Math.abs(rest[pivot])) pivot = k;
    const value = rest[pivot];
    if (rank === 0) first = Math.abs(value);
    if (Math.abs(value) <= 1e-3 * first) return rank;
    const [p, q] = [Math.floor(pivot / d), pivot % d];
    const row = rest.slice(p * d, (p + 1) * d);
    for (let i = 0; i < d; i++) {
      const factor = rest[i * d + q] / value;
      for (let j = 0; j < d; j++) rest[i * d + j] -= factor * row[j];
    }
    // Exactly zero, so that neither is a pivot again.
    for (let i = 0; i < d; i++) rest[i * d + q] = rest[p * d + i] = 0;
  }
  return d;
}

/** Hidden norms and gradients of one model at initialisation. */
export function measureInit(config: Omit<ProbeConfig, 'seed'>, seed: number): ProbeResult {
  return probe({ ...config, seed });
}

/** Lemma 1: mean of ||ReLU(X)||² over draws of X ~ N(0, variance I_d). */
export function measureReluNorm(d: number, draws: number, seed: number, variance = 1): number {
  const values = normals(d, draws, seed);
  return (variance * values.reduce((total, v) => (v > 0 ? total + v * v : total), 0)) / draws;
}

/** max_p ReLU(x_p)² of each draw of N(0, I_d). */
export function largestRelu(d: number, draws: number, seed: number): number[] {
  const values = normals(d, draws, seed);
  return Array.from({ length: draws }, (_, k) => {
    const largest = Math.max(0, ...values.subarray(k * d, (k + 1) * d));
    return largest * largest;
  });
}

function normals(d: number, draws: number, seed: number): Float64Array {
  return noGrad(() => Float64Array.from(randomNormal([draws, d], seed, 'theory:normals').toArray()));
}

/** (eps, delta): the share of values with (Z - EZ) / EZ > eps, EZ being their mean. */
export function shareAbove(values: ArrayLike<number>, eps: number): number {
  const all = Array.from(values);
  const mean = all.reduce((total, v) => total + v, 0) / all.length;
  return all.filter((v) => v > (1 + eps) * mean).length / all.length;
}

/** The effect of scaling one weight. */
export interface ScalingMeasurement {
  /** Relative change of the logits, ||a - b|| / ||a||. */
  outputChange: number;
  /** ||dL/dW2|| afterwards over before. */
  gradientRatio: number;
}

/** What multiplying W2 of one feed-forward by c does to the model's logits and to the gradient of that W2. */
export function measureBranchScaling(config: ProbeConfig, layer: number, c: number): ScalingMeasurement {
  checkOptions('measureBranchScaling', config, probeRules);
  checkValue('measureBranchScaling', 'c', c, finite);
  checkValue('measureBranchScaling', 'layer', layer, integer(0, config.numLayers - 1));
  const measured = [1, c].map((factor) => {
    const model = new Probe(config);
    const { weight } = model.encoder.layers[layer].feedForward.linear2;
    weight.set(weight.toArray().map((v) => v * factor));
    const { batch, length: seqLen, vocabSize } = config;
    const ids = Int32Array.from({ length: batch * seqLen }, (_, i) => (i * 7919) % vocabSize);
    const made = { ids, targets: ids.toReversed(), batchSize: batch, seqLen };
    const logits = noGrad(() => Float64Array.from(model.forward(made).toArray()));
    backward(model.loss(made).loss);
    return { logits, gradient: length(Float64Array.from(weight.grad?.toArray() ?? [])) };
  });
  const [before, after] = measured;
  return {
    outputChange: length(before.logits.map((v, i) => v - after.logits[i])) / length(before.logits),
    gradientRatio: after.gradient / before.gradient,
  };
}
