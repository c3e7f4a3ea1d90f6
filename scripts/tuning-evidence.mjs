/**
 * What is fine-tuning worth? `npm run tuning-evidence -- --from TEXT --to TEXT --labels DIR [--out FILE] [--report]`.
 * A byte-BPE language model is trained on one text, written as a folder of Hugging Face, and tuned from it on another: whole, by
 * low-rank pairs, norms, head, and from scratch, for equal steps, three seeds. Then a classifier of labelled texts (DIR with train.tsv
 * and valid.tsv) from a masked language model of the same texts, and from scratch. Writes docs/results/tuning.json and from it the tables
 * of docs/fine-tuning.md and README.md; --report only the tables.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { tuneRecipe } from '../src/fit/tune-recipe.ts';
import { generateText } from '../src/generate/index.ts';
import { fromPretrained, toPretrained } from '../src/interop/index.ts';
import { encodeSafetensors } from '../src/io/index.ts';
import { prepareRun } from '../src/recipe/index.ts';
import { createRuntime } from '../src/runtime/init.ts';
import { makeCurrent } from '../src/runtime/runtime.ts';
import * as tokenizers from '../src/tokenizers/index.ts';
import { plan, Trainer } from '../src/train/index.ts';
import { writeTuningTables } from './tuning-tables.mjs';

const RESULTS = 'docs/results/tuning.json';
const SEEDS = [1, 2, 3];
const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    labels: { type: 'string' },
    out: { type: 'string', default: RESULTS },
    report: { type: 'boolean', default: false },
  },
});

const sizes = { dModel: 96, numHeads: 4, numLayers: 2 };
const gpt2 = {
  positions: 'learned',
  embeddingScale: 1,
  activation: 'geluTanh',
  normPlacement: 'pre',
  maxSeqLen: 64,
};
const cosine = (maxLr, steps) => ({
  kind: 'cosine',
  maxLr,
  warmupSteps: Math.ceil(steps / 20),
  totalSteps: steps,
});
const adamw = { kind: 'adamw', betas: [0.9, 0.98], weightDecay: 0.1, decay: 'matrices' };
/** @param {any} tokenizer */
const saved = (tokenizer) => ({ kind: /** @type {const} */ ('saved'), json: tokenizer.toJSON() });
const PRETRAIN = 600;
const TUNE = 100;

/**
 * Trains a recipe on a runtime of its own: what it reached, what it took.
 * @param {any} recipe
 * @param {(run: any) => any} afterwards
 */
async function trained(recipe, afterwards = () => {}) {
  const runtime = await createRuntime();
  makeCurrent(runtime);
  const { persistentInUse: before } = runtime.memory();
  const run = await prepareRun(recipe, { tokenizers });
  const cursor = { ...run.options.data.state() };
  runtime.arena.resetHighWater();
  const planned = plan(run.model, run.options.data.next());
  run.options.data.restore(cursor);
  const trainer = new Trainer(run.options);
  const started = performance.now();
  const { validNll, metric } = /** @type {any} */ (await trainer.run());
  const seconds = (performance.now() - started) / 1000;
  const { arenaHighWater, persistentInUse } = runtime.memory();
  const parameters = run.model.numParameters({ trainable: true });
  const more = await afterwards(run);
  return {
    validNll,
    ...(metric === undefined ? {} : { metric }),
    parameters,
    all: run.model.numParameters(),
    seconds,
    planned: planned.peakBytes,
    used: persistentInUse - before + arenaHighWater,
    ...more,
  };
}

const METHODS = {
  everything: { trainable: 'all' },
  'low-rank pairs (lora)': { trainable: { lora: {} } },
  norms: { trainable: 'norms' },
  'head (the tied table)': { trainable: 'head' },
  'from scratch': null,
};

