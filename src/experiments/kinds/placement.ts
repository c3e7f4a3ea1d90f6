/**
 * @file One short training of a character language model on the embedded text, whatever the placement. Admin is
 * profiled on the first batch. `measured.unigramNll` is the entropy of the training text's characters, what a model
 * knows without looking.
 */
import type { NormPlacement } from '../../nn/index.js';
import { checkRecipe, type OpenedText, prepareRun, readData } from '../../recipe/index.js';
import { Trainer } from '../../train/index.js';
import { entropy } from '../statistics.js';
import type { RunKind, RunSpec } from './run-kind.js';
import { type TextRecipe, textStepSeconds } from './run-spec.js';
import { trainCurve, trainedRecord } from './training-curve.js';

export interface PlacementRun extends RunSpec {
  kind: 'placement';
  placement: NormPlacement;
  warmup: boolean;
  recipe: TextRecipe;
}

export const placementKind: RunKind<PlacementRun> = {
  kind: 'placement',
  version: 2,
  keys: ['placement', 'warmup', 'recipe'],
  check: ({ id, recipe }) => void checkRecipe(recipe, id),
  dataHash: async ({ recipe }, sources) => (await readData(recipe.data, sources)).sha256,
  async execute(spec, { onProgress, signal, sources }) {
    const { placement, recipe } = spec;
    const { options, data } = await prepareRun(recipe, { sources });
    const trainer = new Trainer({ ...options, signal });
    const trained = await trainCurve(trainer, recipe.steps, onProgress);
    const record = trainedRecord(spec, { placement, seed: recipe.seed }, trainer, trained);
    return { ...record, measured: { unigramNll: entropy((data as OpenedText).ids) } };
  },
  // Five Newton-Schulz iterations a step take longer than the step itself at this size.
  cost: ({ recipe }) => (recipe.optimizer.kind === 'muon' ? 2.2 : 1) * recipe.steps * textStepSeconds(recipe),
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
};
