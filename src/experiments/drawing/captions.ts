/** @file What captions say about seeds, so that they are true for one seed as well. */

/** `several` where there is more than one seed, `one` otherwise. */
export function bySeedCount(runs: readonly { seed: number }[], several: string, one = 'one seed'): string {
  return new Set(runs.map(({ seed }) => seed)).size > 1 ? several : one;
}
