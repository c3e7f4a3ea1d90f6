/**
 * @file `node scripts/compare-classifiers.mjs DIR [--only NAME] [--tune] [--json FILE]`: a TextClassifier on `sms-spam`
 * and `trec` of the data folder DIR (text TAB label: train.tsv, valid.tsv), beside the commonest class and a bag of words.
 *
 * The validation part judges, once per seed. Every choice is made on a tenth of the training part, set aside by a fixed
 * shuffle: by `--tune` among the settings of ours (`SETTINGS` has what it chose), and in each run for the bag of words,
 * which is the better of a multinomial naive Bayes and a logistic regression over words or words and neighbouring pairs
 * of them. What was chosen is then fitted on the whole training part.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { classificationReport, classify } from '../dist/classify/index.js';
import { parseLabelledTexts } from '../dist/data/index.js';
import { Trainer } from '../dist/fit/train.js';
import { init } from '../dist/index.js';
import { checkRecipe, prepareRun } from '../dist/recipe/index.js';
import { lowercase } from '../dist/text/index.js';
import { bagOfWords } from './bag-of-words.mjs';

const SEEDS = [1, 2, 3];
const BASE = {
  dModel: 64,
  numLayers: 2,
  dropout: 0.3,
  pooling: 'mean',
  maxLr: 2e-3,
  epochs: 12,
  vocabSize: 2000,
};
/** What `--tune` chose for each set. */
const SETTINGS = { 'sms-spam': {}, trec: { numLayers: 1 } };
/** What `--tune` tries, each as a change of the base. */
const TRIED = [
  {},
  { pooling: 'first' },
  { pooling: 'last' },
  { epochs: 6 },
  { epochs: 24 },
  { numLayers: 1 },
  { dModel: 128 },
  { dropout: 0.1 },
  { dropout: 0.5 },
  { maxLr: 1e-3 },
  { maxLr: 4e-3 },
  { vocabSize: 1000 },
  { vocabSize: 4000 },
  { classWeights: 'balanced' },
];

