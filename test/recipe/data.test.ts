/** Every kind of data: inline, from files, embedded. Equal content gives equal bits, whatever it is called. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileSources } from '../../src/cli/sources.js';
import { ConfigError, DataError, type PrenormError } from '../../src/errors.js';
import { checkRecipe, openData, prepareRun, type Recipe, type Sources } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { inFolder } from '../cli/spawn.js';
import { contents, lines, recipes } from './recipes.js';

const test = suite('recipe: data');
test.before(async () => {
  await init();
});

type Kind = keyof typeof recipes;
const kinds = Object.keys(recipes) as Kind[];

/** Two steps and an evaluation. */
async function trained(
  recipe: Recipe,
  sources?: Sources,
): Promise<{ hash: string; nll: number; sha256: string }> {
  const { options, data } = await prepareRun(checkRecipe(recipe, 'test'), { sources });
  const trainer = new Trainer(options);
  for await (const { loss } of trainer.run()) assert.ok(loss > 0 && Number.isFinite(loss));
  assert.is(trainer.step, 2);
  return { hash: trainer.hash(), nll: trainer.evaluate(), sha256: data.sha256 };
}

/** The recipe with other data: these keys changed or, where undefined, left out. */
function withData(kind: Kind, changes: Record<string, unknown>): Recipe {
  const entries = Object.entries({ ...recipes[kind].data, ...changes });
  const data = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return { ...recipes[kind], data } as unknown as Recipe;
}

async function rejection(work: Promise<unknown>): Promise<PrenormError> {
  const error = await work.then(
    () => null,
    (reason: PrenormError) => reason,
  );
  if (error) return error;
  throw new Error('it did not fail');
}

for (const kind of kinds) {
  test(`${kind}: opens, trains two steps and evaluates, to the same bits every time`, async () => {
    const once = await trained(recipes[kind]);
    assert.ok(once.nll > 0);
    assert.match(once.sha256, /^[0-9a-f]{64}$/);
    assert.equal(await trained(recipes[kind]), once);
  });
}

test('pairs: a line longer than the defaults raises them where the recipe does not say, and is refused where it does', async () => {
  const long = Array.from({ length: 500 }, (_, i) => `w${i}`).join(' ');
  const content = `${long}\t${long}\n${contents.pairs}`;
  const prepared = (data: Record<string, unknown>, model: Record<string, unknown> = {}) => {
    const recipe = withData('pairs', { text: content, maxTokens: undefined, ...data });
    const { maxSeqLen: _, ...sizes } = recipe.model as { maxSeqLen?: number };
    return prepareRun(checkRecipe({ ...recipe, model: { ...sizes, ...model } } as Recipe, 'test'));
  };
  const { model, recipe, options } = await prepared({});
  const { maxSeqLen } = model.config as { maxSeqLen: number };
  const { maxTokens } = recipe.data as { maxTokens: number };
  assert.ok(maxSeqLen > 500 && maxTokens > 1000 && maxTokens > maxSeqLen, `${maxSeqLen} ${maxTokens}`);
  for await (const { loss } of new Trainer(options).run()) assert.ok(loss > 0);
  const tight = { maxSeqLen: maxSeqLen - 1 };
  assert.match((await rejection(prepared({}, tight))).message, new RegExp(`maxSeqLen is ${maxSeqLen - 1}`));
  assert.is(((await prepared({}, { maxSeqLen })).model.config as { maxSeqLen: number }).maxSeqLen, maxSeqLen);
  const bound = await rejection(prepared({ maxTokens: maxTokens - 1 }));
  assert.match(bound.message, /the pair has \d+ tokens, more than a batch may have/);
  const dropped = await prepared({ onTooLong: 'drop' });
  assert.is((dropped.model.config as { maxSeqLen: number }).maxSeqLen, 256);
  assert.is((dropped.recipe.data as { maxTokens?: number }).maxTokens, undefined);
  // What fits is as it was: nothing is said that was not said before.
  const short = await prepared({ text: contents.pairs });
  assert.is((short.model.config as { maxSeqLen: number }).maxSeqLen, 256);
  assert.is((short.recipe.data as { maxTokens?: number }).maxTokens, undefined);
});

const textual = ['text', 'pairs', 'labelledPairs', 'labelledTexts', 'masked'] as const;
const fileOf = { text: 'text.txt', masked: 'text.txt' } as Record<string, string>;

