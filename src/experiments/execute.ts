/** @file Carries out one registered run in this process. Where and how many at once is the caller's business. */

import { runGradients } from './gradients.js';
import type { GradientsRecord } from './judged.js';
import type { RunRecord } from './results.js';
import type { RunProgress, RunSpec, TranslationData } from './run-spec.js';
import { type PreparedData, prepareTranslation, runTranslation, type SplitLoader } from './translation.js';

const prepared = new Map<string, Promise<PreparedData>>();

/** Tokenised data, made once per process. */
export function prepareOnce(data: TranslationData, load?: SplitLoader): Promise<PreparedData> {
  const key = JSON.stringify(data);
  const known = prepared.get(key);
  if (known) return known;
  const made = prepareTranslation(data, load);
  prepared.set(key, made);
  return made;
}

/** One run from its specification; equal specifications give equal records, timing aside. */
export async function executeRun(
  spec: RunSpec,
  options: { onProgress?: (progress: RunProgress) => void; signal?: AbortSignal; load?: SplitLoader } = {},
): Promise<RunRecord | GradientsRecord> {
  if (spec.kind === 'gradients') {
    const data = spec.data ? await prepareOnce(spec.data, options.load) : null;
    return runGradients(spec, data, options.onProgress, options.signal);
  }
  return runTranslation(spec, await prepareOnce(spec.data, options.load), options.onProgress, options.signal);
}

/** Work of a run in arbitrary but comparable units, for ordering and time estimates: long runs first. */
export function costOf(spec: RunSpec): number {
  if (spec.kind === 'gradients') {
    const unit = spec.setting === 'translation' ? 2 * spec.batches : 0.35;
    return spec.seeds.length * spec.layers.reduce((sum, n) => sum + n / 6, 0) * unit;
  }
  const size =
    (spec.model.dModel / 64) *
    (spec.model.dModel / 64) *
    (spec.model.numLayers / 6) *
    (spec.data.maxTokens / 700);
  return spec.steps * size * 1.1;
}
