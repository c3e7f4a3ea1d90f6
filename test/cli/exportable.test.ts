/** @file What docs/interop.md says can be trained here and written as a folder of Hugging Face is, recipe and options as they stand there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import type { CausalLM } from '../../src/nn/index.js';
import { type ModelKind, makeModel } from '../../src/nn/model-kinds.js';
import { init } from '../../src/runtime/init.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { SMALL } from '../support.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: recipes that can be exported');
await init();

const document = readFileSync(new URL('../../docs/interop.md', import.meta.url), 'utf8');
const written = document.slice(
  document.indexOf('## What is written'),
  document.indexOf('## On the command line'),
);
const text = 'to be or not to be, that is the question. '.repeat(120);

test('the recipe of the document is trained, exported, and continues a text from its folder', async () => {
  const [, block] = /```json\n([\s\S]*?)```/.exec(written) as RegExpExecArray;
  const recipe = JSON.parse(block);
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'mine.txt'), text);
    writeFileSync(join(cwd, 'recipe.json'), JSON.stringify({ ...recipe, steps: 3 }));
    for (const args of [
      ['train', 'recipe.json', '--out', 'run'],
      ['export', 'run', '--to', 'hf', '--out', 'folder'],
      ['generate', 'folder', '--prompt', 'to be', '--max-new-tokens', '4'],
    ]) {
      const { code, stderr } = await prenorm(args, { cwd });
      assert.is(code, 0, `${args.join(' ')}: ${stderr}`);
    }
    const { model, family, tokenizer } = await fromPretrained(join(cwd, 'folder'), { tokenizers });
    assert.equal([family, tokenizer?.vocabSize], ['gpt2', (model as CausalLM).config.vocabSize]);
  });
});

test('every row of its table is written as the family that it names', async () => {
  const rows = [...written.matchAll(/^\| (\S[^|]*) \| `(\{.*\})` \|$/gm)];
  assert.equal([...new Set(rows.map(([, title]) => title))], ['GPT-2', 'Llama', 'Qwen2', 'BERT']);
  /** What a recipe's data say of a model. */
  const sizes: Partial<Record<ModelKind, object>> = {
    maskedLM: { numSegments: 2, nextSentence: true },
    textClassifier: { numClasses: 2 },
  };
  for (const [, title, options] of rows) {
    const { kind, ...model } = JSON.parse(options) as { kind: ModelKind };
    const made = makeModel(kind, { ...SMALL, ...sizes[kind], ...model });
    const { family } = await fromPretrained(toPretrained(made));
    assert.is(family, title.toLowerCase().replace('-', ''));
  }
});

test('models that read rows with marks have these rows again, read back from a folder', async () => {
  const row = (kind: string) =>
    [...written.matchAll(/`(\{.*\})` \|$/gm)]
      .map(([, json]) => JSON.parse(json))
      .find((model) => model.kind === kind);
  const sizes = { dModel: 16, numHeads: 2, numLayers: 1 };
  const common = {
    tokenizer: { kind: 'bpe', vocabSize: 280 },
    optimizer: { kind: 'adam', lr: 0.003 },
    steps: 8,
  };
  const recipes = {
    judge: {
      ...common,
      model: { ...row('textClassifier'), ...sizes },
      data: { kind: 'labelledTexts', source: 'lines.tsv', batchSize: 4, maxLen: 24 },
    },
    masked: {
      ...common,
      model: { ...row('maskedLM'), ...sizes },
      data: { kind: 'masked', source: 'mine.txt', batchSize: 4, maxLen: 24 },
    },
  };
  await inFolder(async (cwd) => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await prenorm(args, { cwd });
      assert.is(code, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    writeFileSync(join(cwd, 'mine.txt'), text.replaceAll('. ', '.\n'));
    writeFileSync(join(cwd, 'lines.tsv'), 'a fine day\tgood\nan awful night\tbad\n'.repeat(20));
    writeFileSync(join(cwd, 'asked.txt'), 'fine night\nawful day\n\n');
    for (const [name, recipe] of Object.entries(recipes)) {
      writeFileSync(join(cwd, `${name}.json`), JSON.stringify(recipe));
      await run('train', `${name}.json`, '--out', name);
      await run('export', name, '--to', 'hf', '--out', `${name}-hf`);
    }
    const ask = (model: string) => run('classify', model, '--input', 'asked.txt');
    assert.is(await ask('judge-hf'), await ask('judge'));
    await run('evaluate', 'masked-hf', '--input', 'mine.txt');
    const saved = { kind: 'saved', path: 'masked-hf' };
    writeFileSync(
      join(cwd, 'on.json'),
      JSON.stringify({
        ...recipes.masked,
        model: { kind: 'maskedLM' },
        weights: 'masked-hf',
        tokenizer: saved,
      }),
    );
    await run('train', 'on.json', '--out', 'on');
    await run('export', 'on', '--to', 'hf', '--out', 'on-hf');
    const read = (folder: string) =>
      ['tokenizer.json', 'tokenizer_config.json'].map((name) =>
        JSON.parse(readFileSync(join(cwd, folder, name), 'utf8')),
      );
    assert.equal(read('on-hf'), read('masked-hf'));
  });
});

test('of the default recipe all that is in the way is said at once, with what to train instead', async () => {
  await inFolder(async (cwd) => {
    const recipe = {
      model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 1 },
      data: { kind: 'text', text, seqLen: 8, batchSize: 2 },
      optimizer: { kind: 'adam', lr: 0.01 },
      steps: 1,
    };
    writeFileSync(join(cwd, 'recipe.json'), JSON.stringify(recipe));
    assert.is((await prenorm(['train', 'recipe.json', '--out', 'run'], { cwd })).code, 0);
    const { code, stderr } = await prenorm(['export', 'run', '--to', 'hf', '--out', 'folder'], { cwd });
    assert.is(code, 2);
    assert.match(
      stderr,
      /2 things are in the way: 1\. GPT-2 has positions "learned", the model "sinusoidal"; embeddingScale 1, the model "sqrt"/,
    );
    assert.match(stderr, /for GPT-2 train a model with \{"positions":"learned","embeddingScale":1\}/);
    assert.match(
      stderr,
      /2\. the tokenizer must be a Tokenizer or a PretrainedTokenizer.*a CharTokenizer has no form/,
    );
  });
});

test.run();
