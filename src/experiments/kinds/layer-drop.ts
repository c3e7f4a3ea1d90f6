/**
 * @file Kind `layer-drop`: a character model is trained, then its validation loss is taken again without each of its layers
 * in turn, whose output is then its input (Sun et al. 2025, arXiv 2502.05795, section 2). `measured.dropped` has what that
 * costs, in nats, from the first layer to the last; nothing is trained again.
 */
import { sha256 } from '../../io/sha256.js';
import type { CausalLM, NormPlacement } from '../../nn/index.js';
import { checkRecipe, type OpenedText, prepareRun, readData } from '../../recipe/index.js';
import { Trainer } from '../../train/index.js';
import { encodeBytes } from '../../utf8.js';
import { entropy } from '../statistics.js';
import type { RunKind, RunOutcome, RunSpec } from './run-kind.js';
import { type TextRecipe, textStepSeconds } from './run-spec.js';
import { trainCurve, trainedRecord } from './training-curve.js';

export interface LayerDropRun extends RunSpec {
  kind: 'layer-drop';
  placement: NormPlacement;
  recipe: TextRecipe;
}

/** What `evaluate` says without each layer less what it says with all. */
function dropEach({ layers }: CausalLM['encoder'], evaluate: () => number): number[] {
  const whole = evaluate();
  return Array.from({ length: layers.length }, (_, i) => {
    const [layer] = layers.splice(i, 1);
    try {
      return evaluate() - whole;
    } finally {
      layers.splice(i, 0, layer);
    }
  });
}

export const layerDropKind: RunKind<LayerDropRun> = {
  kind: 'layer-drop',
  version: 1,
  keys: ['placement', 'recipe'],
  check: ({ id, recipe }) => void checkRecipe(recipe, id),
  dataHash: async ({ recipe }, sources) => (await readData(recipe.data, sources)).sha256,
  async execute(spec, { onProgress, signal, sources }): Promise<RunOutcome> {
    const { placement, recipe } = spec;
    const { options, data, model } = await prepareRun(recipe, { sources });
    const trainer = new Trainer({ ...options, signal });
    const trained = await trainCurve(trainer, recipe.steps, onProgress);
    const record = trainedRecord(spec, { placement, seed: recipe.seed }, trainer, trained);
    const unigramNll = entropy((data as OpenedText).ids);
    if (trained.diverged) return { ...record, measured: { unigramNll } };
    const dropped = dropEach((model as CausalLM).encoder, () => trainer.evaluate());
    const measured = { unigramNll, dropped };
    return { ...record, hash: sha256(encodeBytes(record.hash + JSON.stringify(measured))), measured };
  },
  cost: ({ recipe }) => (recipe.steps + 10 * (recipe.model.numLayers ?? 6)) * textStepSeconds(recipe),
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
};
