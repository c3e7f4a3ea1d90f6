#!/usr/bin/env node
/**
 * @file The Multi30k experiment (src/experiments/figures/multi30k.ts) step by step, for when one wants to keep the weights, and
 * for its PyTorch twin. `prenorm reproduce --preset multi30k --data DATA` does the arms in one go.
 *
 *   prenorm prepare MULTI30K --out DATA --max-ratio none      your copy of the data
 *   node scripts/multi30k.mjs train   --data DATA --out RUNS  [--size large] [--only SUBSTRING] [--seed N]
 *   node scripts/multi30k.mjs export  --data DATA --out RUNS  what scripts/multi30k-twin.py reads
 *   python3 scripts/multi30k-twin.py RUNS/<first run>-twin
 *   node scripts/multi30k.mjs test    --data DATA --out RUNS  decodes and scores what is trained, twin included
 *   node scripts/multi30k.mjs summary --data DATA --out RUNS  docs/results/multi30k.json and the tables of multi30k.md
 *
 * `train` keeps the weights of the last five evaluations and of the best one; RUNS/<run>/record.json is the record,
 * RUNS/<run>/result.json the same after the test, as { spec, record }. What is there already is not done again.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluationPairBatches, PairBatches, parsePairs } from '../dist/data/index.js';
import {
  batchOptions,
  buildModel,
  fullTest,
  judgeClaims,
  KeptWeights,
  makePreset,
  multi30kBars,
  multi30kRuns,
  prepareTranslation,
  runTranslation,
  testScoreName,
} from '../dist/experiments/index.js';
import { init } from '../dist/index.js';
import { decodeSafetensors, encodeSafetensors, fromTorchState, toTorchState } from '../dist/io/index.js';
import { sinusoids } from '../dist/nn/index.js';
import { makeSchedule } from '../dist/optim/index.js';
import { evaluateLoss } from '../dist/train/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    size: { type: 'string', default: 'small' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '0' },
    /** For trials only: the run gets this many steps, and another name. */
    steps: { type: 'string' },
  },
});
const KEEP = 5;

await init();
const runs = multi30kRuns({ size: values.size, seed: Number(values.seed) })
  .filter((run) => run.id.includes(values.only))
  .map((run) =>
    values.steps ? { ...run, id: `trial-${run.id}`, steps: Number(values.steps), decode: null } : run,
  );
const split = (part) => {
  const path = join(values.data, `${part}.tsv`);
  return parsePairs(readFileSync(path, 'utf8'), path);
};
const data = await prepareTranslation(runs[0].data, async () => ({
  train: split('train'),
  valid: split('valid'),
  test: split('test'),
}));
const save = (file, tensors, metadata) => writeFileSync(file, encodeSafetensors(tensors, metadata));

async function train(run) {
  const folder = join(values.out, run.id);
  const file = join(folder, 'record.json');
  if (existsSync(file)) return console.log(`${run.id}: done`);
  mkdirSync(folder, { recursive: true });
  const started = Date.now();
  const kept = [];
  const path = ({ step }) => join(folder, `step-${step}.safetensors`);
  const onEvaluation = ({ model, step, validNll }) => {
    console.log(`${run.id} step ${step} valid ${validNll.toFixed(4)} ${(Date.now() - started) / 1000} s`);
    save(path({ step }), model.stateDict(), { step: String(step), validNll: String(validNll) });
    kept.push({ step, validNll });
    const best = kept.reduce((a, b) => (b.validNll < a.validNll ? b : a));
    for (const one of kept.slice(0, -KEEP)) if (one !== best) rmSync(path(one), { force: true });
  };
  const bare = { ...run, decode: null, fullTest: undefined };
  const record = await runTranslation(bare, data, undefined, undefined, onEvaluation);
  writeFileSync(file, JSON.stringify({ spec: run, record, evaluations: kept }));
  console.log(
    `${run.id}: ${record.status}, valid NLL ${record.finalValidNll}, ${record.seconds.toFixed(0)} s`,
  );
}

