/** Recipes made ready, and runs of them to their end. */
import { checkRecipe, type PreparedRun, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { Trainer } from '../../src/train/index.js';

export const prepare = (recipe: Recipe, changes: Partial<Recipe> = {}): Promise<PreparedRun> =>
  prepareRun(checkRecipe({ ...recipe, ...changes }, 'test'));

export async function finish(run: PreparedRun): Promise<string> {
  const trainer = new Trainer(run.options);
  for await (const _ of trainer.run());
  return trainer.hash();
}
