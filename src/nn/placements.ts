/**
 * @file Where the norm stands: every placement as a formula of one to three lines, with the parts it needs and the
 * numbers and initial values that depend on the depth. N is the norm, f a sub-layer with its dropout.
 * docs/placements.md has the same as a table.
 */
import { add, mul, scale } from '../autograd/ops/index.js';
import type { Parameter, Variable } from '../autograd/variable.js';
import { log64 } from '../runtime/math.js';
import type { Norm } from './layers.js';
import type { NormPlacement } from './placement-names.js';

/** One sub-layer: attention or feed-forward, dropout included. */
export type Branch = (x: Variable) => Variable;

/** What stands around a sub-layer. */
export interface Sublayer {
  kind: 'attention' | 'ffn';
  /** Whether it ends its layer. */
  last: boolean;
  /** Missing where the placement has none here. */
  norm: Norm | null;
  /** The branch's output norm. */
  normOut: Norm | null;
  /** Learnable factor: of the branch (1) or of the residual stream (dModel). */
  gain: Parameter | null;
  /** The placement's number at this depth; 1 where it has none. */
  factor: number;
}

/** What goes through a layer beside x. */
export interface Streams {
  /** What went into the layer. */
  layerInput: Variable;
  /** The second stream of ResiDual; null until its first sub-layer. */
  dual: Variable | null;
}

/** Where a layer stands, and what the configuration says to the placement. */
export interface Place {
  /** From 1. */
  layer: number;
  /** Layers of its stack. */
  numLayers: number;
  /** Layers of the other stack; 0 for an encoder or a decoder alone. */
  otherLayers: number;
  decoder: boolean;
  /** Mix-LN's share of Post-LN layers. */
  mixFraction: number;
  /** HybridNorm: the first layer is Pre-LN. */
  preFirst: boolean;
}

/** Which sub-layers of a layer have something. */
export type SublayerKinds = 'both' | 'attention' | 'ffn' | 'none';

/** A placement as code: what happens around a sub-layer, and the parts and initial values that it needs. */
export interface Placement {
  /** The formula: x (B, T, C) after one sub-layer f. */
  apply(x: Variable, f: Branch, sublayer: Sublayer, streams: Streams): Variable;
  /** Whether the stack ends with a norm when `finalNorm` is 'auto'. */
  finalNorm: boolean | ((place: Place) => boolean);
  /** Which sub-layers have the norm N. Default both. */
  norms?: SublayerKinds;
  /** Which have another one on their output. Default none. */
  outputNorms?: SublayerKinds;
  /** A learnable factor: one number, or one per component of x. */
  gain?: 'scalar' | 'vector';
  /** Norm before the output projection of attention, and before the last matrix of the feed-forward. */
  innerNorm?: SublayerKinds;
  /** A factor per attention head. */
  headGain?: boolean;
  /** What `qkNorm: 'auto'` means: per head, or over the whole width; `value` norms the values too. */
  qkNorm?: { width: 'head' | 'model'; value: boolean };
  /** Another placement in some layers. */
  choose?(place: Place): NormPlacement;
  /** A fixed number of the formula, by depth, e.g. DeepNorm's α. */
  factor?(place: Place): number;
  /** Gain of V, O and the feed-forward at initialisation, on top of Xavier's. */
  initGain?(place: Place): number;
  /** What the last norm of a layer hides: the sum in front of it, y being f(x). */
  hidden?(x: Variable, y: Variable, sublayer: Sublayer, streams: Streams): Variable;
}

const norm = (sublayer: Sublayer): Norm => sublayer.norm as Norm;
const normOut = (sublayer: Sublayer): Norm => sublayer.normOut as Norm;
const gain = (sublayer: Sublayer): Parameter => sublayer.gain as Parameter;
const fourthRoot = (x: number): number => Math.sqrt(Math.sqrt(x));
const sixteenthRoot = (x: number): number => fourthRoot(fourthRoot(x));