/** Ids, batches, rates, positions and initial weights of the first arm, for a training elsewhere. */
function exportTwin(run) {
  const folder = join(values.out, `${run.id}-twin`);
  mkdirSync(folder, { recursive: true });
  const model = buildModel(run, data);
  save(join(folder, 'initial.safetensors'), toTorchState(model, { embedding: 'embedding.weight' }));
  const options = batchOptions(run.data, data.tokenizer);
  const tensors = new Map();
  const ints = (name, values) => tensors.set(name, { shape: [values.length], data: Int32Array.from(values) });
  const batches = (name, list) => {
    ints(
      `${name}.sizes`,
      list.map((batch) => batch.batchSize),
    );
    ints(
      `${name}.indices`,
      list.flatMap((batch) => [...batch.indices]),
    );
  };
  for (const part of ['train', 'valid']) {
    for (const side of ['source', 'target']) {
      ints(
        `${part}.${side}.lengths`,
        data[part].map((pair) => pair[side].length),
      );
      ints(
        `${part}.${side}.ids`,
        data[part].flatMap((pair) => [...pair[side]]),
      );
    }
  }
  const order = new PairBatches(data.train, { ...options, seed: run.seed });
  batches(
    'train',
    Array.from({ length: run.steps }, () => order.next()),
  );
  batches('valid', [...evaluationPairBatches(data.valid, options)]);
  const { maxSeqLen, dModel } = model.config;
  tensors.set('positions', { shape: [maxSeqLen, dModel], data: sinusoids(maxSeqLen, dModel).toArray() });
  const schedule = makeSchedule(run.schedule);
  tensors.set('rates', {
    shape: [run.steps],
    data: Float64Array.from({ length: run.steps }, (_, i) => schedule(i + 1)),
  });
  const { padId, bosId, eosId, vocabSize } = data.tokenizer;
  const metadata = { run: JSON.stringify(run), padId, bosId, eosId, vocabSize };
  save(
    join(folder, 'data.safetensors'),
    tensors,
    Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)])),
  );
  console.log(folder);
}

/** The weights that a training left in its folder, in the order of their steps. */
function keptIn(folder, evaluations, run, read) {
  const kept = new KeptWeights(run.fullTest.average);
  for (const { step, validNll } of evaluations) {
    const file = join(folder, `step-${step}.safetensors`);
    if (existsSync(file)) {
      kept.add({ step, validNll, weights: read(decodeSafetensors(readFileSync(file), file).tensors) });
    }
  }
  return kept;
}

/** Decodes and scores a finished training, ours or the twin. */
function testRun(run, folder, read) {
  const result = join(folder, 'result.json');
  const trained = join(folder, 'record.json');
  if (existsSync(result) || !existsSync(trained)) return;
  const { record, evaluations, ...rest } = JSON.parse(readFileSync(trained, 'utf8'));
  const started = performance.now();
  const model = buildModel(run, data);
  const kept = keptIn(folder, evaluations, run, read);
  const validation = [...evaluationPairBatches(data.valid, batchOptions(run.data, data.tokenizer))];
  const tested = fullTest(model, run, data, kept, () => evaluateLoss(model, validation));
  const seconds = (performance.now() - started) / 1000;
  const full = record
    ? {
        spec: run,
        record: { ...record, label: run.label, config: run, ...tested, seconds: record.seconds + seconds },
      }
    : { ...rest, evaluations, ...tested, seconds: rest.seconds, testSeconds: seconds };
  writeFileSync(result, JSON.stringify(full));
  console.log(`${folder}: BLEU ${tested.bleu.score.toFixed(2)}`);
}

const twinOf = (run) => join(values.out, `${run.id}-twin`);
const fromTorch = (tensors) => fromTorchState(tensors, { embedding: 'embedding.weight' }).state;

const DOCUMENT = new URL('../docs/results/multi30k.md', import.meta.url);
const RESULTS = new URL('../docs/results/multi30k.json', import.meta.url);
const SEARCHES = ['greedy', 'beam'];
const FLAVOURS = ['cased 13a', 'lowercase tokenized'];

