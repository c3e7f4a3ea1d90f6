/** @file Model configuration: every key, its default and its check. Configurations are plain JSON. */
import type { Activation } from '../autograd/ops/index.js';
import {
  checkOptions,
  checkValue,
  either,
  finite,
  flag,
  integer,
  multipleOf,
  oneOf,
  optional,
  positive,
  type Rules,
  seed,
} from '../checks.js';
import { checkKeys } from '../errors.js';
import { type InitScheme, initSchemes } from './init.js';
import type { LayerBias } from './layers.js';
import type { NormKind } from './norms.js';
import type { NormPlacement } from './placement-names.js';
import { type PositionKind, positionKinds } from './positions.js';
import { type RopeScaling, ropeScalingRule } from './rotary-table.js';
import { MAX_LAYERS, type StackConfig } from './transformer.js';
import { type LayerConfig, layerRules, type QkNorm } from './transformer-layers.js';

/** A complete model configuration, as `resolveConfig` returns it. */
export interface ModelConfig {
  /** Number of token ids. */
  vocabSize: number;
  /** Width of the hidden vectors; a multiple of `numHeads`. */
  dModel: number;
  /** Attention heads per layer. Default 4. */
  numHeads: number;
  /** Heads of keys and values, each for as many heads of queries (Ainslie et al. 2023); a divisor of `numHeads`. Default: `numHeads`. */
  numKVHeads: number;
  /** Layers of the stack; for the encoder-decoder, of both stacks unless given apart. Default 6. */
  numLayers: number;
  /** Layers of the encoder; only in the encoder-decoder. Default: `numLayers`. */
  numEncoderLayers: number;
  /** Layers of the decoder; only in the encoder-decoder. Default: `numLayers`. */
  numDecoderLayers: number;
  /** Width of the feed-forward hidden layer. Default 4·dModel. */
  dFF: number;
  /** Most positions a sequence may have, in tokens. Default 256. */
  maxSeqLen: number;
  /** Where the norms stand (docs/placements.md). Default `pre`. */
  normPlacement: NormPlacement;
  /** The decoder's placement; only in the encoder-decoder. Default: `normPlacement`. */
  decoderNormPlacement: NormPlacement;
  /** Norm at the end of each stack: 'auto' puts one where the placement needs it. Default `auto`. */
  finalNorm: 'auto' | boolean;
  /** LayerNorm, RMSNorm, DyT or ScaleNorm, wherever the model has a norm. Default `layer`. */
  norm: NormKind;
  /** Added to the variance in every norm. Default 1e-5. */
  eps: number;
  /** Norm of queries and keys: 'auto' is none but for the placements that have one (`hybrid`, `olmo2`). Default `auto`. */
  qkNorm: QkNorm;
  /** 'gpt2': what is added to a stack's residual stream begins smaller by 1/sqrt(number of branches). Default `none`. */
  residualInit: 'none' | 'gpt2';
  /** Share of the layers that are Post-LN under `mix`. Default 0.25. */
  mixFraction: number;
  /** Whether the first layer is Pre-LN under `hybrid`. Default false. */
  preFirst: boolean;
  /** Inside the feed-forward; `gelu` is the exact form with erf, `geluTanh` GPT-2's. Default `relu`, in VisionTransformer `gelu`. */
  activation: Exclude<Activation, 'none'>;
  /** Whether a third matrix gates the feed-forward (Shazeer 2020): SwiGLU with `silu`, GeGLU with `gelu`. Default false. */
  gatedFFN: boolean;
  /** Which of the layers' projections have biases: all, norms included, none, or those of a part alone. Default true. */
  bias: LayerBias;
  /** Dropout of embeddings and of every branch's output. Default 0. */
  dropout: number;
  /** Dropout inside the feed-forward, after the activation (fairseq's activation_dropout). Default 0. */
  activationDropout: number;
  /** Dropout of the attention probabilities (fairseq's attention_dropout). Default 0. */
  attentionDropout: number;
  /** What tells tokens their places. Default `sinusoidal`, in VisionTransformer `learned`. */
  positions: PositionKind;
  /** Only with `rotary` positions: component pair i turns by position · ropeTheta^(-2i / dHead). Default 10000. */
  ropeTheta?: number;
  /** Only with `rotary` positions: how they are stretched to longer texts. Default: not at all. */
  ropeScaling?: RopeScaling | null;
  /** A norm on the embeddings, before the first layer. Default false. */
  embeddingNorm: boolean;
  /** Use the embedding table as output projection. Default true. */
  tiedEmbeddings: boolean;
  /** Factor on token embeddings; 'sqrt' is sqrt(dModel). Default `sqrt`. */
  embeddingScale: 'sqrt' | number;
  /** How parameters begin. Default `fairseq`. */
  init: InitScheme;
  /** Seed of the initial values. Default 0. */
  seed: number;
}

