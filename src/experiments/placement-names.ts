/** @file How placements are called in labels. */
const NAMES: Record<string, string> = { post: 'Post-LN', pre: 'Pre-LN', peri: 'Peri-LN' };
export const placementName = (placement: string): string => NAMES[placement] ?? placement;
