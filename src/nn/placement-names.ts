/** @file The names of placements: in configurations, and in labels, tables and reports. */

/** By the name a configuration uses, as papers call them. */
export const placementNames: Readonly<Record<NormPlacement, string>> = {
  post: 'Post-LN',
  pre: 'Pre-LN',
  peri: 'Peri-LN',
  sandwich: 'Sandwich-LN',
  sub: 'Sub-LN',
  deepnorm: 'DeepNorm',
  admin: 'Admin',
  rezero: 'ReZero',
  tfixup: 'T-Fixup',
  b2t: 'B2T',
  residual: 'ResiDual',
  normformer: 'NormFormer',
  mix: 'Mix-LN',
  hybrid: 'HybridNorm',
  lns: 'LN Scaling',
  olmo2: 'OLMo 2',
};

/**
 * Where norms stand in a layer: `post` is Post-LN, x ← LN(x + F(x)); `pre` is Pre-LN, x ← x + F(LN(x)) (paper,
 * section 3.1); `peri` is Peri-LN, x ← x + LN(F(LN(x))); the others are in docs/placements.md.
 */
export type NormPlacement =
  | 'post'
  | 'pre'
  | 'peri'
  | 'sandwich'
  | 'sub'
  | 'deepnorm'
  | 'admin'
  | 'rezero'
  | 'tfixup'
  | 'b2t'
  | 'residual'
  | 'normformer'
  | 'mix'
  | 'hybrid'
  | 'lns'
  | 'olmo2';

/** All placements that a configuration may name. */
export const normPlacements = Object.keys(placementNames) as NormPlacement[];

/** What a placement is called in labels; an unknown one is called what it is. */
export function placementName(placement: string): string {
  return (placementNames as Record<string, string>)[placement] ?? placement;
}
