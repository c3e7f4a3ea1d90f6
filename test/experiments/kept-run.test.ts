/** A run that goes on from what another process has kept leaves the record of one that was never interrupted. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { executeRun, type RunCheckpoints } from '../../src/experiments/index.js';
import type { RecipeRun } from '../../src/experiments/kinds/recipe.js';
import { init } from '../../src/runtime/init.js';

const test = suite('experiments: kept runs');
await init();

const spec: RecipeRun = {
  kind: 'recipe',
  id: 'cats',
  label: 'cats',
  recipe: {
    model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, dropout: 0.1 },
    data: {
      kind: 'text',
      text: 'the cat sat on the mat and the dog sat on the log. '.repeat(20),
      batchSize: 2,
      seqLen: 8,
    },
    optimizer: { kind: 'adamw' },
    schedule: { kind: 'constant', maxLr: 0.01 },
    steps: 30,
    evalEvery: 7,
  } as RecipeRun['recipe'],
};

/** Keeps after every step, in memory. */
function kept(): RunCheckpoints & { all: Uint8Array[] } {
  const all: Uint8Array[] = [];
  return {
    isDue: () => true,
    all,
    read: async () => all.at(-1),
    write: async (bytes) => void all.push(bytes),
  };
}
const plain = ({ seconds: _, ...record }: object & { seconds?: number }) =>
  JSON.parse(JSON.stringify(record));

test('from any step, to the bit, with its curve and its evaluations', async () => {
  const whole = plain(await executeRun(spec));
  const checkpoints = kept();
  assert.equal(plain(await executeRun(spec, { checkpoints })), whole);
  assert.is(checkpoints.all.length, 30);
  for (const at of [6, 20]) {
    let begun = Number.NaN;
    const from: RunCheckpoints = { ...kept(), read: async () => checkpoints.all[at] };
    const record = await executeRun(spec, {
      checkpoints: from,
      onProgress: ({ done }) => {
        if (Number.isNaN(begun)) begun = done;
      },
    });
    assert.equal(plain(record), whole, `from step ${at + 1}`);
    assert.is(begun, at + 2, 'it does not begin anew');
  }
});

test('what is damaged, or of another run, is none: the run begins anew', async () => {
  const whole = plain(await executeRun(spec));
  const checkpoints = kept();
  await executeRun(spec, { checkpoints });
  const good = checkpoints.all[10] as Uint8Array;
  const other = kept();
  const another: RecipeRun = { ...spec, recipe: { ...spec.recipe, seed: 5 } };
  await executeRun(another, { checkpoints: other });
  const flipped = good.slice();
  flipped[flipped.length - 1]! ^= 1;
  for (const bytes of [new Uint8Array(2), good.subarray(0, 500), flipped, other.all[10] as Uint8Array]) {
    const record = await executeRun(spec, { checkpoints: { ...kept(), read: async () => bytes } });
    assert.equal(plain(record), whole);
  }
});

test.run();
