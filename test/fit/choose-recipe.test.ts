/** @file The rules of `fit`: equal facts give equal recipes, every recipe passes the check, and what is too little is refused. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ChosenRecipe, chooseRecipe, type FitFacts } from '../../src/fit/index.js';
import { checkRecipe, type Recipe } from '../../src/recipe/index.js';
import { refusal } from '../support.js';

const test = suite('fit/choose-recipe');

const lm: FitFacts = { task: 'lm', bytes: 400_000, tokens: 180_000, steps: 1000 };
const pairs: FitFacts = { task: 'translate', bytes: 300_000, rows: 4000, longest: 120, steps: 1000 };
const texts: FitFacts = { task: 'classify', bytes: 300_000, rows: 5000, longest: 200, steps: 1000 };

const whole = (chosen: ChosenRecipe): Recipe =>
  checkRecipe({ ...chosen, data: { ...chosen.data, text: 'x' } }, 'recipe');
const data = (facts: FitFacts) => chooseRecipe(facts).data as unknown as Record<string, number>;
const model = (facts: FitFacts) => chooseRecipe(facts).model;

test('equal facts give equal recipes, and no facts are changed', () => {
  for (const facts of [lm, pairs, texts]) {
    const before = structuredClone(facts);
    assert.equal(chooseRecipe(facts), chooseRecipe({ ...facts }));
    assert.equal(facts, before);
  }
});

test('recipes of all sizes of data and budgets pass the check', () => {
  let count = 0;
  for (const bytes of [100, 1000, 30_000, 300_000, 3e6, 3e7, 3e8]) {
    for (const steps of [1, 2, 7, 100, 100_000]) {
      whole(chooseRecipe({ task: 'lm', bytes, tokens: Math.max(100, bytes >> 1), steps }));
      for (const longest of [1, 40, 5000]) {
        const rows = Math.max(20, Math.floor(bytes / 60));
        whole(chooseRecipe({ task: 'translate', bytes, rows, longest, steps }));
        whole(chooseRecipe({ task: 'classify', bytes, rows, longest, steps, validRows: 5 }));
        count += 3;
      }
    }
  }
  assert.is(count, 7 * 5 * 9);
});

test('a text too short for a batch of 16 x 64 gets smaller ones, and there is always one batch to train on', () => {
  assert.equal([data(lm).batchSize, data(lm).seqLen], [16, 64]);
  for (let tokens = 100; tokens < 9000; tokens += 7) {
    const { batchSize, seqLen, validation } = data({ ...lm, bytes: tokens * 2, tokens });
    const inTraining = tokens - Math.floor(tokens * validation);
    assert.ok(inTraining >= batchSize * seqLen + 1, `${tokens}: ${batchSize} x ${seqLen}`);
  }
});

test('a tenth is held out, but no more than 100 kB or 1000 lines, and nothing where there is a part for it', () => {
  assert.is(data(lm).validation, 0.1);
  assert.is(data({ ...lm, bytes: 10_000_000, tokens: 3_000_000 }).validation, 0.01);
  assert.is(data({ ...pairs, rows: 50_000 }).validation, 0.02);
  assert.is(data({ ...pairs, validRows: 100 }).validation, undefined);
  const ways = [lm, pairs, texts, { ...texts, validRows: 100 }].map((facts) => data(facts).holdOut);
  assert.equal(ways as unknown[], [undefined, 'spread', 'spread', undefined]);
});

test('sizes grow with the text, the rate falls with the width, and minutes can bound the size', () => {
  const widths = [1000, 100_000, 1e6, 1e8].map((bytes) => model({ ...lm, bytes }).dModel as number);
  assert.equal(widths, [64, 64, 128, 256]);
  const rates = [1000, 1e6, 1e8].map((bytes) => chooseRecipe({ ...lm, bytes }).schedule?.maxLr as number);
  assert.ok(rates[0] > rates[1] && rates[1] > rates[2], String(rates));
  assert.is(model({ ...lm, bytes: 1e8, largest: 0 }).dModel, 64);
});

test('dropout grows with how often the text is seen', () => {
  const rates = [10, 1000, 10_000, 100_000].map((steps) => model({ ...lm, steps }).dropout as number);
  assert.equal(rates, [0, 0.1, 0.3, 0.3]);
});

test('the warm-up is short, and the rate ends at 0 with the last step', () => {
  for (const steps of [1, 10, 500, 50_000]) {
    const { schedule } = chooseRecipe({ ...lm, steps });
    assert.equal((schedule as { totalSteps: number }).totalSteps, steps);
    assert.ok((schedule?.warmupSteps as number) <= Math.min(100, Math.ceil(steps / 20)));
  }
});

test('too little data is refused with what is needed, and facts out of range by name', () => {
  const short = refusal(() => chooseRecipe({ ...lm, tokens: 99 }));
  assert.match(short.message, 'there are 99 tokens, fit needs 100 at least');
  assert.equal([short.code, short.expected, short.actual], ['DATA', 100, 99]);
  assert.match(refusal(() => chooseRecipe({ ...pairs, rows: 19 })).message, '19 pairs, fit needs 20');
  assert.match(refusal(() => chooseRecipe({ ...texts, rows: 3 })).message, '3 labelled texts');
  assert.match(refusal(() => chooseRecipe({ ...lm, tokens: undefined })).message, 'tokens must be given');
  for (const wrong of [
    { task: 'other' },
    { steps: 0 },
    { bytes: 1.5 },
    { largest: 99 },
    { seed: -1 },
    { typo: 1 },
  ]) {
    assert.is(
      refusal(() => chooseRecipe({ ...lm, ...wrong } as never)).code,
      'CONFIG',
      JSON.stringify(wrong),
    );
  }
});

test.run();
