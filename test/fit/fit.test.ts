/** @file The call: what it returns, what it refuses, and that its recipe alone gives the same run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classificationReport, classify } from '../../src/classify/index.js';
import { fileSources } from '../../src/cli/sources.js';
import { loadKjv } from '../../src/data/index.js';
import { type FitOptions, type FitProgress, fit, planFit } from '../../src/fit/index.js';
import { init } from '../../src/index.js';
import { loadModel } from '../../src/io/index.js';
import type { TextClassifier } from '../../src/nn/index.js';
import { checkRecipe, noFiles, prepareRun, type Recipe, readData } from '../../src/recipe/index.js';
import { bitsPerByte, evaluateBatches, Trainer } from '../../src/train/index.js';
import { encodeBytes } from '../../src/utf8.js';
import { asyncRefusal } from '../support.js';

const test = suite('fit/fit');
await init();
const text = (await loadKjv()).slice(0, 6000);
const words = text.split(/\s+/);
const pairs = Array.from({ length: 60 }, (_, i): [string, string] => {
  const some = words.slice(3 * i, 3 * i + 4);
  return [some.join(' '), [...some].reverse().join(' ')];
});
const labelled = Array.from({ length: 60 }, (_, i): [string, string] => [
  `${words[i]} ${i % 2 === 0 ? 'sun and light' : 'rain\tand\ncloud'} ${words[i + 1]}`,
  i % 2 === 0 ? 'good' : 'bad',
]);
const quick: FitOptions = { task: 'lm', data: text, budget: { steps: 6 }, quiet: true };

const bits = (model: { stateDict(): Map<string, { data: ArrayLike<number> }> }): string =>
  JSON.stringify([...model.stateDict()].map(([name, { data }]) => [name, Array.from(data)]));

/** The weights that a recipe, as JSON, comes to with the lowest held-out loss. */
async function carriedOut(recipe: Recipe, sources = noFiles): Promise<string> {
  const { options, model } = await prepareRun(checkRecipe(JSON.parse(JSON.stringify(recipe)), 'recipe'), {
    sources,
  });
  let best = Number.POSITIVE_INFINITY;
  let weights = '';
  for await (const { validNll = Number.POSITIVE_INFINITY } of new Trainer(options).run()) {
    if (validNll >= best) continue;
    best = validNll;
    weights = bits(model);
  }
  return weights;
}

test('a text becomes a model, and its recipe alone becomes the same, bit for bit', async () => {
  const seen: FitProgress[] = [];
  let before: Recipe | undefined;
  const { model, tokenizer, labels, recipe, metrics } = await fit({
    ...quick,
    onProgress: (progress) => seen.push(progress),
    onRecipe: (chosen) => {
      assert.is(seen.length, 0);
      before = chosen;
    },
  });
  assert.equal([recipe.model.kind, labels, metrics.steps], ['causalLM', null, 6]);
  assert.equal(before, recipe);
  assert.equal(
    seen.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal([seen[5].steps, seen[5].secondsLeft], [6, 0]);
  assert.is(metrics.validNll, Math.min(...seen.map(({ validNll = 99 }) => validNll)));
  assert.ok(metrics.validNll < seen[0].loss);
  assert.equal([metrics.accuracy, metrics.macroF1], [null, null]);
  const { data, options } = await prepareRun(recipe);
  const { tokens } = evaluateBatches(model as never, options.validation as never);
  const bytes = data.textBytes?.('valid', 64) as number;
  assert.is(metrics.bitsPerByte, bitsPerByte(metrics.validNll, tokens as number, bytes));
  assert.is(tokenizer.decode(tokenizer.encode('the earth')), 'the earth');
  assert.is(model.training, false);
  assert.is(bits(model), await carriedOut(recipe));
});

test('pairs and labelled texts are learnt from lists, and their recipes give the same bits', async () => {
  for (const [task, data, kind] of [
    ['translate', pairs, 'transformer'],
    ['classify', labelled, 'textClassifier'],
  ] as const) {
    const { model, recipe, labels, metrics } = await fit({ ...quick, task, data, budget: { steps: 3 } });
    assert.is(recipe.model.kind, kind);
    const numbers = [metrics.bitsPerByte, metrics.accuracy, metrics.macroF1].map((value) => typeof value);
    assert.equal(
      numbers,
      task === 'classify' ? ['object', 'number', 'number'] : ['number', 'object', 'object'],
    );
    assert.equal(labels, task === 'classify' ? ['bad', 'good'] : null);
    assert.is(bits(model), await carriedOut(recipe));
  }
});

/** Sorted by label: the end of it has no text of the first class. */
const sorted = [...labelled].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));