const { dir, only, tune, json } = readArguments(process.argv.slice(2));
await init();
const results = {};
for (const name of Object.keys(SETTINGS).filter((known) => only === undefined || known === only)) {
  const read = (part) => lowercase(readFileSync(join(dir, name, `${part}.tsv`), 'utf8'));
  const whole = parse(read('train'), `${name}/train.tsv`);
  if (tune) {
    const [learn, choose] = setAside(whole.rows);
    for (const change of TRIED) {
      const settings = { ...BASE, ...SETTINGS[name], ...change };
      const judged = await Promise.all(
        [1, 2].map((seed) => ours(learn, choose, whole.classes, settings, seed)),
      );
      const f1 = mean(judged.map(({ report }) => report.macroF1));
      console.log(
        `${name} ${JSON.stringify(change)}: macro F1 ${f1.toFixed(4)}, ${judged[0].seconds.toFixed(0)} s`,
      );
    }
    continue;
  }
  const valid = parse(read('valid'), `${name}/valid.tsv`, whole.classes);
  results[name] = await compare(name, whole, valid);
}
if (!tune) {
  console.log(`\n${table(results)}`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const missed = Object.values(results).some(
    ({ ours: own, bag }) => mean(own.map(({ macroF1 }) => macroF1)) < bag.macroF1 - 0.01,
  );
  process.exitCode = missed ? 1 : 0;
}

async function compare(name, { rows, classes }, valid) {
  const truth = valid.rows.map(({ label }) => classes[label]);
  const counts = classes.map((_, c) => rows.filter(({ label }) => label === c).length);
  const commonest = classes[counts.indexOf(Math.max(...counts))];
  const majority = classificationReport(
    truth,
    truth.map(() => commonest),
    classes,
  );
  const [learn, choose] = setAside(rows);
  const before = performance.now();
  const { predict, chosen } = bagOfWords(learn, choose, rows, classes.length);
  const bag = classificationReport(
    truth,
    valid.rows.map(({ text }) => classes[predict(text)]),
    classes,
  );
  const bagSeconds = (performance.now() - before) / 1000;
  const own = [];
  for (const seed of SEEDS) {
    const { report, seconds, parameters, steps } = await ours(
      rows,
      valid.rows,
      classes,
      { ...BASE, ...SETTINGS[name] },
      seed,
    );
    console.log(
      `${name}, seed ${seed}: macro F1 ${report.macroF1.toFixed(4)}, accuracy ${report.accuracy.toFixed(4)}, ${seconds.toFixed(0)} s`,
    );
    own.push({ seed, macroF1: report.macroF1, accuracy: report.accuracy, seconds, parameters, steps });
  }
  return {
    texts: [rows.length, valid.rows.length],
    classes: classes.length,
    settings: { ...BASE, ...SETTINGS[name] },
    majority: { macroF1: majority.macroF1, accuracy: majority.accuracy },
    bag: { macroF1: bag.macroF1, accuracy: bag.accuracy, seconds: bagSeconds, chosen },
    ours: own,
  };
}

/** Trains on `train`, judges on `judge`. */
async function ours(train, judge, classes, settings, seed) {
  const { maxLr, epochs, vocabSize, ...model } = settings;
  const steps = Math.ceil((epochs * train.length) / 32);
  const recipe = checkRecipe(
    {
      model: { kind: 'textClassifier', numHeads: 4, normPlacement: 'pre', positions: 'learned', ...model },
      data: {
        kind: 'labelledTexts',
        text: train.map(({ text, label }) => `${text}\t${classes[label]}`).join('\n'),
        validation: 0,
      },
      tokenizer: { kind: 'bpe', vocabSize },
      optimizer: { kind: 'adamw', weightDecay: 0.01 },
      schedule: { kind: 'linearDecay', maxLr, warmupSteps: Math.round(steps / 10), totalSteps: steps },
      clipNorm: 1,
      steps,
      seed,
    },
    'compare-classifiers',
  );
  const before = performance.now();
  const run = await prepareRun(recipe);
  const trainer = new Trainer(run.options);
  for await (const _ of trainer.run());
  const seconds = (performance.now() - before) / 1000;
  const texts = judge.map(({ text }) => text);
  const said = classify(run.model, /** @type {any} */ (run.data.tokenizer), run.data.classes ?? null, texts, {
    onTooLong: 'cut',
  });
  const report = classificationReport(
    judge.map(({ label }) => classes[label]),
    said.map(({ label }) => label),
    classes,
  );
  return { report, seconds, steps, parameters: run.model.numParameters() };
}

function parse(text, path, classes) {
  const { texts, classes: found } = parseLabelledTexts(text, path, classes);
  return { rows: texts, classes: found };
}

/** Nine tenths of the rows, and every tenth one. */
function setAside(rows) {
  return [rows.filter((_, i) => i % 10 !== 9), rows.filter((_, i) => i % 10 === 9)];
}

function mean(values) {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function table(of) {
  const lines = [
    '| set | texts: training, judged | classes | commonest class | bag of words | ours: mean of 3 seeds | range | parameters | time each |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  for (const [name, { texts, classes, majority, bag, ours: own }] of Object.entries(of)) {
    const f1 = own.map(({ macroF1 }) => macroF1);
    lines.push(
      `| \`${name}\` | ${texts.join(', ')} | ${classes} | ${majority.macroF1.toFixed(3)} | ${bag.macroF1.toFixed(3)} (${bag.chosen}) | ${mean(f1).toFixed(3)} | ${Math.min(...f1).toFixed(3)} to ${Math.max(...f1).toFixed(3)} | ${own[0].parameters} | ${mean(own.map(({ seconds }) => seconds)).toFixed(0)} s |`,
    );
  }
  return lines.join('\n');
}

function readArguments(args) {
  const found = {};
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--tune') found.tune = true;
    else if (args[i] === '--only' || args[i] === '--json') found[args[i].slice(2)] = args[++i];
    else if (!args[i].startsWith('-') && found.dir === undefined) found.dir = args[i];
    else throw new Error(`unknown argument ${args[i]}`);
  }
  if (found.dir === undefined)
    throw new Error('give the data folder: node scripts/compare-classifiers.mjs DIR');
  return found;
}
