/**
 * @file How much each position looks at each other. The fused kernel never has these weights all at once; here they are
 * computed again, for one layer and some heads, from the queries and keys that it reads.
 */
import { concat, matmul, permute, reshape, scale, slice, softmax } from '../autograd/ops/index.js';
import { noGrad } from '../autograd/tape.js';
import { tensor, type Variable } from '../autograd/variable.js';
import { checkOptions, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { AttentionCall, MultiHeadAttention } from './attention.js';
import type { Module } from './module.js';

/** Which attention of a model. */
export interface AttentionWeightsOptions {
  /** Layer of its stack: 0, 1, … as in the keys of the state dict. */
  layer: number;
  /**
   * `encoder`: of the encoder, and of the only stack of a model that has one; `decoder`: the decoder's self-attention;
   * `cross`: what it pays to the encoder's result. Default `encoder`.
   */
  attention?: 'encoder' | 'decoder' | 'cross';
  /** Heads 0, 1, … to compute. Default: all. */
  heads?: readonly number[];
}

/** A layer's attentions. */
export interface AttendingLayer {
  selfAttn: MultiHeadAttention;
  multiheadAttn?: MultiHeadAttention;
}

/** A model with a stack of layers, or two; all of this package's are. */
export interface AttendingModel<B> extends Module {
  encoder: { layers: readonly AttendingLayer[] };
  decoder?: { layers: readonly AttendingLayer[] };
  /** The pass that the weights are of. */
  forward(batch: B): unknown;
}

const rules = (layers: number, heads: number): Rules<AttentionWeightsOptions> => ({
  layer: integer(0, layers - 1),
  attention: optional(oneOf('encoder', 'decoder', 'cross')),
  heads: optional({
    wanted: `a list of whole numbers from 0 to ${heads - 1}`,
    holds: (list) => Array.isArray(list) && list.length > 0 && list.every(integer(0, heads - 1).holds),
  }),
});

/**
 * The weights (B, heads, Tq, Tk) that a model's attention has on a batch: softmax(q kᵀ / sqrt(dHead)) over the keys that
 * the query sees, 0 elsewhere; each row sums to 1, but for a query that sees nothing. Dropout is off. The pass ends at
 * the layer asked for.
 * @throws ConfigError for an unknown or missing option or one out of range, and for an attention the model has not
 */
export function attentionWeights<B>(
  model: AttendingModel<B>,
  batch: B,
  options: AttentionWeightsOptions,
): Variable {
  const { attention: which = 'encoder' } = (options as AttentionWeightsOptions | null) ?? {};
  const layers = (which === 'encoder' ? model.encoder : model.decoder)?.layers;
  if (!layers && (which === 'decoder' || which === 'cross')) {
    throw new ConfigError(`attention is '${which}', but the model has no decoder`, {
      op: 'attentionWeights',
      expected: 'encoder',
      actual: which,
    });
  }
  const known = layers ?? model.encoder.layers;
  checkOptions('attentionWeights', options, rules(known.length, known[0].selfAttn.numHeads));
  const { selfAttn, multiheadAttn } = known[options.layer];
  const attention = which === 'cross' ? (multiheadAttn as MultiHeadAttention) : selfAttn;
  const heads = options.heads ?? Array.from({ length: attention.numHeads }, (_, h) => h);
  return model.evaluating(() =>
    noGrad(() => {
      let weights: Variable | null = null;
      const reached = new Reached();
      try {
        attention.watched(
          (call) => {
            // What a layer computes goes with it.
            weights = weightsOf(call, attention, heads).keep();
            throw reached;
          },
          () => model.forward(batch),
        );
      } catch (error) {
        if (error !== reached) throw error;
      }
      return weights as unknown as Variable;
    }, model.runtime()),
  );
}

/** Ends a pass: the layers above would compute what nobody wants. */
class Reached {}

function weightsOf(
  { q, kv, mask }: AttentionCall,
  { numHeads, numKVHeads, kvWidth }: MultiHeadAttention,
  heads: readonly number[],
): Variable {
  const [batch, queries, width] = q.shape;
  const keys = kv.shape[1];
  const dHead = width / numHeads;
  const group = numHeads / numKVHeads;
  const ofHeads = (x: Variable, shared: number): Variable => {
    const all = permute(reshape(x, [batch, x.shape[1], -1, dHead]), [0, 2, 1, 3]);
    return concat(
      heads.map((h) => slice(all, 1, Math.floor(h / shared), Math.floor(h / shared) + 1)),
      1,
    ); // (B, heads, T, dHead)
  };
  const scores = scale(
    matmul(ofHeads(q, 1), ofHeads(slice(kv, 2, 0, kvWidth), group), { transposeB: true }),
    1 / Math.sqrt(dHead),
  );
  const valid = mask.lengths?.toArray();
  // A query sees keys from the first on, so what it sees is a number.
  const seen = Int32Array.from({ length: batch * heads.length * queries }, (_, row) => {
    const b = Math.floor(row / (heads.length * queries));
    const most = valid ? Math.max(0, Math.min(keys, valid[b])) : keys;
    return mask.causal ? Math.min(most, (row % queries) + 1) : most;
  });
  return softmax(scores, { lengths: tensor(seen) });
}