for (const kind of textual) {
  test(`${kind}: a file, a name for it elsewhere and the content itself are the same run`, () =>
    inFolder(async (folder) => {
      const inline = await trained(recipes[kind]);
      writeFileSync(join(folder, 'some.txt'), contents[kind]);
      mkdirSync(join(folder, 'deep'));
      writeFileSync(join(folder, 'deep/other.tsv'), contents[kind]);
      const sources = fileSources(folder);
      for (const source of ['some.txt', 'deep/other.tsv', join(folder, 'some.txt')]) {
        assert.equal(await trained(withData(kind, { text: undefined, source }), sources), inline);
      }
      const bytes = new TextEncoder().encode(contents[kind]);
      for (const text of [bytes, bytes.buffer, new Blob([bytes])]) {
        assert.equal(await trained(withData(kind, { text })), inline);
      }
      const changed = await trained(
        withData(kind, { text: `${contents[kind]}${contents[kind].split('\n')[0]}\n` }),
      );
      assert.is.not(changed.sha256, inline.sha256);
      const first = await trained(withData(kind, { text: contents[kind].replaceAll(' ', 'e') }));
      assert.is.not(first.sha256, inline.sha256);
      assert.is.not(first.hash, inline.hash);
    }));

  test(`${kind}: a folder has the files of its kind`, () =>
    inFolder(async (folder) => {
      const sources = fileSources(folder);
      mkdirSync(join(folder, 'data'));
      if (fileOf[kind]) {
        writeFileSync(join(folder, 'data/text.txt'), contents[kind]);
        const named = await trained(withData(kind, { text: undefined, source: 'data' }), sources);
        assert.equal(named, await trained(recipes[kind]));
        return;
      }
      const rows = contents[kind].trimEnd().split('\n');
      const write = (part: string, of: readonly string[]) =>
        writeFileSync(
          join(folder, `data/${part}.tsv`),
          lines(of.length, (i) => of[i]),
        );
      // As the single text is divided.
      const cut = rows.length - Math.floor(rows.length * (kind === 'pairs' ? 0.1 : 0.2));
      write('train', rows.slice(0, cut));
      write('valid', rows.slice(cut));
      const recipe = withData(kind, { text: undefined, source: 'data', validation: undefined });
      const parted = await trained(recipe, sources);
      assert.equal(parted, await trained(recipes[kind]));
      const share = withData(kind, { text: undefined, source: 'data', validation: 0.2 });
      const both = await rejection(openData(checkRecipe(share, 'test'), { sources }));
      assert.instance(both, ConfigError);
      assert.match(both.message, /validation is 0\.2, but there is .*valid\.tsv/);
      const open = () => openData(checkRecipe(recipe, 'test'), { sources });
      assert.equal((await open()).heldOut, ['valid']);
      write('test', rows.slice(0, 5));
      const { heldOut, sha256, evaluation } = await open();
      assert.equal(heldOut, ['valid', 'test']);
      assert.is(sha256, parted.sha256, 'the test part decides nothing');
      assert.ok(evaluation('test', 32).length > 0);
      write('valid', rows.slice(cut - 1));
      assert.is.not((await open()).sha256, sha256);
    }));

  test(`${kind}: what is held out changes the content, and nothing may be held out`, async () => {
    const inline = await trained(recipes[kind]);
    const more = await trained(withData(kind, { validation: 0.3 }));
    assert.is.not(more.sha256, inline.sha256);
    assert.is.not(more.nll, inline.nll);
    const all = await prepareRun(checkRecipe(withData(kind, { validation: 0 }), 'test'));
    assert.equal(all.data.heldOut, []);
    assert.is(all.options.validation, undefined);
  });

  test(`${kind}: names that lead nowhere, empty and undecodable content`, () =>
    inFolder(async (folder) => {
      const recipe = withData(kind, { text: undefined, source: 'none' });
      const there = await rejection(openData(recipe, { sources: fileSources(folder) }));
      assert.instance(there, DataError);
      const wanted = kind === 'text' || kind === 'masked' ? 'none' : 'none/train\\.tsv';
      assert.match(
        there.message,
        new RegExp(`${wanted}: there is no such file \\(data of kind "\\w+" is .*a file, or a folder with `),
      );
      const nowhere = await rejection(openData(recipe));
      assert.instance(nowhere, ConfigError);
      assert.match(
        nowhere.message,
        /source "none" is not embedded, and there are no files here .*data\.text/,
      );
      const empty = await rejection(openData(withData(kind, { text: ' \n' })));
      assert.match(empty.message, /data\.text: the text is empty/);
      const latin = await rejection(openData(withData(kind, { text: Uint8Array.of(97, 10, 228, 10) })));
      assert.match(latin.message, /data\.text:2: .*UTF-8/);
    }));
}

