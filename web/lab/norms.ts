/** @file Where a placement has its norms, for drawing: as in the paper's Figure 1, one rule a placement. */
import type { NormPlacement } from '../../src/nn/placement-names.js';

/** Norms around a block, and in it. */
export interface DrawnNorms {
  /** On the main line, after the addition. */
  main: boolean;
  /** On the branch, before the block. */
  before: boolean;
  /** On the branch, behind the block. */
  behind: boolean;
  /** In the block: before its last matrix, or on queries and keys. */
  inside: boolean;
}

export type BlockKind = 'attention' | 'cross' | 'ffn';

export interface DrawnPlacement {
  /** Norms of a block of the layer `layer` of `layers`. */
  block(kind: BlockKind, layer: number, layers: number): DrawnNorms;
  /** One at the top of the stack. */
  last: boolean;
}

const rule = (text: '' | 'main' | 'before' | 'both' | 'behind', inside = false): DrawnNorms => ({
  main: text === 'main',
  before: text === 'before' || text === 'both',
  behind: text === 'behind' || text === 'both',
  inside,
});
const always = (text: Parameters<typeof rule>[0], last: boolean): DrawnPlacement => ({
  block: () => rule(text),
  last,
});

/** Factors are not drawn: the placement's name says them. */
export const drawnPlacements: Readonly<Record<NormPlacement, DrawnPlacement>> = {
  post: always('main', false),
  pre: always('before', true),
  peri: always('both', true),
  sandwich: always('both', true),
  sub: {
    block: (kind) => rule('before', kind !== 'cross'),
    last: true,
  },
  deepnorm: always('main', false),
  admin: always('main', false),
  rezero: always('', false),
  tfixup: always('', false),
  b2t: always('main', false),
  residual: always('main', true),
  normformer: {
    block: (kind) => rule(kind === 'attention' ? 'both' : 'before', kind === 'ffn'),
    last: true,
  },
  mix: {
    // A quarter of the layers, as the model has it of which nothing is said.
    block: (_, layer, layers) => rule(layer <= Math.floor(0.25 * layers) ? 'main' : 'before'),
    last: true,
  },
  hybrid: {
    block: (kind) => rule(kind === 'ffn' ? 'main' : '', kind !== 'ffn'),
    last: true,
  },
  lns: always('before', true),
  olmo2: {
    block: (kind) => rule('behind', kind !== 'ffn'),
    last: true,
  },
};
