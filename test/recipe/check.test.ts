/** Every fault of a recipe has one message that names the key, what is required and what came. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import { dataKinds } from '../../src/recipe/data/table.js';
import { checkRecipe, checkTrainingRecipe, recipeKeys } from '../../src/recipe/index.js';
import { refusal } from '../support.js';
import { recipes } from './recipes.js';

const test = suite('recipe: the check');
type Changes = Record<string, unknown>;

/** A recipe with some keys changed, nested ones as `model.dModel`. */
function change(base: object, changes: Changes): Changes {
  const out = structuredClone(base) as Changes;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() as string;
    keys.reduce((object, key) => object[key] as Changes, out)[last] = value;
  }
  return out;
}

function refused(value: unknown, pattern: RegExp): void {
  const error = refusal(() => checkRecipe(value, 'r.json'));
  assert.instance(error, ConfigError);
  assert.match(error.message, pattern);
  assert.not.match(error.message, '\n');
}

const { text, pairs, labelledPairs, labelledTexts, masked, images, tokens, module } = recipes;
const rows = [labelledPairs, labelledTexts, masked];

test('a good recipe is given back as it is', () => {
  for (const recipe of Object.values(recipes)) assert.is(checkRecipe(recipe, 'r.json'), recipe);
});

test('there is a recipe here for every kind of data', () => {
  assert.equal(Object.keys(recipes).sort(), Object.keys(dataKinds).sort());
  for (const [kind, recipe] of Object.entries(recipes)) assert.is(recipe.data.kind, kind);
});

const count = 'a positive integer';
const counts = [0, -1, 1.5, '3', null, true, Number.NaN, 2 ** 53];
const seeds = [-1, 1.5, '3', null, Number.POSITIVE_INFINITY];
const selection = 'all, norms, bias, head, a pattern of paths, a /regular expression/, or a list of these';
const selections = [1, null, {}, [], [1], '', '!', ['all', ''], 'a!b', [['all']]];
const objects = [null, 1, 'x', [], true];
const lora = change(recipes.text, { trainable: { lora: {} } });