const defaults = {
  numHeads: 4,
  numLayers: 6,
  maxSeqLen: 256,
  normPlacement: 'pre',
  finalNorm: 'auto',
  norm: 'layer',
  eps: 1e-5,
  qkNorm: 'auto',
  residualInit: 'none',
  mixFraction: 0.25,
  preFirst: false,
  activation: 'relu',
  gatedFFN: false,
  bias: true,
  dropout: 0,
  activationDropout: 0,
  attentionDropout: 0,
  positions: 'sinusoidal',
  embeddingNorm: false,
  tiedEmbeddings: true,
  embeddingScale: 'sqrt',
  init: 'fairseq',
  seed: 0,
} as const satisfies Partial<ModelConfig>;

/** What a user writes: vocabSize and dModel are required, the rest has defaults. */
export type ModelOptions = Partial<ModelConfig> & Pick<ModelConfig, 'vocabSize' | 'dModel'>;

const layers = integer(1, MAX_LAYERS);
const { rotary: _, ...sharedRules } = layerRules;
const rules: Rules<ModelConfig> = {
  vocabSize: integer(1),
  maxSeqLen: integer(1),
  numLayers: layers,
  numEncoderLayers: layers,
  numDecoderLayers: layers,
  ...sharedRules,
  decoderNormPlacement: layerRules.normPlacement,
  finalNorm: oneOf<string | boolean>('auto', true, false),
  positions: oneOf(...positionKinds),
  ropeTheta: optional(positive),
  ropeScaling: optional(ropeScalingRule),
  embeddingNorm: flag,
  tiedEmbeddings: flag,
  embeddingScale: either(oneOf('sqrt'), finite),
  init: oneOf(...initSchemes),
  seed,
};

export const modelKeys: readonly string[] = Object.keys(rules);

/**
 * Fills in defaults and checks every value.
 * @throws ConfigError naming the key, what is required and what came.
 */
export function resolveConfig(op: string, options: ModelOptions): ModelConfig {
  checkKeys(op, options, modelKeys);
  const config = { ...defaults, ...withoutUndefined(options) } as ModelConfig;
  // What dModel is has not been checked yet, and an object may refuse to become a number.
  if (typeof config.dModel === 'number' && config.dFF === undefined) config.dFF = 4 * config.dModel;
  if (config.numEncoderLayers === undefined) config.numEncoderLayers = config.numLayers;
  if (config.numDecoderLayers === undefined) config.numDecoderLayers = config.numLayers;
  if (config.decoderNormPlacement === undefined) config.decoderNormPlacement = config.normPlacement;
  if (config.numKVHeads === undefined) config.numKVHeads = config.numHeads;
  checkOptions(op, config, rules);
  checkValue(op, 'dModel', config.dModel, multipleOf('numHeads', config.numHeads));
  checkValue(op, 'numHeads', config.numHeads, multipleOf('numKVHeads', config.numKVHeads));
  if (config.positions === 'rotary') {
    checkValue(op, 'dModel', config.dModel, multipleOf('2 numHeads, for pairs,', 2 * config.numHeads));
    return { ropeTheta: 10000, ropeScaling: null, ...config };
  }
  for (const key of ['ropeTheta', 'ropeScaling'] as const) {
    if (config[key] !== undefined)
      checkValue(op, `positions, with ${key},`, config.positions, oneOf('rotary'));
  }
  return config;
}

/** The stack's part of a model configuration; `otherLayers` are those of an encoder-decoder's other stack. */
export function stackConfig(
  config: ModelConfig,
  numLayers: number,
  normPlacement = config.normPlacement,
  otherLayers = 0,
): StackConfig {
  const keys = Object.keys(sharedRules) as (keyof typeof sharedRules)[];
  const { maxSeqLen, ropeTheta: theta, ropeScaling: scaling } = config;
  const rotary = config.positions === 'rotary' ? { maxSeqLen, theta, scaling } : null;
  const layer = Object.fromEntries(keys.map((key) => [key, config[key]])) as unknown as LayerConfig;
  return { ...layer, rotary, finalNorm: config.finalNorm, normPlacement, numLayers, otherLayers };
}

function withoutUndefined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
