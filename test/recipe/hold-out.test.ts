/** Which rows of a single file are held out: the last, as ever, or a spread that a sorted file needs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileSources } from '../../src/cli/sources.js';
import { sha256 } from '../../src/io/sha256.js';
import { heldOutRows } from '../../src/recipe/data/hold-out.js';
import { openOwnFile } from '../../src/recipe/data/own-file.js';
import {
  checkRecipe,
  openData,
  prepareRun,
  type Recipe,
  readData,
  storedRecipe,
} from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { encodeBytes } from '../../src/utf8.js';
import { inFolder } from '../cli/spawn.js';
import { asyncRefusal, memorySources, refusal } from '../support.js';
import { contents, lines, recipes } from './recipes.js';

const test = suite('recipe: hold out');
test.before(async () => {
  await init();
});

const withData = (kind: keyof typeof recipes, changes: object): Recipe =>
  ({ ...recipes[kind], data: { ...recipes[kind].data, ...changes } }) as Recipe;

test('the end, unless told otherwise; a spread has as many rows, evenly', () => {
  assert.equal(heldOutRows(10, 0.3), [7, 8, 9]);
  assert.equal(heldOutRows(10, 0.3, 'end'), [7, 8, 9]);
  assert.equal(heldOutRows(10, 0.3, 'spread'), [1, 5, 8]);
  assert.equal(heldOutRows(10, 0, 'spread'), []);
  assert.equal(heldOutRows(9, 0.1, 'spread'), []);
  for (const [count, share] of [
    [1, 0.99],
    [100, 0.1],
    [103, 0.5],
    [1000, 0.999],
    [12_345, 0.0321],
  ]) {
    const held = heldOutRows(count, share, 'spread');
    assert.is(held.length, Math.floor(count * share));
    const gaps = held.map((row, i) => row - (held[i - 1] ?? -1));
    if (held.length > 1) {
      const inner = gaps.slice(1);
      assert.ok(Math.max(...inner) - Math.min(...inner) <= 1, `${count} x ${share}: ${inner}`);
      assert.ok(Math.min(...inner) >= 1);
    }
    assert.ok(held.every((row) => row >= 0 && row < count));
  }
});

test('of labelled rows each class gives its share, one row at least of two, and none of one', () => {
  const sizes = [40, 25, 3, 2, 1];
  const labels = sizes.flatMap((size, label) => Array.from({ length: size }, () => [label]));
  const held = heldOutRows(labels.length, 0.2, 'spread', labels);
  const perClass = sizes.map((_, label) => held.filter((row) => labels[row][0] === label).length);
  assert.equal(perClass, [8, 5, 1, 1, 0]);
  assert.equal(
    held,
    [...new Set(held)].sort((a, b) => a - b),
  );
  // The order of the classes in the file changes nothing but the rows' numbers.
  const mixed = labels.map((_, i) => labels[(i * 13) % labels.length]);
  const again = heldOutRows(mixed.length, 0.2, 'spread', mixed);
  assert.equal(
    sizes.map((_, label) => again.filter((row) => mixed[row][0] === label).length),
    perClass,
  );
  assert.equal(heldOutRows(labels.length, 0, 'spread', labels), []);
});

test('of rows with several labels, none is held out that is the last with one of them', () => {
  // Each of the rare ones has two rows, and the common one no others.
  const shared = [[0, 2], [0], [1, 2], [1]];
  for (const labels of [shared, [...shared].reverse(), [[], [], [3], [3, 4], [4, 3], []]]) {
    const held = heldOutRows(labels.length, 0.5, 'spread', labels);
    const trained = new Set(labels.flatMap((own, row) => (held.includes(row) ? [] : own)));
    assert.ok(held.length > 0);
    for (const row of held) assert.ok(labels[row].every((label) => trained.has(label)));
  }
});

const sorted = {
  labelledTexts: lines(90, (i) => {
    const label = ['bad', 'good', 'plain'][Math.floor(i / 30)];
    return `it is ${label} weather in town ${i % 7}\t${label}`;
  }),
  labelledPairs: lines(90, (i) => {
    const label = ['bad', 'good', 'plain'][Math.floor(i / 30)];
    return `weather ${i % 7}\tit is ${label}\t${label}`;
  }),
};

for (const kind of ['labelledTexts', 'labelledPairs'] as const) {
  test(`${kind}: a file sorted by label is refused with its end held out, and learned with a spread`, async () => {
    const text = sorted[kind];
    const recipe = checkRecipe(withData(kind, { text, batchSize: 16, holdOut: 'spread' }), 'test');
    const end = checkRecipe(withData(kind, { text, validation: 0.34 }), 'test');
    const refused = await asyncRefusal(openData(end));
    assert.is(refused.code, 'DATA');
    assert.match(refused.message, /the label "plain" does not occur .*set data\.holdOut to "spread"/);
    const found = (await readData(recipe.data)) as unknown as {
      parts: { train: { texts: string[]; label: number }[]; valid: { texts: string[]; label: number }[] };
    };
    const { train, valid } = found.parts;
    assert.equal([train.length, valid.length], [72, 18]);
    assert.equal(
      [0, 1, 2].map((label) => valid.filter((row) => row.label === label).length),
      [6, 6, 6],
    );
    // Both parts together are the file, and each is in its order.
    const written = [...train, ...valid].map((row) => [...row.texts, row.label].join('\t')).sort();
    const all = (await readData({ ...recipe.data, validation: 0, holdOut: undefined } as never)) as never;
    const rows = (all as typeof found).parts.train.map((row) => [...row.texts, row.label].join('\t'));
    assert.equal(written, [...rows].sort());
    const order = rows.map((row, i) => [row, i] as const);
    const isAscending = (part: typeof train) => {
      let at = -1;
      return part.every((row) => {
        const next = order.find(([text, i]) => i > at && text === [...row.texts, row.label].join('\t'));
        at = next?.[1] ?? Number.POSITIVE_INFINITY;
        return next !== undefined;
      });
    };
    assert.ok(isAscending(train) && isAscending(valid));
    const { options } = await prepareRun({ ...recipe, steps: 40, metric: 'accuracy' });
    let last = { validNll: 99, metric: 0 };
    for await (const { validNll, metric } of new Trainer(options).run()) {
      if (validNll !== undefined) last = { validNll, metric: metric as number };
    }
    assert.ok(last.metric === 1 && last.validNll < 0.2, JSON.stringify(last));
  });
}

test('pairs: a spread of the file; what does not fit is named by its line', async () => {
  const longer = (i: number) => (i === 14 ? ' und mehr'.repeat(20) : '');
  const text = lines(30, (i) => `ein Satz ${i}${longer(i)}\ta sentence ${i}`);
  const recipe = checkRecipe(withData('pairs', { text, holdOut: 'spread' }), 'test');
  const { pairs } = (await readData(recipe.data)) as unknown as {
    pairs: { train: string[][]; valid: string[][] };
  };
  assert.equal(
    pairs.valid.map(([, target]) => target),
    ['a sentence 5', 'a sentence 15', 'a sentence 25'],
  );
  assert.is(new Set([...pairs.train, ...pairs.valid].map(([, target]) => target)).size, 30);
  const opened = await openData(recipe);
  const inTraining = refusal(() => opened.train(0, 32));
  assert.match(inTraining.message, /^data\.text:15: the source has \d+ tokens/);
  const held = lines(30, (i) => `ein Satz ${i}${longer(i - 1)}\ta sentence ${i}`);
  const other = await openData(withData('pairs', { text: held, holdOut: 'spread' }));
  assert.match(refusal(() => other.evaluation('valid', 32)).message, /^data\.text:16: the source has/);
});

test('images: a spread of each class, and the examples say which image they are', async () => {
  const { images, labels } = recipes.images.data as unknown as { images: number[]; labels: number[] };
  const order = [...labels.keys()].sort((a, b) => labels[a] - labels[b] || a - b);
  const data = {
    labels: order.map((row) => labels[row]),
    images: order.flatMap((row) => images.slice(row * 16, row * 16 + 16)),
  };
  const end = await openData(withData('images', data));
  const spread = await openData(withData('images', { ...data, holdOut: 'spread' }));
  const heldLabels = (opened: typeof end): number[] =>
    opened.evaluation('valid', 0).flatMap((batch) => Array.from((batch as { labels: Int32Array }).labels));
  assert.equal(
    [heldLabels(end), heldLabels(spread)],
    [
      [2, 2, 2],
      [0, 1, 2],
    ],
  );
  assert.equal(
    spread.examples?.(3).map(({ text }) => text),
    ['image 6', 'image 16', 'image 26'],
  );
  const [{ images: shown }] = spread.evaluation('valid', 0) as { images: Float32Array }[];
  const first = Array.from(Float32Array.from(data.images.slice(5 * 16, 6 * 16)));
  assert.equal(Array.from(shown.subarray(0, 16)), first);
  assert.is.not(spread.sha256, end.sha256);
});

/** Of what decides the bits, as version 0.2 came to it. */
const before = {
  pairs: 'e1449d0cf39d9e8977f4e0c31023099c158990bc22955eeef317c6a488669ace',
  labelledPairs: '0f4a35122134ccf6173f257acc37c5937b7830d23818a61dee5a20fc84b01dba',
  labelledTexts: '30479d33ce7313c9f993c87142d3b462779dec59403678b448fb82697770e3f2',
  images: '71b113dfba29d06cc97be9f3e4d22b85df9a68d7616678628a19d4a0420c99a6',
};
for (const [kind, hash] of Object.entries(before) as [keyof typeof before, string][]) {
  test(`${kind}: without the key, and with its default, runs are what they were; a spread is another`, async () => {
    const decided = async (recipe: Recipe) => {
      const { options } = await prepareRun(checkRecipe(recipe, 'test'));
      return sha256(encodeBytes(JSON.stringify(options.config)));
    };
    assert.is(await decided(recipes[kind]), hash);
    assert.is(await decided(withData(kind, { holdOut: 'end' })), hash);
    assert.is.not(await decided(withData(kind, { holdOut: 'spread' })), hash);
    const stored = storedRecipe(withData(kind, { holdOut: 'spread' })) as { data: { holdOut?: string } };
    assert.is(stored.data.holdOut, 'spread');
  });
}