test('images: a file is the arrays it holds', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'images.csv'), contents.images);
    const sources = fileSources(folder);
    const inline = await trained(recipes.images);
    const named = withData('images', { images: undefined, labels: undefined, source: 'images.csv' });
    assert.equal(await trained(named, sources), inline);
    const { images, labels } = recipes.images.data as unknown as { images: number[]; labels: number[] };
    const typed = withData('images', { images: Float32Array.from(images), labels: Int32Array.from(labels) });
    assert.equal(await trained(typed), inline);
    for (const changes of [
      { images: images.map((x, i) => (i === 3 ? x + 1 : x)) },
      { labels: labels.map((x, i) => (i === 3 ? (x + 1) % 3 : x)) },
      { validation: 0.3 },
    ]) {
      assert.is.not((await openData(withData('images', changes))).sha256, inline.sha256);
    }
    const bad = async (content: string, pattern: RegExp) => {
      writeFileSync(join(folder, 'bad.csv'), content);
      const error = await rejection(
        openData(withData('images', { images: undefined, labels: undefined, source: 'bad.csv' }), {
          sources,
        }),
      );
      assert.instance(error, DataError);
      assert.match(error.message, pattern);
    };
    await bad('1,2\n1,x\n', /bad\.csv:2: the line is not a class and numbers/);
    await bad('1,2\n1,2,3\n', /bad\.csv:2: the line has 3 numbers, the first has 2/);
    await bad('1,2,3\n1,2,3\n', /bad\.csv: 4 numbers are not 2 square images of 1 channels/);
    await bad('0.5,2\n', /bad\.csv: the class of image 1 must be a whole number from 0, got 0\.5/);
    const nowhere = await rejection(openData(named));
    assert.match(nowhere.message, /there are no files here/);
  }));

test('tokens: lists are arrays; ids that move from one part to the other are other content', async () => {
  const inline = await trained(recipes.tokens);
  const { ids, validation } = recipes.tokens.data as unknown as { ids: number[]; validation: number[] };
  const typed = { ids: Int32Array.from(ids), validation: Int32Array.from(validation) };
  assert.equal(await trained(withData('tokens', typed)), inline);
  const moved = { ids: [...ids, validation[0]], validation: validation.slice(1) };
  assert.is.not((await openData(withData('tokens', moved))).sha256, inline.sha256);
  const without = await openData(withData('tokens', { validation: undefined }));
  assert.equal(without.heldOut, []);
  assert.is.not(without.sha256, inline.sha256);
});

test('module: relative to the recipe; its content is known by its hash or by its first batch', () =>
  inFolder(async (folder) => {
    const inline = await trained(recipes.module);
    const file = new URL('../worker/model-datasets.mjs', import.meta.url);
    assert.equal(await trained(withData('module', { url: file })), inline);
    writeFileSync(join(folder, 'own.mjs'), `export { dataset } from ${JSON.stringify(file.href)};`);
    writeFileSync(
      join(folder, 'default.mjs'),
      `export { dataset as default } from ${JSON.stringify(file.href)};`,
    );
    const sources = fileSources(folder);
    for (const url of ['own.mjs', './default.mjs', join(folder, 'own.mjs')]) {
      assert.equal(await trained(withData('module', { url }), sources), inline);
    }
    const other = await openData(withData('module', { options: { model: 'pairClassifier' } }));
    assert.is.not(other.sha256, inline.sha256);
    const lost = await rejection(openData(withData('module', { url: 'none.mjs' }), { sources }));
    assert.match(lost.message, /none\.mjs: the module of the data could not be loaded/);
    writeFileSync(join(folder, 'empty.mjs'), 'export const dataset = () => ({});');
    const empty = await rejection(openData(withData('module', { url: 'empty.mjs' }), { sources }));
    assert.match(empty.message, /empty\.mjs: the module must export dataset\(\)/);
  }));

const embedded: [Kind, string, object][] = [
  ['text', 'kjv', {}],
  ['masked', 'kjv', { batchSize: 8, maxLen: 48 }],
  ['pairs', 'ui-de-en', { maxTokens: 600, onTooLong: 'drop' }],
  ['images', 'digits', { images: undefined, labels: undefined }],
];

