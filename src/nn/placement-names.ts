/** @file The names of placements: in configurations, and in labels, tables and reports. */

/** By the name a configuration uses, as papers call them. */
export const placementNames = {
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
} as const;

export type NormPlacement = keyof typeof placementNames;

export const normPlacements = Object.keys(placementNames) as NormPlacement[];

/** What a placement is called in labels; an unknown one is called what it is. */
export function placementName(placement: string): string {
  return (placementNames as Record<string, string>)[placement] ?? placement;
}
