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

/** What formulas are made of: on variables they compute, on the values of a graph they write it down. */
export interface Algebra<X> {
  /** a + b */
  add(a: X, b: X): X;
  /** a ⊙ b, of which one may have fewer axes or sizes of 1. */
  mul(a: X, b: X): X;
  /** factor · x */
  scale(x: X, factor: number): X;
}

/** A norm as the formulas have it. */
export interface Normed<X> {
  /** norm(x) */
  forward(x: X): X;
  /** norm(x + residual) */
  forwardSum(x: X, residual: X): X;
}

/** One sub-layer, attention or feed-forward, dropout included; with `norm`, dropout(norm(f(x))). */
export type Branch<X = Variable> = (x: X, norm?: Normed<X>) => X;

/** What stands around a sub-layer: norms `N`, and a learnable factor `G`. */
export interface Sublayer<N = Norm, G = Parameter> {
  /** Self-attention, attention over the encoder's output, or feed-forward. */
  kind: 'attention' | 'cross' | 'ffn';
  /** Whether it ends its layer. */
  last: boolean;
  /** Missing where the placement has none here. */
  norm: N | null;
  /** The branch's output norm. */
  normOut: N | null;
  /** Learnable factor: of the layer's branches (1), which share it, or of the residual stream (dModel). */
  gain: G | null;
  /** The placement's number at this depth; 1 where it has none. */
  factor: number;
}

/** What goes through a layer beside x. */
export interface Streams<X = Variable> {
  /** What went into the layer. */
  layerInput: X;
  /** The second stream of ResiDual; null until its first sub-layer. */
  dual: X | null;
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
export type SublayerKinds = readonly Sublayer['kind'][];
const everywhere: SublayerKinds = ['attention', 'cross', 'ffn'];

/** A placement as code: what happens around a sub-layer, and the parts and initial values that it needs. */
export interface Placement {
  /** The formula: x (B, T, C) after one sub-layer f. `algebra` is that of variables unless another is given. */
  apply<X>(
    x: X,
    f: Branch<X>,
    sublayer: Sublayer<Normed<X>, X>,
    streams: Streams<X>,
    algebra?: Algebra<X>,
  ): X;
  /** Whether the stack ends with a norm when `finalNorm` is 'auto'. */
  finalNorm: boolean | ((place: Place) => boolean);
  /** Which sub-layers have the norm N. Default all. */
  norms?: SublayerKinds;
  /** Which have another one on their output. Default none. */
  outputNorms?: SublayerKinds;
  /** A learnable factor: one number, or one per component of x. */
  gain?: 'scalar' | 'vector';
  /** Norm before the output projection of attention, and before the last matrix of the feed-forward. */
  innerNorm?: SublayerKinds;
  /** A factor per head of self-attention. */
  headGain?: boolean;
  /** What `qkNorm: 'auto'` means: per head, or over the whole width; `value` norms the values too. */
  qkNorm?: { width: 'head' | 'model'; value: boolean };
  /** Another placement in some layers. */
  choose?(place: Place): Placement | undefined;
  /** A fixed number of the formula, by depth, e.g. DeepNorm's α. */
  factor?(place: Place): number;
  /** Gain of V, O and the feed-forward at initialisation, on top of Xavier's. */
  initGain?(place: Place): number;
  /** Which sub-layers have it. Default all. */
  gainAt?: SublayerKinds;
  /** `initGain` is of every matrix, Q and K too, on top of the scheme's own values. */
  gainOfAll?: boolean;
  /** The final norm's eps, as a multiple of the others'. Default 1. */
  finalEps?: number;
  /** Where `finalNorm: false` is refused: what to take instead. */
  insteadOfNoNorm?: string;
  /** Gain of the token embeddings of an encoder-decoder at initialisation, by the depth of the stack. Default 1. */
  embeddingGain?(numLayers: number): number;
  /** Whether a second stream goes from layer to layer beside x. */
  secondStream?: boolean;
  /** Whether its factors are measured on a batch before training, by `profileAdmin`. */
  profiled?: boolean;
  /** What the last norm of a layer hides: the sum in front of it, y being f(x). */
  hidden?(x: Variable, y: Variable, sublayer: Sublayer, streams: Streams): Variable;
}

const norm = <N>(sublayer: Sublayer<N, unknown>): N => sublayer.norm as N;
const normOut = <N>(sublayer: Sublayer<N, unknown>): N => sublayer.normOut as N;
const gain = <G>(sublayer: Sublayer<unknown, G>): G => sublayer.gain as G;
/** That of variables, for whoever gives no other: then they are what comes. */
const own = { add, mul, scale } as unknown as Algebra<never>;
const fourthRoot = (x: number): number => Math.sqrt(Math.sqrt(x));
const sixteenthRoot = (x: number): number => fourthRoot(fourthRoot(x));

/** (N⁴ M)^(1/16), N layers of the encoder, M of the decoder. */
const depthOfEncoder = ({ numLayers: n, otherLayers: m }: Place): number => sixteenthRoot(n * n * n * n * m);

/** DeepNorm's α (Wang et al. 2022, arXiv 2203.00555, Fig. 2). */
function deepnormAlpha(place: Place): number {
  if (!place.otherLayers) return fourthRoot(2 * place.numLayers);
  return place.decoder ? fourthRoot(3 * place.numLayers) : 0.81 * depthOfEncoder(place);
}

/** DeepNorm's β, from the same table (torchscale's encoder of two stacks has 1.15 for 0.87). */
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
  apply: (x, f, s, _, { add } = own) => add(x, f(norm(s).forward(x))),
  finalNorm: true,
};

