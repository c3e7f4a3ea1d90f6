/** @file Stacks of encoder and decoder layers, and the final norm where the placement needs one. */
import { resultAlone } from '../autograd/ops/in-place.js';
import { add } from '../autograd/ops/index.js';
import type { CachePlace, KeyValueCache, SharedMemory } from '../autograd/ops/key-value-cache.js';
import { isGradEnabled } from '../autograd/tape.js';
import type { Variable } from '../autograd/variable.js';
import { checkOptions, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { AttentionMask } from './attention.js';
import type { Norm } from './layers.js';
import { Module } from './module.js';
import { makeNorm } from './norms.js';
import { type Placement, placements, type Streams } from './placements.js';
import {
  type LayerConfig,
  type LayerPosition,
  layerRules,
  placeOf,
  type Trace,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from './transformer-layers.js';

/** A stack of equal layers; `finalNorm` 'auto' puts a norm at its end where the placement needs one. */
export interface StackConfig extends LayerConfig {
  /** Layers of the stack. */
  numLayers: number;
  /** Norm at the end of the stack: 'auto' puts one where the placement needs it. */
  finalNorm: 'auto' | boolean;
  /** Layers of the other stack of an encoder-decoder; 0 where there is none. Default 0. */
  otherLayers?: number;
}

/** Four times the deepest Transformer published (DeepNet, 1,000 layers); beyond it stands a slip or malice. */
export const MAX_LAYERS = 4096;

const stackRules: Rules<StackConfig> = {
  ...layerRules,
  numLayers: integer(1, MAX_LAYERS),
  finalNorm: oneOf<string | boolean>('auto', true, false),
  otherLayers: optional(integer(0, MAX_LAYERS)),
};

function finalNormOf(config: StackConfig, decoder: boolean): Norm | null {
  const { numLayers, otherLayers = 0 } = config;
  const place = placeOf(config, decoder, { layer: numLayers, numLayers, otherLayers });
  const { finalNorm, insteadOfNoNorm, finalEps = 1 } = placements[config.normPlacement];
  const auto = typeof finalNorm === 'function' ? finalNorm(place) : finalNorm;
  const wanted = config.finalNorm === 'auto' ? auto : config.finalNorm;
  if (!wanted && insteadOfNoNorm) {
    throw new ConfigError(`'${config.normPlacement}' ends in its final norm, finalNorm must not be false`, {
      op: 'Transformer',
      expected: "'auto' or true",
      actual: config.finalNorm,
      hint: insteadOfNoNorm,
    });
  }
  return wanted ? makeNorm({ ...config, eps: config.eps * finalEps }) : null;
}

/** Every layer of a stack with its position. */
function makeLayers<L>(
  op: string,
  config: StackConfig,
  make: (config: LayerConfig, position: LayerPosition) => L,
): L[] {
  checkOptions(op, config, stackRules);
  const { numLayers, otherLayers = 0, finalNorm: _, ...layer } = config;
  return Array.from({ length: numLayers }, (_, i) => make(layer, { layer: i + 1, numLayers, otherLayers }));
}

/** The end of a stack: the final norm, and where there is a second stream, its sum with the first. */
function finish(x: Variable, norm: Norm | null, { dual }: Streams): Variable {
  if (!norm) return x;
  return dual ? add(x, norm.forward(dual)) : norm.forward(x);
}

/** Takes x through a layer; the stack's second input, if it has one, is `memory`. */
type Step<L> = (layer: L, x: Variable, streams: Streams, memory: Variable | null) => Variable;

/** How x goes through layers, one after the other. @internal */
export type LayerRunner = <L extends { readonly placement: Placement }>(
  layers: readonly L[],
  x: Variable,
  streams: Streams,
  memory: Variable | null,
  step: Step<L>,
) => Variable;

/** @internal */
export const inTurn: LayerRunner = (layers, x, streams, memory, step) => {
  for (const layer of layers) x = step(layer, x, streams, memory);
  return x;
};

/** Where nothing is recorded, nobody reads what a layer has computed on its way: it leaves its result, and frees the rest. */
const leavingNothing: LayerRunner = (layers, x, streams, memory, step) => {
  for (const layer of layers) {
    const input = x;
    x = resultAlone(input, () => step(layer, input, streams, memory));
  }
  return x;
};

function runnerOf(runner: LayerRunner, [first]: readonly { readonly placement: Placement }[]): LayerRunner {
  // A second stream goes on beside the first, and lies where a layer has left it.
  return isGradEnabled() || first?.placement.secondStream ? runner : leavingNothing;
}

/** x through all layers of a stack to its end; a trace sees what is kept. */
function through<L extends { readonly placement: Placement }>(
  { layers, norm, runner }: { layers: readonly L[]; norm: Norm | null; runner: LayerRunner },
  x: Variable,
  memory: Variable | null,
  trace: Trace | undefined,
  step: Step<L>,
): Variable {
  const streams: Streams = { layerInput: x, dual: null };
  return finish((trace ? inTurn : runnerOf(runner, layers))(layers, x, streams, memory, step), norm, streams);
}

/** A stack of encoder layers, and the final norm where the placement needs one. */
export class TransformerEncoder extends Module {
  static override readonly name: string = 'TransformerEncoder';
  readonly layers: TransformerEncoderLayer[];
  readonly norm: Norm | null;
  /** Set by `recompute`. @internal */
  runner: LayerRunner = inTurn;

  constructor(config: StackConfig) {
    super();
    this.layers = makeLayers(
      'TransformerEncoder',
      config,
      (layer, position) => new TransformerEncoderLayer(layer, position),
    );
    this.norm = finalNormOf(config, false);
  }

  /** x (B, T, C) to (B, T, C). `trace` sees what each layer computes. */
  forward(x: Variable, mask: AttentionMask = {}, trace?: Trace): Variable {
    return through(this, x, null, trace, (layer, h, streams) => layer.forward(h, mask, trace, streams));
  }

  /**
   * x (B, T, C), the next positions, with a cache per layer that holds the ones before; causal. With a `place` one position
   * per row.
   */
  forwardCached(x: Variable, caches: readonly KeyValueCache[], place: CachePlace | null = null): Variable {
    const streams: Streams = { layerInput: x, dual: null };
    this.layers.forEach((layer, i) => {
      x = layer.forwardCached(x, caches[i], streams, place);
    });
    return finish(x, this.norm, streams);
  }
}

/** A stack of decoder layers, and the final norm where the placement needs one. */
export class TransformerDecoder extends Module {
  static override readonly name: string = 'TransformerDecoder';
  readonly layers: TransformerDecoderLayer[];
  readonly norm: Norm | null;
  /** Set by `recompute`. @internal */
  runner: LayerRunner = inTurn;

  constructor(config: StackConfig) {
    super();
    this.layers = makeLayers(
      'TransformerDecoder',
      config,
      (layer, position) => new TransformerDecoderLayer(layer, position),
    );
    this.norm = finalNormOf(config, true);
  }

  /** x (B, T, C), attending to itself and to `memory` (B, S, C), to (B, T, C). */
  forward(
    x: Variable,
    memory: Variable,
    mask: AttentionMask,
    memoryMask: AttentionMask,
    trace?: Trace,
  ): Variable {
    return through(this, x, memory, trace, (layer, h, streams, given) =>
      layer.forward(h, given as Variable, mask, memoryMask, trace, streams),
    );
  }

  /**
   * x (B, 1, C), the newest position; `memoryKVs` are what each layer's `projectMemory` made of the encoder's
   * output.
   */
  forwardCached(
    x: Variable,
    caches: readonly KeyValueCache[],
    memoryKVs: readonly Variable[],
    memory: SharedMemory,
    place: CachePlace,
  ): Variable {
    const streams: Streams = { layerInput: x, dual: null };
    this.layers.forEach((layer, i) => {
      x = layer.forwardCached(x, caches[i], memoryKVs[i], memory, place, streams);
    });
    return finish(x, this.norm, streams);
  }
}