async function languageModels(results) {
  const [from, to] = [values.from, values.to].map((path) =>
    readFileSync(/** @type {string} */ (path), 'utf8').slice(0, 380_000),
  );
  const data = { kind: 'text', batchSize: 16, seqLen: 64, validation: 0.1 };
  let base;
  const first = await trained(
    {
      model: { kind: 'causalLM', ...sizes, ...gpt2 },
      data: { ...data, text: from },
      tokenizer: { kind: 'bpe', vocabSize: 1024 },
      optimizer: adamw,
      schedule: cosine(0.004, PRETRAIN),
      clipNorm: 1,
      steps: PRETRAIN,
      seed: 0,
    },
    async ({ model, data: { tokenizer } }) => {
      const folder = toPretrained(model, { tokenizer });
      const read = await fromPretrained(folder, { tokenizers });
      base = {
        kind: 'causalLM',
        config: read.model.config,
        weights: encodeSafetensors(read.model.stateDict()),
        tokenizer,
      };
    },
  );
  console.log('base', first);
  // Little text, as one's own is.
  const text = to.slice(0, 60_000);
  const tokens = base.tokenizer.encode(text).length;
  const facts = /** @type {const} */ ({ task: 'lm', bytes: text.length, tokens });
  const rows = [];
  const prompt = to.slice(60_000, 60_060);
  for (const [method, how] of Object.entries(METHODS)) {
    const runs = [];
    for (const seed of SEEDS) {
      const tuned = tuneRecipe({
        base,
        weights: 'x',
        trainable: how?.trainable ?? 'all',
        facts,
        content: { kind: 'text', text },
        steps: TUNE,
        seed,
      });
      const { weights: _, ...scratch } = tuned;
      const recipe = {
        ...(how ? { ...tuned, weights: base.weights } : { ...scratch, schedule: cosine(0.005, TUNE) }),
        tokenizer: saved(base.tokenizer),
        evalEvery: undefined,
      };
      runs.push(
        await trained(recipe, async ({ model }) => {
          if (seed !== SEEDS[0]) return {};
          const { text } = await generateText(model.eval(), base.tokenizer, prompt, {
            maxNewTokens: 40,
            temperature: 0,
          });
          return { text };
        }),
      );
      console.log(method, seed, runs.at(-1));
    }
    rows.push({ method, runs });
  }
  makeCurrent(await createRuntime());
  const before = await (async () => {
    const recipe = tuneRecipe({
      base,
      weights: 'x',
      trainable: 'head',
      facts,
      content: { kind: 'text', text },
      steps: 1,
      lr: 1e-12,
      seed: 1,
    });
    const run = await prepareRun(
      { ...recipe, weights: base.weights, tokenizer: saved(base.tokenizer) },
      { tokenizers },
    );
    const { validNll } = await new Trainer(run.options).measure();
    const said = await generateText(run.model.eval(), base.tokenizer, prompt, {
      maxNewTokens: 40,
      temperature: 0,
    });
    return { validNll, text: said.text };
  })();
  results.lm = {
    steps: TUNE,
    pretraining: PRETRAIN,
    parameters: first.all,
    baseNll: first.validNll,
    tokens,
    prompt,
    before,
    rows,
  };
}

async function classifiers(results) {
  const part = (name) => readFileSync(`${values.labels}/${name}.tsv`, 'utf8').trim();
  const lines = part('train').split('\n');
  const texts = lines.map((line) => line.split('\t')[0]);
  // A document is twenty questions: some of each are held out.
  const documents = texts.map((line, i) => `${line}\n${i % 20 === 19 ? '\n' : ''}`).join('');
  const stack = { ...sizes, numLayers: 2, maxSeqLen: 40, dropout: 0.1 };
  const tokenizer = { kind: 'bpe', vocabSize: 2000 };
  let base;
  const first = await trained(
    {
      model: { kind: 'maskedLM', ...stack },
      data: { kind: 'masked', text: documents, batchSize: 32, maxLen: 40 },
      tokenizer,
      optimizer: adamw,
      schedule: cosine(0.003, PRETRAIN),
      clipNorm: 1,
      steps: PRETRAIN,
      seed: 0,
    },
    async ({ model, data }) => {
      base = {
        weights: encodeSafetensors(model.stateDict()),
        tokenizer: data.tokenizer,
        vocabSize: model.config.vocabSize,
      };
    },
  );
  console.log('masked base', first);
  const rows = [];
  for (const count of [200, lines.length]) {
    // A few labels are what one has; all are what the data set has.
    const text = `${lines.slice(0, count).join('\n')}\n`;
    for (const isTuned of [true, false]) {
      const runs = [];
      for (const seed of SEEDS) {
        const recipe = {
          model: { kind: 'textClassifier', ...stack, vocabSize: base.vocabSize, pooling: 'mean' },
          data: {
            kind: 'labelledTexts',
            text,
            batchSize: 32,
            maxLen: 40,
            validation: 0.1,
            holdOut: 'spread',
          },
          tokenizer: saved(base.tokenizer),
          ...(isTuned ? { weights: base.weights } : {}),
          optimizer: adamw,
          schedule: cosine(0.001, TUNE),
          clipNorm: 1,
          metric: 'accuracy',
          steps: TUNE,
          seed,
        };
        runs.push(await trained(recipe));
        console.log(count, isTuned, seed, runs.at(-1));
      }
      rows.push({ method: isTuned ? 'from the masked model' : 'from scratch', texts: count, runs });
    }
  }
  results.classifier = { steps: TUNE, pretraining: PRETRAIN, rows };
}

if (values.report) writeTuningTables(JSON.parse(readFileSync(values.out, 'utf8')));
else {
  const results = existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')) : {};
  const write = () => writeFileSync(values.out, `${JSON.stringify(results, null, 1)}\n`);
  if (values.from && values.to) await languageModels(results);
  write();
  if (values.labels) await classifiers(results);
  write();
  if (results.lm && results.classifier) writeTuningTables(results);
}