/** Base, key, what is required, values that are refused. */
const values: [object, string, string, unknown[]][] = [
  [text, 'model', 'an object with a kind', objects],
  [
    text,
    'model.kind',
    'one of causalLM, transformer, maskedLM, textClassifier, pairClassifier, visionTransformer',
    [1, 'LM'],
  ],
  [text, 'weights', 'bytes of safetensors, or the path of a file', [1, '', null, [1], new Int32Array(1)]],
  [text, 'dtype', 'one of f16, bf16', ['f32', 'int8', 16, null]],
  [text, 'dtype', 'left out without weights, as nothing is there to be stored', ['f16']],
  [change(text, { weights: 'a' }), 'dtype', 'left out where all is trained: it is for what is not', ['f16']],
  [text, 'rescaleNorms', 'a finite number, or a list of them', [Number.NaN, [], ['1'], '1', null, [null]]],
  [text, 'rescaleNorms', 'left out without weights, from which norms move', [0.5, [1, 2]]],
  [text, 'data', 'an object with a kind', [null, 1, []]],
  [text, 'data', 'an object with a kind; the name goes into data.source', ['kjv']],
  [text, 'data.kind', `one of ${Object.keys(dataKinds).join(', ')}`, [1, 'toString', '__proto__', null]],
  [text, 'tokenizer', 'an object with a kind', objects],
  [text, 'tokenizer.kind', 'one of chars, bpe, saved', ['toString', 1, null]],
  [
    text,
    'trainable',
    `${selection}, or an object with lora`,
    selections.filter((value) => JSON.stringify(value) !== '{}'),
  ],
  [lora, 'trainable.lora', 'an object with rank, alpha, targets or dropout', [1, null, undefined, []]],
  [lora, 'trainable.lora.rank', 'a whole number from 1 to 4096', [0, 1.5, '8', null]],
  [lora, 'trainable.lora.dropout', 'a number in [0, 1)', [1, -0.1, '0', null]],
  [lora, 'trainable.lora.targets', 'a list of names of projections', ['q_proj', [], [1], null]],
  [lora, 'trainable.also', selection, selections],
  [text, 'optimizer', 'an object with a kind', objects],
  [text, 'optimizer.kind', 'one of adam, adamw, radam, sgd, muon', ['toString', 1, null]],
  [text, 'optimizer.betas', 'two numbers', [[0.9], 0.9, [0.9, '1'], null]],
  [text, 'optimizer.groups', 'a list', [1, {}, null]],
  [text, 'optimizer.groups[0]', 'an object with match', [[1], [null], [[]]].map((item) => item)],
  [text, 'schedule', 'an object with a kind', objects],
  [text, 'steps', count, [...counts, undefined]],
  [text, 'accumulate', count, counts],
  [text, 'evalEvery', count, counts],
  [text, 'checkpointEvery', count, counts],
  [text, 'recompute', 'true or false or a positive integer', [0, 1.5, 'all', null]],
  [text, 'clipNorm', 'a positive number', [0, -1, '1', null, Number.POSITIVE_INFINITY]],
  [text, 'labelSmoothing', 'a number in [0, 1)', [1, -0.1, '0', null, Number.NaN]],
  [text, 'seed', 'a whole number >= 0', seeds],
  [text, 'seeds', 'an object with model, data or dropout', objects],
  ...['model', 'data', 'dropout'].map((key): [object, string, string, unknown[]] => [
    change(text, { seeds: {} }),
    `seeds.${key}`,
    'a whole number >= 0',
    seeds,
  ]),
  ...[pairs, text, ...rows].flatMap((base): [object, string, string, unknown[]][] => [
    [
      change(base, { 'data.text': undefined }),
      'data.source',
      'the name of embedded data or a path',
      ['', 1, null, []],
    ],
    [base, 'data.text', 'a string, bytes or a Blob', [1, null, {}, [1], new Float32Array(1)]],
    [base, 'data.validation', 'a share from 0 to below 1', [1, -0.1, '0', null]],
  ]),
  [text, 'data.batchSize', count, counts],
  [text, 'data.seqLen', count, counts],
  [pairs, 'data.maxTokens', count, counts],
  [pairs, 'data.onTooLong', '"error" or "drop"', ['cut', 1, null]],
  ...rows.flatMap((base): [object, string, string, unknown[]][] => [
    [base, 'data.batchSize', count, counts],
    [base, 'data.maxTokens', count, counts],
    [base, 'data.lengthMultiple', count, counts],
    [base, 'data.maxLen', 'a positive integer, the longest row', counts],
  ]),
  [masked, 'data.maskedShare', 'a share above 0, at most 1', [0, 1.1, -1, '0.1', null]],
  [
    images,
    'data.images',
    'a Float32Array or a list of numbers',
    ['x', [1, '2'], new Float64Array(4), {}, null],
  ],
  [
    images,
    'data.labels',
    'an Int32Array or a list of classes',
    ['x', [1, '2'], new Float32Array(4), {}, null],
  ],
  ...[pairs, labelledPairs, labelledTexts, images].map((base): [object, string, string, unknown[]] => [
    base,
    'data.holdOut',
    '"end" or "spread"',
    ['start', 1, true, null],
  ]),
  [images, 'data.channels', count, counts],
  [images, 'data.batchSize', count, counts],
  [images, 'data.batchSize', 'at most 65536', [65537]],
  [images, 'data.validation', 'a share from 0 to below 1', [1, -0.1, '0', null]],
  [
    tokens,
    'data.ids',
    'an Int32Array or a list of ids',
    [undefined, 'x', [-1], [0.5], [2 ** 31], new Float32Array(3)],
  ],
  [tokens, 'data.validation', 'an Int32Array or a list of ids', [0.1, [-1], null]],
  [tokens, 'data.batchSize', count, counts],
  [tokens, 'data.seqLen', count, counts],
  [module, 'data.url', 'the address of a module', [undefined, '', 1, {}, null]],
  [change(text, { tokenizer: { kind: 'chars' } }), 'tokenizer.maxVocab', count, counts],
  [change(text, { tokenizer: { kind: 'bpe' } }), 'tokenizer.vocabSize', count, [...counts, undefined]],
  [change(text, { tokenizer: { kind: 'saved' } }), 'tokenizer.path', 'the path of a file', [1, {}, '']],
  ...(['lr', 'weightDecay'] as const).map((key): [object, string, string, unknown[]] => [
    change(text, { 'optimizer.groups': [{ match: 'all' }] }),
    `optimizer.groups.0.${key}`,
    'a number from 0',
    [-1, '1', null, Number.NaN],
  ]),
  [
    change(text, { 'optimizer.groups': [{ match: 'all' }] }),
    'optimizer.groups.0.match',
    selection,
    [...selections, undefined],
  ],
];

