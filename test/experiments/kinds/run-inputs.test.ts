/** What runs read: hashed by content, and no more than their kind says. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PairSplits } from '../../../src/data/index.js';
import { ConfigError } from '../../../src/errors.js';
import { prepareOnce } from '../../../src/experiments/index.js';
import { loadInputs } from '../../../src/experiments/kinds/run-inputs.js';
import { init } from '../../../src/runtime/runtime.js';

const test = suite('experiments/kinds/run-inputs');
await init();

const splits = (word: string): PairSplits => ({ train: [[word, 'b']], valid: [['a', 'b']], test: [] });
const loaders = (word: string) => ({
  load: async () => splits(word),
  loadText: async (name: string) => `${word} in ${name}`,
});

test('the hash follows the content, not the name; a run that reads nothing has none', async () => {
  const hashOf = async (name: string, word: string) =>
    (await loadInputs({ pairs: [name] }, loaders(word))).hash;
  assert.is(await hashOf('here', 'a'), await hashOf('there', 'a'));
  assert.is.not(await hashOf('here', 'a'), await hashOf('here', 'c'));
  const text = async (word: string) => (await loadInputs({ texts: ['t'] }, loaders(word))).hash;
  assert.is.not(await text('a'), await text('c'));
  assert.is((await loadInputs({}, loaders('a'))).hash, undefined);
});

test('each name is read once, and a name that was not declared is refused', async () => {
  let reads = 0;
  const { load, loadText } = await loadInputs(
    { pairs: ['p'] },
    {
      ...loaders('a'),
      load: async () => {
        reads++;
        return splits('a');
      },
    },
  );
  assert.equal(await load('p'), splits('a'));
  await load('p');
  assert.is(reads, 1);
  for (const undeclared of [() => load('q'), () => loadText('p')]) {
    try {
      await undeclared();
      assert.unreachable('more than was declared');
    } catch (error) {
      assert.instance(error, ConfigError);
      assert.match((error as Error).message, /without saying so/);
    }
  }
});

test('tokenised data of one name follow their content within a process', async () => {
  const data = { name: 'folder', vocabSize: 260, maxTokens: 40 };
  const prepared = (word: string) => prepareOnce(data, loaders(word).load);
  const [a, again, c] = [await prepared('a'), await prepared('a'), await prepared('c')];
  assert.is(again, a);
  assert.equal(a.splits, splits('a'));
  assert.equal(c.splits, splits('c'));
});

test.run();