/** (N⁴ M)^(1/16), N layers of the encoder, M of the decoder. */
const depthOfEncoder = ({ numLayers: n, otherLayers: m }: Place): number => sixteenthRoot(n * n * n * n * m);

/** DeepNorm's α (Wang et al. 2022, arXiv 2203.00555, Fig. 2). */
function deepnormAlpha(place: Place): number {
  if (!place.otherLayers) return fourthRoot(2 * place.numLayers);
  return place.decoder ? fourthRoot(3 * place.numLayers) : 0.81 * depthOfEncoder(place);
}

/** DeepNorm's β, from the same table. */
function deepnormBeta(place: Place): number {
  if (!place.otherLayers) return 1 / fourthRoot(8 * place.numLayers);
  return place.decoder ? 1 / fourthRoot(12 * place.numLayers) : 0.87 / depthOfEncoder(place);
}

/** Magneto's γ (Wang et al. 2022, arXiv 2210.06423, Fig. 2). */
function subGain({ numLayers: n, otherLayers: m, decoder }: Place): number {
  if (!m) return Math.sqrt(log64(2 * n));
  return Math.sqrt(decoder ? log64(3 * n) : (log64(3 * m) * log64(2 * n)) / 3);
}

/** T-Fixup's factor (Huang et al. 2020, section 3.2). */
function tfixupGain({ numLayers, decoder }: Pick<Place, 'numLayers' | 'decoder'>): number {
  return decoder ? 1 / fourthRoot(9 * numLayers) : 0.67 / fourthRoot(numLayers);
}

/** Post-LN: Xiong et al. 2020, Fig. 1 (a) and Table 1, left. No norm at the end. */
const post: Placement = {
  apply: (x, f, s) => norm(s).forwardSum(x, f(x)),
  hidden: (x, y) => add(x, y),
  finalNorm: false,
};

/** Pre-LN: Xiong et al. 2020, Fig. 1 (b) and Table 1, right. x_Final = N(x) before the predictor. */
const pre: Placement = {
  apply: (x, f, s) => add(x, f(norm(s).forward(x))),
  finalNorm: true,
};

/** Peri-LN: Kim et al. 2025 (arXiv 2502.02732), section 3, and a final norm. */
const peri: Placement = {
  apply: (x, f, s) => add(x, normOut(s).forward(f(norm(s).forward(x)))),
  finalNorm: true,
  outputNorms: 'both',
};