/** Peri-LN: Kim et al. 2025 (arXiv 2502.02732), section 3, and a final norm. */
const peri: Placement = {
  apply: (x, f, s, _, { add } = own) => add(x, normOut(s).forward(f(norm(s).forward(x)))),
  finalNorm: true,
  outputNorms: everywhere,
};

/** HybridNorm's attention. */
const normedHeads: Placement['qkNorm'] = { width: 'head', value: true };

/** The formula of every placement; docs/placements.md has them as a table, with their sources. */
export const placements: Record<NormPlacement, Placement> = {
  post,
  pre,
  peri,
  // Sandwich-LN: Ding et al. 2021 (CogView, arXiv 2105.13290), section 2.4: the block of Peri-LN.
  sandwich: peri,
  // Sub-LN: Wang et al. 2022 (Magneto, arXiv 2210.06423), section 2.1. Pre-LN; f has a norm before its output matrix,
  // except in attention over the encoder's output, which torchscale keeps the gain from, too.
  sub: { ...pre, innerNorm: ['attention', 'ffn'], initGain: subGain, gainAt: ['attention', 'ffn'] },
  // DeepNorm: Wang et al. 2022 (arXiv 2203.00555), section 3.
  deepnorm: {
    apply: (x, f, s, _, { scale } = own) => norm(s).forwardSum(scale(x, s.factor), f(x)),
    hidden: (x, y, s) => add(scale(x, s.factor), y),
    finalNorm: false,
    factor: deepnormAlpha,
    initGain: deepnormBeta,
  },
  // Admin: Liu et al. 2020 (arXiv 2004.08249), section 4.3. The gain ω is 1 until profileAdmin sets it.
  admin: {
    apply: (x, f, s, _, { mul } = own) => norm(s).forwardSum(mul(x, gain(s)), f(x)),
    hidden: (x, y, s) => add(mul(x, gain(s)), y),
    finalNorm: false,
    gain: 'vector',
    profiled: true,
  },
  // ReZero: Bachlechner et al. 2020 (arXiv 2003.04887), eq. 1. The gain begins at 0, one for all branches of a layer.
  rezero: {
    apply: (x, f, s, _, { add, mul } = own) => add(x, mul(f(x), gain(s))),
    finalNorm: false,
    norms: [],
    gain: 'scalar',
  },
  // T-Fixup: Huang et al. 2020. No norm at all; the initial values make up for it, those of an encoder-decoder's token
  // embeddings by (9N)^(-1/4).
  tfixup: {
    apply: (x, f, _, __, { add } = own) => add(x, f(x)),
    finalNorm: false,
    norms: [],
    initGain: tfixupGain,
    // The paper has one depth, of both stacks.
    embeddingGain: (numLayers) => tfixupGain({ numLayers, decoder: true }),
  },
  // B2T: Takase et al. 2022 (arXiv 2206.00330), section 4. The layer's input joins before its last norm. The authors'
  // code divides every matrix by the root of the stack's depth.
  b2t: {
    apply: (x, f, s, { layerInput }, { add } = own) =>
      norm(s).forwardSum(s.last ? add(layerInput, x) : x, f(x)),
    hidden: (x, y, _, { layerInput }) => add(add(layerInput, x), y),
    finalNorm: false,
    initGain: ({ numLayers }) => 1 / Math.sqrt(numLayers),
    gainOfAll: true,
  },
  // ResiDual: Xie et al. 2023 (arXiv 2304.14802), section 3.1. The stack ends with x + N(dual), whose eps in the authors'
  // code is 1e-7 beside 1e-5.
  residual: {
    apply: (x, f, s, streams, { add } = own) => {
      const y = f(x);
      streams.dual = add(streams.dual ?? x, y);
      return norm(s).forwardSum(x, y);
    },
    hidden: (x, y) => add(x, y),
    finalNorm: true,
    secondStream: true,
    insteadOfNoNorm: "without the second stream it is Post-LN: use normPlacement 'post'",
    finalEps: 0.01,
  },
  // NormFormer: Shleifer et al. 2021 (arXiv 2110.09456), section 2. As in the authors' code, dropout follows the norm, and
  // attention over the encoder's output is Pre-LN's.
  normformer: {
    apply: (x, f, s, _, { add } = own) => add(x, f(norm(s).forward(x), s.normOut ?? undefined)),
    finalNorm: true,
    outputNorms: ['attention'],
    innerNorm: ['ffn'],
    headGain: true,
  },
  // Mix-LN: Li et al. 2024 (arXiv 2412.13795), section 3: Post-LN in the first ⌊a·L⌋ layers.
  mix: {
    ...pre,
    choose: ({ layer, numLayers, mixFraction }) =>
      layer <= Math.floor(mixFraction * numLayers) ? post : pre,
    finalNorm: ({ numLayers, mixFraction }) => Math.floor(mixFraction * numLayers) < numLayers,
  },
  // HybridNorm: Zhuo et al. 2025 (arXiv 2503.04598), section 3. Attention norms its queries, keys and values, also in the
  // first layer of HybridNorm*, which is Pre-LN.
  hybrid: {
    apply: (x, f, s, _, { add } = own) => {
      const h = s.norm ? s.norm.forward(x) : x;
      return add(h, f(h));
    },
    finalNorm: true,
    norms: ['ffn'],
    qkNorm: normedHeads,
    choose: ({ layer, preFirst }) => (preFirst && layer === 1 ? { ...pre, qkNorm: normedHeads } : undefined),
  },
  // LayerNorm Scaling: Sun et al. 2025 (arXiv 2502.05795), eq. 5. The factor is 1/sqrt(layer).
  lns: {
    apply: (x, f, s, _, { add, scale } = own) => add(x, f(scale(norm(s).forward(x), s.factor))),
    finalNorm: true,
    factor: ({ layer }) => 1 / Math.sqrt(layer),
  },
  // OLMo 2: arXiv 2501.00656, section 3: the norm on the output only, and norms on queries and keys. As in the authors'
  // code, dropout follows the norm.
  olmo2: {
    apply: (x, f, s, _, { add } = own) => add(x, f(x, norm(s))),
    finalNorm: true,
    qkNorm: { width: 'model', value: false },
  },
};

/** The placement of one layer. */
export function placementAt(name: NormPlacement, place: Place): Placement {
  return placements[name].choose?.(place) ?? placements[name];
}

/**
 * Gain of the token embeddings of an encoder-decoder. In the code of T-Fixup's authors a table that both stacks share takes
 * the encoder's.
 */
export function embeddingInitGain(config: {
  normPlacement: NormPlacement;
  numEncoderLayers: number;
  decoderNormPlacement: NormPlacement;
  numDecoderLayers: number;
}): number {
  const { normPlacement, numEncoderLayers, decoderNormPlacement, numDecoderLayers } = config;
  const encoder = placements[normPlacement].embeddingGain?.(numEncoderLayers);
  return encoder ?? placements[decoderNormPlacement].embeddingGain?.(numDecoderLayers) ?? 1;
}
