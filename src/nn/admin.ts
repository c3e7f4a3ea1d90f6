/** @file Admin's profiling pass (Liu et al. 2020, arXiv 2004.08249, section 4.3), which sets ω of every sub-layer. */
import { noGrad } from '../autograd/tape.js';
import { ConfigError } from '../errors.js';
import type { Module } from './module.js';
import { TransformerDecoder, TransformerEncoder } from './transformer.js';
import { type Trace, TransformerDecoderLayer, type TransformerEncoderLayer } from './transformer-layers.js';

/** What was measured, and what was set, per sub-layer in the order they run. */
export interface AdminReport {
  /** The layer. */
  path: string;
  /** Var f: of all elements of the branch's output. */
  variance: number;
  /** ω, which multiplies the sub-layer's residual stream. */
  omega: number;
}

/**
 * Runs one batch with ω = 1 and without dropout, and sets ω_i = sqrt(Σ_{j<i} Var f_j) for the i-th sub-layer of its
 * stack; ω_1 = 1, the sum being empty. Call it once, before training, on a batch of the training data; padding counts.
 * The encoder and the decoder are counted apart.
 * @throws ConfigError for a model without `admin` layers
 */
export function profileAdmin<B>(
  model: Module & { forward(batch: B, options: { trace: Trace }): unknown },
  batch: B,
): AdminReport[] {
  const sublayers: { path: string; gain: NonNullable<TransformerEncoderLayer['gain1']>; first: boolean }[] =
    [];
  for (const [, module] of model.namedModules()) {
    if (!(module instanceof TransformerEncoder || module instanceof TransformerDecoder)) continue;
    module.layers.forEach((layer, l) => {
      const [gains, names] =
        layer instanceof TransformerDecoderLayer
          ? [
              [layer.gain1, layer.gain2, layer.gain3],
              ['attention', 'cross', 'ffn'],
            ]
          : [
              [layer.gain1, layer.gain2],
              ['attention', 'ffn'],
            ];
      gains.forEach((gain, i) => {
        if (gain && layer.normPlacement === 'admin')
          sublayers.push({ path: `${layer.path}.${names[i]}`, gain, first: l === 0 && i === 0 });
      });
    });
  }
  if (sublayers.length === 0) {
    throw new ConfigError('the model has no sub-layer with an ω', {
      op: 'profileAdmin',
      expected: "normPlacement 'admin'",
      hint: "build the model with normPlacement 'admin'",
    });
  }
  for (const { gain } of sublayers) gain.set(new Float32Array(gain.size).fill(1));
  const variances = new Map<string, number>();
  const trace: Trace = (name, value) => variances.set(name, variance(value.toArray()));
  model.evaluating(() => noGrad(() => model.forward(batch, { trace }), model.runtime()));
  let sum = 0;
  return sublayers.map(({ path, gain, first }) => {
    if (first) sum = 0;
    const omega = first ? 1 : Math.sqrt(sum);
    const measured = variances.get(path) as number;
    sum += measured;
    gain.set(new Float32Array(gain.size).fill(omega));
    return { path, variance: measured, omega };
  });
}

function variance(values: ArrayLike<number>): number {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i];
  mean /= values.length;
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i] - mean) * (values[i] - mean);
  return total / values.length;
}
