/** Runs that take milliseconds, of which queues are made in tests. */
import type { RecipeRun } from '../../src/experiments/kinds/recipe.js';

/** Content of cats.txt. */
export const text = 'the cat sat on the mat and the dog sat on the log. '.repeat(40);

export function quickRun(
  seed: number,
  {
    steps = 4,
    source = 'cats.txt',
    ...data
  }: { steps?: number; source?: string } & Record<string, unknown> = {},
): RecipeRun {
  return {
    kind: 'recipe',
    id: `cats-${seed}-${steps}`,
    label: `seed ${seed}`,
    recipe: {
      model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16 },
      data: { kind: 'text', source, batchSize: 2, seqLen: 8, ...data },
      optimizer: { kind: 'adamw' },
      schedule: { kind: 'constant', maxLr: 0.01 },
      steps,
      seed,
    } as RecipeRun['recipe'],
  };
}
