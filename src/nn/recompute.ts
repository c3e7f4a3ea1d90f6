/** @file Layers that keep nothing but what goes into them, and are computed again in the backward. */
import { recompute as recomputePart } from '../autograd/ops/recompute.js';
import type { Variable } from '../autograd/variable.js';
import { checkValue, either, flag, having, integer } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { Module } from './module.js';
import { inTurn, type LayerRunner, TransformerDecoder, TransformerEncoder } from './transformer.js';

/** Which layers: all, one by one; or as many together. */
export const recomputeRule = either(flag, integer(1));

/**
 * Has every layer of the model's stacks (`true`), or every `every` layers together, keep only what goes into them, and
 * computes the rest again in the backward: less memory for about a third more time, and the same bits. `plan()` shows
 * what it saves. With `false` all is kept again, as in a new model. Where a `trace` looks on, everything is kept.
 * @throws ConfigError for a model without `TransformerEncoder` and `TransformerDecoder`, or more layers together than
 * any of its stacks has
 */
export function recompute<M extends Module>(model: M, every: boolean | number): M {
  checkValue('recompute', 'model', model, having('a model', 'namedModules'));
  checkValue('recompute', 'recompute', every, recomputeRule);
  const stacks = [...model.namedModules()].flatMap(([, module]) =>
    module instanceof TransformerEncoder || module instanceof TransformerDecoder ? module : [],
  );
  const deepest = Math.max(0, ...stacks.map(({ layers }) => layers.length));
  if (every && deepest < Number(every)) {
    throw new ConfigError(
      `recompute must be at most ${deepest}, the layers of the deepest stack of the model, got ${every}`,
      { op: 'recompute', expected: deepest, actual: every },
    );
  }
  for (const stack of stacks) stack.runner = every ? inGroups(Number(every)) : inTurn;
  return model;
}

/** Layers in groups of `size`, each of which is computed again in the backward. */
function inGroups(size: number): LayerRunner {
  return (layers, x, streams, memory, step) => {
    for (let i = 0; i < layers.length; i += size) {
      const group = layers.slice(i, i + size);
      const { dual } = streams;
      const inputs = [x, dual, memory].filter((input): input is Variable => input !== null);
      const shapes = group[0].placement.secondStream ? [x.shape, x.shape] : [x.shape];
      const [y, second = null] = recomputePart(inputs, shapes, (given) => {
        const own = { layerInput: given[0], dual: dual && given[1] };
        const out = inTurn(group, given[0], own, memory && given[given.length - 1], step);
        return own.dual ? [out, own.dual] : [out];
      });
      x = y;
      streams.dual = second;
    }
    return x;
  };
}
