/**
 * @file Admin's profiling pass (Liu et al. 2020, arXiv 2004.08249, section 4.3), which sets ω of every sub-layer, as the
 * authors' code does it (Transformer-Clinic): the paper's sum over Var f_j leaves out the variance of what comes in.
 */
import { noGrad } from '../autograd/tape.js';
import type { Parameter } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import type { Module } from './module.js';
import { placements } from './placements.js';
import { TransformerDecoder, TransformerEncoder } from './transformer.js';
import type { Trace } from './transformer-layers.js';

/** What was measured, and what was set, per sub-layer in the order they run. */
export interface AdminReport {
  /** The layer. */
  path: string;
  /** Var x: of all elements of what goes into the sub-layer. */
  inputVariance: number;
  /** Var f: of all elements of the branch's output. */
  variance: number;
  /** ω, which multiplies the sub-layer's residual stream. */
  omega: number;
}

/**
 * Runs one batch without dropout and sets ω of every sub-layer on the way: ω_1 = 1 and
 * ω_{i+1} = sqrt(Var(ω_i x_i) + Var f_i), x_i being what goes into the i-th sub-layer of its stack and f_i its branch, so that
 * each is measured with those before it in place. Call it once, before training, on a batch of the training data; padding
 * counts. The encoder and the decoder are counted apart.
 * @throws ConfigError for a model without `admin` layers
 */
export function profileAdmin<B>(
  model: Module & { forward(batch: B, options: { trace: Trace }): unknown },
  batch: B,
): AdminReport[] {
  const gains = new Map<string, { gain: Parameter; first: boolean }>();
  for (const [, module] of model.namedModules()) {
    if (!(module instanceof TransformerEncoder || module instanceof TransformerDecoder)) continue;
    for (const [l, { path, normPlacement, sublayers }] of module.layers.entries()) {
      for (const [i, { kind, gain }] of sublayers.entries())
        if (gain && placements[normPlacement].profiled)
          gains.set(`${path}.${kind}`, { gain, first: l === 0 && i === 0 });
    }
  }
  if (gains.size === 0) {
    throw new ConfigError('the model has no sub-layer with an ω', {
      op: 'profileAdmin',
      expected: "normPlacement 'admin'",
      hint: "build the model with normPlacement 'admin'",
    });
  }
  const report: AdminReport[] = [];
  let [omega, next, inputVariance] = [1, 1, 0];
  const trace: Trace = (name, value) => {
    const path = name.replace(/\.in$/, '');
    const sublayer = gains.get(path);
    if (!sublayer) return;
    const measured = variance(value.toArray());
    if (path !== name) {
      inputVariance = measured;
      omega = sublayer.first ? 1 : next;
      sublayer.gain.set(new Float64Array(sublayer.gain.size).fill(omega));
    } else {
      report.push({ path, inputVariance, variance: measured, omega });
      next = Math.sqrt(omega * omega * inputVariance + measured);
    }
  };
  model.evaluating(() => noGrad(() => model.forward(batch, { trace }), model.runtime()));
  return report;
}

function variance(values: ArrayLike<number>): number {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i];
  mean /= values.length;
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i] - mean) * (values[i] - mean);
  return total / values.length;
}