function summarize() {
  const readResult = (folder) => {
    const file = join(folder, 'result.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  };
  const done = runs.flatMap((run) => readResult(join(values.out, run.id)) ?? []);
  const twin = readResult(twinOf(runs[0]));
  const preset = makePreset('multi30k', { data: 'multi30k', seed: Number(values.seed) });
  const records = done.map(({ record }) => record);
  const context = { preset: 'multi30k', commonRate: 0.002, unigramNll: data.unigramNll, log: Math.log };
  const first = records.find(({ id }) => id === runs[0].id);
  const thin = (curve) => curve.filter(({ validNll }) => validNll !== undefined);
  const results = {
    data: Object.fromEntries(
      ['train', 'valid', 'test'].map((part) => {
        const text = readFileSync(join(values.data, `${part}.tsv`));
        return [`${part}.tsv`, createHash('sha256').update(text).digest('hex')];
      }),
    ),
    unigramNll: data.unigramNll,
    bars: multi30kBars,
    claims: judgeClaims(preset, records, context),
    runs: records.map((record) => ({
      ...record,
      curve: thin(record.curve),
      samples: record.samples.slice(0, 4),
    })),
    missing: runs.filter(({ id }) => !records.some((record) => record.id === id)).map(({ id }) => id),
    twin: twin && first ? compareTwin(twin, first) : null,
  };
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  const rows = [
    ...records.map((record) => [record.label, record.measured]),
    ...(twin ? [['PyTorch twin of the first arm', twin.measured]] : []),
  ];
  const cell = ([score, low, high, brevity, loops]) =>
    `${score.toFixed(1)} [${low.toFixed(1)}, ${high.toFixed(1)}], ${brevity.toFixed(2)}, ${(100 * loops).toFixed(1)} %`;
  const table = [
    '| run | weights | valid NLL | search | cased 13a | lower-cased tokenised |',
    '|---|---|---|---|---|---|',
    ...rows.flatMap(([label, measured]) =>
      ['best', 'average'].flatMap((weights) =>
        SEARCHES.map(
          (search) =>
            `| ${label} | ${weights} | ${measured[`valid NLL ${weights}`].toFixed(3)} | ${search} | ${FLAVOURS.map((flavour) => cell(measured[testScoreName(weights, search, flavour)])).join(' | ')} |`,
        ),
      ),
    ),
  ];
  const steps = results.runs[0]?.curve.map(({ step }) => step) ?? [];
  const curves = [
    `| step | ${[...results.runs.map(({ label }) => label), ...(twin ? ['twin'] : [])].join(' | ')} |`,
    `|---|${'---|'.repeat(results.runs.length + (twin ? 1 : 0))}`,
    ...steps.map((step) => {
      const at = ({ curve }) => curve.find((point) => point.step === step)?.validNll.toFixed(3) ?? '';
      return `| ${step} | ${[...results.runs, ...(twin ? [twin] : [])].map(at).join(' | ')} |`;
    }),
  ];
  const claims = [
    '| claim | value | bar | verdict | expected |',
    '|---|---|---|---|---|',
    ...results.claims.map(
      ({ statement, metric, perSeed, threshold, verdict, expected, reason }) =>
        `| ${statement} | ${metric ? `${metric}: ${perSeed.map((x) => x.toFixed(2)).join(', ')}` : (reason ?? '')} | ${threshold} | ${verdict} | ${expected} |`,
    ),
    ...(results.twin
      ? [
          `| The PyTorch twin scores the same BLEU | twin minus ours: ${results.twin.bleuDifference.toFixed(2)} | within ${multi30kBars.twinBleu} | ${results.twin.verdict} | holds |`,
        ]
      : []),
  ];
  let text = readFileSync(DOCUMENT, 'utf8');
  for (const [name, lines] of Object.entries({ claims, table, curves })) {
    const marks = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(marks[0]) + marks[0].length, text.indexOf(marks[1])];
    text = `${text.slice(0, from)}${lines.join('\n')}\n${text.slice(to)}`;
  }
  writeFileSync(DOCUMENT, text);
  console.log(`${records.length} of ${runs.length} runs${twin ? ', and the twin' : ''}`);
}

/** How far the twin is from the arm it is one of: BLEU of the same decoding, losses of the same steps. */
function compareTwin(twin, record) {
  const name = testScoreName('best', 'beam', 'cased 13a');
  const bleuDifference = twin.measured[name][0] - record.measured[name][0];
  const ours = new Map(record.curve.map((point) => [point.step, point.validNll]));
  return {
    torch: twin.torch,
    seconds: twin.seconds,
    measured: twin.measured,
    bleuDifference,
    verdict: Math.abs(bleuDifference) <= multi30kBars.twinBleu ? 'holds' : 'does not hold',
    firstLosses: twin.losses.slice(0, 12),
    curve: twin.curve.map(({ step, validNll }) => ({ step, validNll, ours: ours.get(step) })),
  };
}

const [action] = positionals;
if (action === 'train') for (const run of runs) await train(run);
else if (action === 'export') exportTwin(runs[0]);
else if (action === 'test') {
  for (const run of runs) testRun(run, join(values.out, run.id), (tensors) => tensors);
  testRun(runs[0], twinOf(runs[0]), fromTorch);
} else if (action === 'summary') summarize();
else throw new Error('say train, export, test or summary');