test('other kinds, and a part of its own beside it, are refused', async () => {
  // Windows of a text, and documents, would have their neighbours in training.
  for (const kind of ['text', 'masked', 'tokens', 'module'] as const) {
    const error = refusal(() => checkRecipe(withData(kind, { holdOut: 'spread' }), 'test'));
    assert.is(error.code, 'CONFIG');
    assert.match(error.message, 'holdOut');
  }
  const sources = memorySources({ 'd/train.tsv': contents.pairs, 'd/valid.tsv': contents.pairs });
  const { text: _, ...data } = recipes.pairs.data as { text: string };
  const both = await asyncRefusal(
    readData({ ...data, source: 'd', holdOut: 'spread' } as Recipe['data'], sources),
  );
  assert.is(both.code, 'CONFIG');
  assert.match(both.message, 'holdOut is spread, but there is d/valid.tsv');
});

test('a model trained with a spread is judged by a file of its own, all of it', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'all.tsv'), sorted.labelledTexts);
    const source = { text: undefined, source: 'all.tsv', holdOut: 'spread' };
    const { text: _, ...data } = { ...recipes.labelledTexts.data, ...source } as { text?: string };
    const recipe = { ...recipes.labelledTexts, data } as Recipe;
    const { model, data: opened } = await prepareRun(recipe, { sources: fileSources(folder) });
    const judged = await openOwnFile(encodeBytes(sorted.labelledTexts), 'mine.tsv', {
      kind: model.kind,
      config: model.config as never,
      tokenizer: opened.tokenizer,
      labels: opened.classes as string[],
      data: recipe.data,
    });
    assert.is(judged.numExamples('valid', 24), 90);
  }));

test.run();