/** The formula of every placement; docs/placements.md has them as a table, with their sources. */
export const placements: Record<NormPlacement, Placement> = {
  post,
  pre,
  peri,
  // Sandwich-LN: Ding et al. 2021 (CogView, arXiv 2105.13290), section 2.4: the block of Peri-LN.
  sandwich: peri,
  // Sub-LN: Wang et al. 2022 (Magneto, arXiv 2210.06423). Pre-LN; f has a norm before its output matrix.
  sub: { ...pre, innerNorm: 'both', initGain: subGain },
  // DeepNorm: Wang et al. 2022 (arXiv 2203.00555), section 3.
  deepnorm: {
    apply: (x, f, s) => norm(s).forwardSum(scale(x, s.factor), f(x)),
    hidden: (x, y, s) => add(scale(x, s.factor), y),
    finalNorm: false,
    factor: deepnormAlpha,
    initGain: deepnormBeta,
  },
  // Admin: Liu et al. 2020 (arXiv 2004.08249), section 4.3. The gain ω is 1 until profileAdmin sets it.
  admin: {
    apply: (x, f, s) => norm(s).forwardSum(mul(x, gain(s)), f(x)),
    hidden: (x, y, s) => add(mul(x, gain(s)), y),
    finalNorm: false,
    gain: 'vector',
  },
  // ReZero: Bachlechner et al. 2020 (arXiv 2003.04887), eq. 1. The gain begins at 0.
  rezero: {
    apply: (x, f, s) => add(x, mul(f(x), gain(s))),
    finalNorm: false,
    norms: 'none',
    gain: 'scalar',
  },
  // T-Fixup: Huang et al. 2020. No norm at all; the initial values make up for it.
  tfixup: {
    apply: (x, f) => add(x, f(x)),
    finalNorm: false,
    norms: 'none',
    initGain: tfixupGain,
  },
  // B2T: Takase et al. 2022 (arXiv 2206.00330), section 4. The layer's input joins before its last norm.
  b2t: {
    apply: (x, f, s, { layerInput }) => norm(s).forwardSum(s.last ? add(layerInput, x) : x, f(x)),
    hidden: (x, y, _, { layerInput }) => add(add(layerInput, x), y),
    finalNorm: false,
  },
  // ResiDual: Xie et al. 2023 (arXiv 2304.14802), section 3.1. The stack ends with x + N(dual).
  residual: {
    apply: (x, f, s, streams) => {
      const y = f(x);
      streams.dual = add(streams.dual ?? x, y);
      return norm(s).forwardSum(x, y);
    },
    hidden: (x, y) => add(x, y),
    finalNorm: true,
  },
  // NormFormer: Shleifer et al. 2021 (arXiv 2110.09456), section 2.
  normformer: {
    apply: (x, f, s) => (s.kind === 'attention' ? peri : pre).apply(x, f, s, { layerInput: x, dual: null }),
    finalNorm: true,
    outputNorms: 'attention',
    innerNorm: 'ffn',
    headGain: true,
  },
  // Mix-LN: Li et al. 2024 (arXiv 2412.13795), section 3: Post-LN in the first ⌊a·L⌋ layers.
  mix: {
    ...pre,
    choose: ({ layer, numLayers, mixFraction }) =>
      layer <= Math.floor(mixFraction * numLayers) ? 'post' : 'pre',
    finalNorm: ({ numLayers, mixFraction }) => Math.floor(mixFraction * numLayers) < numLayers,
  },
  // HybridNorm: Zhuo et al. 2025 (arXiv 2503.04598), section 3. Attention norms its queries, keys and values.
  hybrid: {
    apply: (x, f, s) => {
      const h = s.norm ? s.norm.forward(x) : x;
      return add(h, f(h));
    },
    finalNorm: true,
    norms: 'ffn',
    qkNorm: { width: 'head', value: true },
    choose: ({ layer, preFirst }) => (preFirst && layer === 1 ? 'pre' : 'hybrid'),
  },
  // LayerNorm Scaling: Sun et al. 2025 (arXiv 2502.05795), eq. 5. The factor is 1/sqrt(layer).
  lns: {
    apply: (x, f, s) => add(x, f(scale(norm(s).forward(x), s.factor))),
    finalNorm: true,
    factor: ({ layer }) => 1 / Math.sqrt(layer),
  },
  // OLMo 2: arXiv 2501.00656, section 3: the norm on the output only, and norms on queries and keys.
  olmo2: {
    apply: (x, f, s) => add(x, norm(s).forward(f(x))),
    finalNorm: true,
    qkNorm: { width: 'model', value: false },
  },
};

/** Whether a table entry names a kind of sub-layer. */
export const standsAt = (at: SublayerKinds | undefined, kind: Sublayer['kind']): boolean =>
  at === 'both' || at === kind;

/** The placement of one layer. */
export function placementAt(name: NormPlacement, place: Place): Placement {
  return placements[placements[name].choose?.(place) ?? name];
}

/** T-Fixup also scales the token embeddings of an encoder-decoder, by its decoder's factor; 1 for every other. */
export function embeddingInitGain(decoderPlacement: NormPlacement, decoderLayers: number): number {
  return decoderPlacement === 'tfixup' ? tfixupGain({ numLayers: decoderLayers, decoder: true }) : 1;
}