for (const [kind, source, more] of embedded) {
  test(`${kind}: ${source} is embedded`, async () => {
    const recipe = withData(kind, { text: undefined, source, ...more });
    const { hash, nll } = await trained(recipe);
    assert.ok(nll > 0);
    // A file of that name does not come before it.
    await inFolder(async (folder) => {
      writeFileSync(join(folder, source), 'x');
      assert.is((await trained(recipe, fileSources(folder))).hash, hash);
    });
  });
}

test('the tokenizer of a run that goes on is used instead of the one of the recipe', async () => {
  const { tokenizer } = await openData(recipes.text);
  const other = withData('text', { text: `${contents.text}ÄÖÜ` });
  assert.is((await openData(other, { tokenizer: tokenizer ?? undefined })).tokenizer, tokenizer);
  assert.is.not((await openData(other)).tokenizer?.vocabSize, tokenizer?.vocabSize);
});

test('a saved tokenizer, by its JSON or by its file, is the one it was', () =>
  inFolder(async (folder) => {
    for (const kind of ['text', 'pairs'] as const) {
      const made = await openData(recipes[kind]);
      const json = JSON.parse(JSON.stringify(made.tokenizer?.toJSON?.()));
      writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(json));
      const expected = await trained(recipes[kind]);
      const saved = { ...recipes[kind], tokenizer: { kind: 'saved', json } } as Recipe;
      assert.equal(await trained(saved), expected);
      const named = { ...recipes[kind], tokenizer: { kind: 'saved', path: 'tokenizer.json' } } as Recipe;
      assert.equal(await trained(named, fileSources(folder)), expected);
    }
    const broken = { ...recipes.text, tokenizer: { kind: 'saved', json: { x: 1 } } } as Recipe;
    assert.match((await rejection(openData(broken))).message, /tokenizer\.json: not a tokenizer/);
    const chars = await openData(recipes.text);
    const without = {
      ...recipes.pairs,
      tokenizer: { kind: 'saved', json: chars.tokenizer?.toJSON?.() },
    } as Recipe;
    assert.match(
      (await rejection(openData(without))).message,
      /data of kind pairs needs a tokenizer with marks/,
    );
  }));

test('one class is nothing to learn, and a module without a cursor is no source: refused by name', async () => {
  for (const kind of ['labelledTexts', 'labelledPairs'] as const) {
    const text = contents[kind].replace(/\t\w+$/gm, '\tsame');
    const error = await rejection(openData(checkRecipe(withData(kind, { text }), 'test')));
    assert.instance(error, DataError);
    assert.match(error.message, 'data.text:1: there is one class only, "same" in all lines');
    // Sorted by its labels: what is held out has one that nothing trained on has.
    const rows = contents[kind].trimEnd().split('\n');
    const sorted = rows.map((row, i) => row.replace(/\w+$/, i < 20 ? 'early' : i < 28 ? 'mid' : 'late'));
    const unseen = await rejection(
      openData(checkRecipe(withData(kind, { text: sorted.join('\n') }), 'test')),
    );
    assert.instance(unseen, DataError);
    assert.match(
      unseen.message,
      /data\.text:2\d: the label "late" does not occur in the training part .*shuffle/,
    );
  }
  const labels = Int32Array.from((recipes.images.data as { labels: ArrayLike<number> }).labels, () => 1);
  const images = await rejection(openData(checkRecipe(withData('images', { labels }), 'test')));
  assert.instance(images, DataError);
  assert.match(images.message, 'there is one class only');
  const url = `data:text/javascript,${encodeURIComponent('export const dataset = () => ({ data: { next() {} } });')}`;
  const source = await rejection(openData(checkRecipe(withData('module', { url }), 'test')));
  assert.instance(source, DataError);
  assert.match(source.message, 'next(), state(), restore()');
});

test('of several parts that are refused, the first is named, whichever is read faster', async () => {
  const parts = ['train', 'valid', 'test'];
  const slow: Sources = {
    canRead: true,
    resolve: (name) => name,
    exists: () => true,
    join: (_, name) => name,
    moduleUrl: (name) => name,
    read: (name) =>
      new Promise((resolve) => {
        // The later a part, the sooner it is there.
        const wait = 20 * (parts.length - parts.findIndex((part) => name.startsWith(part)));
        setTimeout(() => resolve(new Uint8Array([0xff])), wait);
      }),
  };
  const recipe = checkRecipe(withData('pairs', { text: undefined, source: 'folder' }), 'test');
  const refused = await rejection(openData(recipe, { sources: slow }));
  assert.ok(refused instanceof DataError);
  assert.match(refused.message, /^train\.tsv/);
});

test.run();