test('a file sorted by label is learned and judged on all its labels, and its recipe gives the same bits', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-fit-'));
  try {
    const path = join(folder, 'sorted.tsv');
    const clean = sorted.map(([line, label]) => `${line.replace(/\s/g, ' ')}\t${label}\n`);
    writeFileSync(path, clean.join(''));
    const options = { ...quick, task: 'classify', data: path, budget: { steps: 60 } } as const;
    const { model, recipe, metrics, labels } = await fit(options);
    assert.equal(labels, ['bad', 'good']);
    const { holdOut } = recipe.data as { holdOut?: string };
    assert.is(holdOut, 'spread');
    // Without knowing anything it is 0.69.
    assert.ok(metrics.validNll < 0.1, `${metrics.validNll}`);
    const sources = fileSources(folder);
    const read = await readData(recipe.data, sources);
    const { valid } = (read as unknown as { parts: { valid: { label: number }[] } }).parts;
    assert.equal(
      [0, 1].map((label) => valid.filter((row) => row.label === label).length),
      [3, 3],
    );
    assert.is(bits(model), await carriedOut(recipe, sources));
    const end = checkRecipe({ ...recipe, data: { ...recipe.data, holdOut: 'end', validation: 0.5 } }, 'end');
    assert.is((await asyncRefusal(prepareRun(end, { sources }))).code, 'DATA');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('of many rows, less than a tenth is held out, in the training as in its recipe', async () => {
  const many = Array.from({ length: 12_000 }, (_, i): [string, string] => [`${i % 97} x`, i % 2 ? 'a' : 'b']);
  const options = { ...quick, task: 'classify', data: many, budget: { steps: 2 } } as const;
  const { model, recipe } = await fit(options);
  const { validation } = recipe.data as { validation?: number };
  assert.is(validation, 0.0833);
  assert.is(bits(model), await carriedOut(recipe));
});

test('accuracy and macro F1 are those of the model that is returned, not of the last step', async () => {
  // Labels that nothing tells of: the best evaluation is not the last, and the model is wrong now and then.
  const noise = Array.from({ length: 120 }, (_, i): [string, string] => [
    `${words[i]} ${words[i + 7]}`,
    ['a', 'b', 'c'][(i * i + (i >> 3)) % 3],
  ]);
  const options = { ...quick, task: 'classify', data: noise, budget: { steps: 60 } } as const;
  const { model, tokenizer, labels, recipe, metrics } = await fit(options);
  assert.ok(metrics.bestStep < metrics.steps, `${metrics.bestStep}`);
  const read = (await readData(recipe.data)) as unknown as {
    parts: { valid: { texts: string[]; label: number }[] };
  };
  const { valid } = read.parts;
  const names = labels as readonly string[];
  const found = classify(
    model as TextClassifier,
    tokenizer,
    names,
    valid.map(({ texts }) => texts[0]),
  );
  const report = classificationReport(
    valid.map(({ label }) => names[label]),
    found.map(({ label }) => label as string),
    names,
  );
  assert.ok(report.accuracy < 1);
  assert.equal([metrics.accuracy, metrics.macroF1], [report.accuracy, report.macroF1]);
  const there = await fit({ ...options, worker: true });
  assert.equal(there.metrics, metrics);
});

test('what is saved is loaded with the same weights, tokenizer and labels, and without the text', async () => {
  const options = { ...quick, task: 'classify', data: labelled, budget: { steps: 2 } } as const;
  const { model, tokenizer, save, recipe, metrics } = await fit(options);
  const loaded = await loadModel(save());
  assert.is(bits(loaded.model as never), bits(model));
  assert.equal(loaded.labels, ['bad', 'good']);
  assert.equal(loaded.tokenizer?.toJSON(), tokenizer.toJSON());
  assert.is(loaded.step, metrics.bestStep);
  const { text: _, ...data } = recipe.data as { text?: string };
  assert.equal(loaded.recipe, { ...recipe, data });
});

test('a worker comes to the same bits, from what is given and from a folder with a part to validate with', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-fit-'));
  try {
    const lines = (rows: [string, string][]) => rows.map((row) => `${row.join('\t')}\n`).join('');
    writeFileSync(join(folder, 'train.tsv'), lines(pairs.slice(0, 47)));
    writeFileSync(join(folder, 'valid.tsv'), lines(pairs.slice(47)));
    for (const options of [
      { task: 'lm', data: text },
      { task: 'translate', data: folder },
      { task: 'classify', data: labelled },
      { task: 'classify', data: sorted },
      { task: 'translate', data: pairs },
    ] as const) {
      const here = await fit({ ...quick, ...options, budget: { steps: 3 } });
      const there = await fit({ ...quick, ...options, budget: { steps: 3 }, worker: true });
      assert.equal(there.recipe, here.recipe);
      assert.equal(there.metrics, here.metrics);
      assert.equal(there.labels, here.labels);
      assert.is(bits(there.model), bits(here.model));
      assert.equal(there.save(), here.save());
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('several labels of prepare.json, and pairs with a label, are learned as such, in a worker to the same bits', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-fit-'));
  try {
    const several = labelled.map(([line, label], i) => {
      const own = ['', label, `${label},long`, `long,${label}`][i % 4];
      return `${line.replace(/\s/g, ' ')}\t${own}\n`;
    });
    writeFileSync(join(folder, 'train.tsv'), several.slice(0, 48).join(''));
    writeFileSync(join(folder, 'valid.tsv'), several.slice(48).join(''));
    writeFileSync(join(folder, 'prepare.json'), JSON.stringify({ options: { labelSeparator: ',' } }));
    const both = labelled.map(([line, label]) => `${line.replace(/\s/g, ' ')}\tand more\t${label}\n`);
    for (const [data, labels, kind] of [
      [folder, ['bad', 'good', 'long'], 'labelledTexts'],
      [both.join(''), ['bad', 'good'], 'labelledPairs'],
    ] as const) {
      const options = { ...quick, task: 'classify', data, budget: { steps: 3 } } as const;
      const here = await fit(options);
      const { multiLabel } = here.model.config as { multiLabel?: boolean };
      assert.equal([here.labels, here.recipe.data.kind, multiLabel], [labels, kind, data === folder]);
      assert.type(here.metrics.macroF1, 'number');
      assert.is(bits(here.model), await carriedOut(here.recipe, fileSources(folder)));
      const there = await fit({ ...options, worker: true });
      assert.equal(there.recipe, here.recipe);
      assert.equal(there.metrics, here.metrics);
      assert.is(bits(there.model), bits(here.model));
    }
    // A file of the folder is read as the folder is, if it is one that prepare has made.
    const account = join(folder, 'prepare.json');
    const separated = async (files: object) => {
      writeFileSync(account, JSON.stringify({ options: { labelSeparator: ',' }, files }));
      const { recipe } = await planFit({
        task: 'classify',
        data: join(folder, 'train.tsv'),
        budget: { steps: 3 },
        seed: 0,
      });
      return (recipe.data as { labelSeparator?: string }).labelSeparator;
    };
    assert.is(await separated({ 'train.tsv': {} }), ',');
    assert.match((await asyncRefusal(separated({ 'valid.tsv': {} }))).message, /the label is empty/);
    writeFileSync(account, '{');
    for (const data of [folder, join(folder, 'train.tsv')]) {
      const error = await asyncRefusal(fit({ ...quick, task: 'classify', data }));
      assert.equal([error.code, error.path], ['DATA', `${account}:1:2`]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('strings, bytes, lists and files say the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-fit-'));
  try {
    const path = join(folder, 'notes.txt');
    writeFileSync(path, text);
    const results = [];
    const bytes = encodeBytes(text);
    for (const data of [text, bytes, bytes.slice().buffer, new Blob([text]), text.split('\n'), path]) {
      const { model, recipe } = await fit({ ...quick, data, budget: { steps: 1 } });
      results.push(bits(model));
      const { source } = recipe.data as { source?: string };
      assert.is(source, data === path ? path : undefined);
    }
    assert.is(new Set(results).size, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('minutes become steps once, and the recipe with these steps gives the same bits', async () => {
  const { recipe, metrics, model } = await fit({ ...quick, budget: { minutes: 0.02 } });
  assert.ok(recipe.steps >= 1 && metrics.steps === recipe.steps, `${recipe.steps} steps`);
  assert.is(bits(model), await carriedOut(recipe));
});

test('a signal ends it with an AbortError', async () => {
  const control = new AbortController();
  let last = 0;
  const run = fit({
    ...quick,
    signal: control.signal,
    onProgress: ({ step }) => {
      last = step;
      if (step === 2) control.abort();
    },
  });
  const error = await run.then(
    () => null,
    (cause: Error) => cause,
  );
  assert.equal([error?.name, last], ['AbortError', 2]);
});

test('the recipe is printed, without the text in it, unless it is to be quiet', async () => {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(line);
  try {
    await fit({ ...quick, budget: { steps: 1 }, quiet: false });
    await fit({ ...quick, budget: { steps: 1 } });
  } finally {
    console.log = log;
  }
  assert.is(lines.length, 1);
  assert.is(JSON.parse(lines[0]).data.text, '(6000 characters)');
});

test('unknown keys and values out of range are refused by name', async () => {
  const wrong: [object, string][] = [
    [{ typo: 1 }, 'unknown key "typo"'],
    [{ task: 'poetry' }, 'task must be one of lm, translate, classify'],
    [{ budget: {} }, 'budget must be given by steps or by minutes'],
    [{ budget: { steps: 1, minutes: 1 } }, 'budget must be given by steps or by minutes'],
    [{ budget: { steps: 1.5 } }, 'budget.steps must be a positive integer'],
    [{ budget: { minutes: 0 } }, 'budget.minutes must be above 0'],
    [{ budget: { minutes: Number.NaN } }, 'budget.minutes must be above 0'],
    [{ budget: { hours: 1 } }, 'unknown key "hours"'],
    [{ budget: 10 }, 'budget must be an object'],
    [{ seed: -1 }, 'seed must be'],
    [{ signal: 1 }, 'signal must be'],
    [{ onProgress: 1 }, 'onProgress must be a function'],
    [{ onRecipe: 1 }, 'onRecipe must be a function'],
    [{ quiet: 'yes' }, 'quiet must be'],
    [{ worker: 3 }, 'worker must be'],
    [{ data: 3 }, 'data must be a text'],
    [{ data: undefined }, 'data must be a text'],
  ];
  for (const [options, message] of wrong) {
    const error = await asyncRefusal(fit({ ...quick, ...options } as never));
    assert.is(error.code, 'CONFIG', error.message);
    assert.match(error.message, message);
  }
});

test('data that are too little or no data are refused, saying what is needed', async () => {
  const wrong: [Partial<FitOptions>, string][] = [
    [{ data: 'a few words' }, '100 at least'],
    [{ data: 'word '.repeat(60) }, '100 at least'],
    [{ data: '' }, 'the text is empty'],
    [{ data: [] }, 'the text is empty'],
    [{ task: 'translate', data: pairs.slice(0, 5) }, 'there are 5 pairs, fit needs 20 at least'],
    [{ task: 'translate', data: text }, 'without a tab'],
    [{ task: 'translate', data: [['one']] as never }, 'data[0] must be [source, target]'],
    [{ task: 'classify', data: labelled.slice(0, 5) }, 'there are 5 labelled texts, fit needs 20 at least'],
    [{ task: 'classify', data: labelled.filter(([, label]) => label === 'good') }, 'one class only'],
    [
      { task: 'classify', data: words.slice(0, 30).map((word, i): [string, string] => [word, `only ${i}`]) },
      'its labels occur once each',
    ],
    [{ task: 'lm', data: labelled as never }, 'data[0] must be a text'],
    [{ data: Uint8Array.of(0xff, 0xfe, 0x00) }, 'UTF'],
  ];
  for (const [options, message] of wrong) {
    const error = await asyncRefusal(fit({ ...quick, ...options }));
    assert.is(error.code, 'DATA', error.message);
    assert.match(error.message, message);
    // `fit` itself sets it.
    assert.not.match(error.message, 'holdOut');
  }
});

test('a name of a file that is not there is no text to learn', async () => {
  for (const data of ['nolab.tsv', 'my notes/all of it.TXT', '/nowhere/x.csv']) {
    const error = await asyncRefusal(fit({ ...quick, data }));
    assert.equal([error.code, error.path], ['DATA', resolve(data)]);
    assert.match(error.message, 'there is no such file');
  }
  const line = `${words.slice(0, 150).join(' ')} in notes.txt, too`;
  const { recipe } = await fit({ ...quick, data: line, budget: { steps: 1 } });
  assert.is((recipe.data as { text?: string }).text, line);
});

test.run();