for (const [base, key, required, wrong] of values) {
  const { kind } = (base as { data: { kind: string } }).data;
  test(`${kind}: ${key} must be ${required}`, () => {
    const shown = key.replace('.0.', '[0].');
    const at = key === 'optimizer.groups[0]' ? 'optimizer.groups' : key;
    for (const value of wrong) {
      const message = refusal(() => checkRecipe(change(base, { [at]: value }), 'r.json')).message;
      assert.ok(
        message.startsWith(`r.json: ${shown} must be ${required}, got `),
        `${String(value)}: ${message}`,
      );
    }
  });
}

test('what is no recipe at all', () => {
  for (const value of [null, 1, 'text', [recipes.text], true, undefined]) {
    refused(value, /^r\.json: must be an object, got /);
  }
});

const misspelt: [object, string, RegExp][] = [
  [text, 'modle', /^r\.json: unknown key "modle" \(did you mean "model"\?\)/],
  [text, 'tokenizer.maxVocabs', /^r\.json: tokenizer: unknown key "maxVocabs" \(did you mean "maxVocab"/],
  [text, 'seeds.order', /^r\.json: seeds: unknown key "order" \(known keys: model, data, dropout/],
  [text, 'optimizer.groups.0.lrs', /^r\.json: optimizer\.groups\[0\]: unknown key "lrs" \(did you mean "lr"/],
  [text, 'schedule.warmup', /constant: unknown key "warmup" \(known keys: maxLr, warmupSteps\)/],
  ...Object.values(recipes).map((recipe): [object, string, RegExp] => [
    recipe,
    'data.batch_size',
    /^r\.json: data: unknown key "batch_size" \((did you mean "batchSize"|known keys: )/,
  ]),
];

for (const [base, key, pattern] of misspelt) {
  test(`unknown key ${key} (${(base as { data: { kind: string } }).data.kind})`, () => {
    const full = { seeds: {}, ...change(base, { 'optimizer.groups': [{ match: 'all' }] }) };
    refused(change(full, { [key]: 1 }), pattern);
  });
}

test('each kind of data takes its own keys only', () => {
  for (const [kind, { rules }] of Object.entries(dataKinds)) {
    const foreign = Object.values(dataKinds)
      .flatMap((other) => Object.keys(other.rules))
      .filter((key) => !(key in rules));
    for (const key of foreign) {
      const recipe = recipes[kind as keyof typeof recipes];
      refused(change(recipe, { [`data.${key}`]: 1 }), new RegExp(`data: unknown key "${key}"`));
    }
  }
});

test('keys of version 0.1 are named with the key of now', () => {
  for (const [old, now] of [
    ['dataset', 'data'],
    ['task', 'model.kind and data.kind'],
    ['vocabSize', 'tokenizer.vocabSize'],
    ['maxTokens', 'data.maxTokens'],
    ['batchSize', 'data.batchSize'],
    ['seqLen', 'data.seqLen'],
  ]) {
    refused(
      change(text, { [old]: 1 }),
      new RegExp(`^r\\.json: the key "${old}" of version 0\\.1 is ${now} now`),
    );
  }
  refused(change(text, { 'model.seed': 3 }), /model must be without seed, which is seeds\.model/);
  refused(change(text, { 'data.tokenizer': {} }), /data must be without tokenizer, which stands beside it/);
});

test('model and data must be of kinds that go together', () => {
  const { kind: _, ...sizes } = text.model;
  for (const { data, ...rest } of Object.values(recipes)) {
    for (const kind of [
      'causalLM',
      'transformer',
      'maskedLM',
      'textClassifier',
      'pairClassifier',
      'visionTransformer',
    ] as const) {
      const readers = dataKinds[data.kind].models as readonly string[];
      const recipe = { ...rest, data, model: { kind, ...sizes } };
      if (readers.includes(kind)) assert.ok(checkRecipe(recipe, 'r.json'));
      else
        refused(
          recipe,
          new RegExp(`model\\.kind must be ${readers.join(' or ')} for data of kind ${data.kind}`),
        );
    }
  }
});

test('content stands in the recipe or has a name, not both', () => {
  for (const base of [text, pairs, ...rows]) {
    refused(
      change(base, { 'data.source': 'kjv' }),
      /data must be given by source \(a name\) or by text .*"both"/,
    );
    refused(change(base, { 'data.text': undefined }), /data must be given by source .*"neither"/);
  }
  refused(
    change(images, { 'data.source': 'digits' }),
    /data must be given by source .* or by images and labels, got "both"/,
  );
  refused(change(images, { 'data.labels': undefined }), /images and labels, got "1 of the two"/);
  refused(change(images, { 'data.labels': undefined, 'data.images': undefined }), /"0 of the two"/);
  refused(
    change(labelledPairs, { 'data.labelSeparator': '\t' }),
    /labelSeparator must be a text without tabs/,
  );
});

test('tokenizers where there are texts, and of a kind that has the marks', () => {
  for (const base of [images, tokens, module]) {
    refused(
      change(base, { tokenizer: { kind: 'chars' } }),
      new RegExp(`tokenizer must be left out for data of kind ${base.data.kind}`),
    );
  }
  for (const base of [pairs, ...rows]) {
    refused(
      change(base, { tokenizer: undefined }),
      new RegExp(
        `tokenizer must be given for data of kind ${base.data.kind}, e\\.g\\. .*"bpe".*, got nothing`,
      ),
    );
    refused(
      change(base, { tokenizer: { kind: 'chars' } }),
      new RegExp(`tokenizer\\.kind must be bpe or saved for data of kind ${base.data.kind}, got "chars"`),
    );
  }
  const saved = (more: object) => change(text, { tokenizer: { kind: 'saved', ...more } });
  refused(saved({}), /tokenizer must be given by json or by path, got "neither"/);
  refused(saved({ json: {}, path: 'x' }), /tokenizer must be given by json or by path, got "both"/);
  assert.ok(checkRecipe(change(text, { tokenizer: undefined }), 'r.json'));
});

test('the rate is in the schedule or in the optimizer', () => {
  refused(
    change(text, { 'optimizer.lr': 1 }),
    /optimizer must be without lr where there is a schedule: it is schedule\.maxLr/,
  );
  const { schedule: _, ...constant } = text;
  for (const lr of [undefined, '1', Number.NaN, null]) {
    refused(
      change(constant, { 'optimizer.lr': lr }),
      /optimizer\.lr must be a number where there is no schedule/,
    );
  }
  assert.ok(checkRecipe(change(constant, { 'optimizer.lr': 0.1 }), 'r.json'));
  refused(change(text, { 'schedule.kind': 'cosin' }), /schedule must be one of .*cosine.*, got "cosin"/);
  refused(change(text, { 'schedule.maxLr': -1 }), /maxLr must be a finite number >= 0, got -1/);
});

test('decay says what a weight decay above 0 is for', () => {
  const optimizer = { kind: 'adam', weightDecay: 0.1 };
  const make = (more: object) => change(text, { optimizer: { ...optimizer, ...more } });
  for (const more of [
    { decay: 'all' },
    { decay: 'matrices' },
    { decay: 'all', weightDecay: 0 },
    { decay: 'matrices', weightDecay: undefined, kind: 'adamw' },
  ])
    assert.ok(checkRecipe(make(more), 'r.json'));
  for (const decay of ['weights', true, null])
    refused(make({ decay }), /optimizer\.decay must be one of all, matrices, got/);
  for (const weightDecay of [0, undefined])
    refused(
      make({ decay: 'matrices', weightDecay }),
      /optimizer\.decay must be left out where weightDecay is 0, as nothing decays, got "matrices"/,
    );
});

test('muon is a key of the groups of muon alone', () => {
  const make = (kind: string, muon: unknown) =>
    change(text, { optimizer: { kind, groups: [{ match: '*linear1*', muon }] } });
  for (const muon of [true, false, undefined]) assert.ok(checkRecipe(make('muon', muon), 'r.json'));
  for (const muon of ['yes', 1, null])
    refused(make('muon', muon), /optimizer\.groups\[0\]\.muon must be true or false/);
  refused(
    make('adamw', false),
    /optimizer\.groups\[0\] must be without muon, which the optimizer muon has and adamw has not/,
  );
  assert.ok(checkRecipe(change(text, { optimizer: { kind: 'muon', decay: 'matrices' } }), 'r.json'));
});

test('what reads data of its own has the training part alone', () => {
  const { model: _m, data: _d, tokenizer: _t, ...training } = text;
  assert.is(checkTrainingRecipe(training, 'x'), training);
  for (const key of ['model', 'data', 'tokenizer', 'weights'] as const) {
    assert.match(
      refusal(() => checkTrainingRecipe({ ...training, [key]: {} }, 'x')).message,
      `x: unknown key "${key}"`,
    );
  }
  assert.match(
    refusal(() => checkTrainingRecipe({ ...training, steps: 0 }, 'x')).message,
    'x: steps must be',
  );
  assert.ok(
    ['model', 'weights', 'data', 'tokenizer', ...Object.keys(training)].every((key) =>
      recipeKeys.includes(key as never),
    ),
  );
});

test.run();
