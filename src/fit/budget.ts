/** @file From a budget to a recipe: minutes become steps, once, before step 1. */
import type { Recipe } from '../recipe/index.js';
import { type ChosenRecipe, chooseRecipe, sizeFor } from './choose-recipe.js';
import type { DataFacts } from './facts.js';
import type { FitBudget } from './options.js';
import type { Place } from './place.js';

/** Steps below which a smaller model, which makes more of them, is the better one. */
const FEWEST = 300;
/** Share of the minutes for steps. The rest is for evaluations, which the rules hold to a fifth of the steps. */
const SHARE = 0.8;
/** A probe: most of its steps, those that are not timed (they are recorded, later ones replayed), share of the minutes. */
const PROBE = { steps: 12, untimed: 2, share: 0.05 };

/**
 * The recipe for this budget. For minutes, steps of the real model are timed and thrown away; when fewer than 300
 * would fit, the next smaller model is tried.
 * @param whole puts the content into a recipe
 */
export async function recipeFor(
  budget: FitBudget,
  facts: DataFacts & { seed: number },
  place: Place,
  whole: (chosen: ChosenRecipe) => Recipe,
  signal?: AbortSignal,
): Promise<ChosenRecipe> {
  if ('steps' in budget && budget.steps !== undefined) return chooseRecipe({ ...facts, steps: budget.steps });
  const seconds = 60 * (budget as { minutes: number }).minutes;
  for (let largest = sizeFor(facts.bytes); ; largest--) {
    const trial = whole(chooseRecipe({ ...facts, steps: FEWEST, largest }));
    const each = await secondsPerStep(place, trial, PROBE.share * seconds, signal);
    const steps = Math.max(1, Math.floor((SHARE * seconds) / each));
    if (steps >= FEWEST || largest === 0) return chooseRecipe({ ...facts, steps, largest });
  }
}

async function secondsPerStep(
  place: Place,
  recipe: Recipe,
  most: number,
  signal?: AbortSignal,
): Promise<number> {
  // It ends before its last step, so nothing is evaluated.
  const run = await place.open({ ...recipe, steps: PROBE.steps, evalEvery: undefined }, signal);
  try {
    const begun = performance.now();
    let from = begun;
    for await (const { step } of run.run()) {
      const now = performance.now();
      if (step <= PROBE.untimed) from = now;
      else if (step === PROBE.steps - 1 || (now - begun) / 1000 > most) {
        return Math.max(1e-6, (now - from) / 1000 / (step - PROBE.untimed));
      }
    }
    throw new Error('unreachable: a probe returns before its last step');
  } finally {
    run.close();
  }
}
