#!/usr/bin/env node
/**
 * @file Trains the arms of the Multi30k experiment (src/experiments/multi30k.ts) one after the other, keeping what
 * is needed afterwards: the weights of the last five evaluations and of the best one.
 *
 *   prenorm prepare MULTI30K --out DATA --max-ratio none      your copy of the data, see docs/results/multi30k.md
 *   node scripts/multi30k.mjs train  --data DATA --out RUNS   [--size large] [--only SUBSTRING] [--seed N]
 *   node scripts/multi30k.mjs export --data DATA --out RUNS   what scripts/multi30k-twin.py reads
 *
 * RUNS/<run>/record.json is the record, and a run that has one is not done again. One thread.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluationPairBatches, PairBatches, parsePairs } from '../dist/data/index.js';
import {
  batchOptions,
  buildModel,
  multi30kRuns,
  prepareTranslation,
  runTranslation,
} from '../dist/experiments/index.js';
import { init } from '../dist/index.js';
import { encodeSafetensors, toTorchState } from '../dist/io/index.js';
import { sinusoids } from '../dist/nn/index.js';
import { makeSchedule } from '../dist/optim/index.js';

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
  const record = await runTranslation({ ...run, decode: null }, data, undefined, undefined, onEvaluation);
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

if (positionals[0] === 'train') for (const run of runs) await train(run);
else if (positionals[0] === 'export') exportTwin(runs[0]);
else throw new Error('say train or export');
