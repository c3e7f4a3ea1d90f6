#!/usr/bin/env -S node --import tsx
/**
 * @file Both ends of the PyTorch twin of the Multi30k experiment's first arm (src/experiments/figures/multi30k.ts): what
 * the twin trains on, and the test of what it trained. The arms themselves are `prenorm reproduce --preset multi30k`.
 *
 *   node --import tsx scripts/multi30k-twin.ts export --data DATA --out TWIN
 *   python3 scripts/multi30k-twin.py TWIN
 *   node --import tsx scripts/multi30k-twin.ts test --data DATA --out TWIN [--results runs/multi30k/results.json]
 *
 * DATA is made by `prenorm prepare MULTI30K --out DATA --max-ratio none`. `test` writes TWIN/result.json; with the
 * results of the arms it says how far the twin is from the one it is a twin of.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { workingFolder } from '../src/cli/sources.js';
import type { BatchSource, PairBatch, TokenPair } from '../src/data/index.js';
import {
  fullTest,
  KeptWeights,
  multi30kBars,
  multi30kRuns,
  openPairs,
  type Results,
  type RunRecord,
  type TranslationRun,
  testScoreName,
} from '../src/experiments/index.js';
import { fromTorchState, toTorchState } from '../src/interop/index.js';
import { decodeSafetensors, encodeSafetensors } from '../src/io/index.js';
import { type StateDict, sinusoids, type Transformer } from '../src/nn/index.js';
import { makeSchedule } from '../src/optim/index.js';
import { buildRun } from '../src/recipe/index.js';
import { init } from '../src/runtime/init.js';
import { evaluateLoss } from '../src/train/index.js';

const EMBEDDING = { embedding: 'embedding.weight' };
/** Decoded by beam search with the weights of the best evaluation: the BLEU that is compared. */
const COMPARED = testScoreName('best', 'beam', 'cased 13a');

/** What scripts/multi30k-twin.py leaves in record.json. */
interface TwinRecord {
  torch: string;
  seconds: number;
  evaluations: { step: number; validNll: number }[];
}

/** The pairs of a run, wherever they lie here. */
function openTwinPairs({ recipe }: TranslationRun, source: string) {
  return openPairs({ ...recipe, data: { ...recipe.data, source } }, workingFolder);
}

/** Ids, batches, rates, positions and initial weights, for a training elsewhere. */
export async function exportTwin(run: TranslationRun, dataFolder: string, folder: string): Promise<void> {
  const { recipe } = run;
  const data = await openTwinPairs(run, dataFolder);
  const { tokenizer, pairs } = data;
  const prepared = buildRun(recipe, data);
  const model = prepared.model as Transformer;
  const tensors: StateDict = new Map();
  const ints = (name: string, values: number[]) =>
    tensors.set(name, { shape: [values.length], data: Int32Array.from(values) });
  const sentences = (part: string, side: 'source' | 'target', pairs: readonly TokenPair[]) => {
    const ids = pairs.map((pair) => pair[side]);
    ints(
      `${part}.${side}.lengths`,
      ids.map(({ length }) => length),
    );
    ints(
      `${part}.${side}.ids`,
      ids.flatMap((one) => [...one]),
    );
  };
  const batches = (part: string, list: { batchSize: number; indices: ArrayLike<number> }[]) => {
    ints(
      `${part}.sizes`,
      list.map(({ batchSize }) => batchSize),
    );
    ints(
      `${part}.indices`,
      list.flatMap(({ indices }) => Array.from(indices)),
    );
  };
  for (const part of ['train', 'valid'] as const) {
    for (const side of ['source', 'target'] as const) sentences(part, side, pairs[part] ?? []);
  }
  const order = prepared.options.data as BatchSource<PairBatch>;
  batches(
    'train',
    Array.from({ length: recipe.steps }, () => order.next()),
  );
  batches('valid', [...(prepared.options.validation as Iterable<PairBatch>)]);
  const { maxSeqLen, dModel } = model.config;
  tensors.set('positions', {
    shape: [maxSeqLen, dModel],
    data: sinusoids(maxSeqLen, dModel).toArray(),
  });
  const schedule = makeSchedule(recipe.schedule);
  tensors.set('rates', {
    shape: [recipe.steps],
    data: Float64Array.from({ length: recipe.steps }, (_, i) => schedule(i + 1)),
  });
  const { padId, bosId, eosId, vocabSize } = tokenizer;
  const metadata = { run: JSON.stringify(recipe), padId, bosId, eosId, vocabSize };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'initial.safetensors'), encodeSafetensors(toTorchState(model, EMBEDDING)));
  writeFileSync(
    join(folder, 'data.safetensors'),
    encodeSafetensors(
      tensors,
      Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)])),
    ),
  );
}

/** Decodes and scores what the twin trained, by this package's own search. */
export async function testTwin(
  run: TranslationRun,
  dataFolder: string,
  folder: string,
): Promise<TwinRecord & Pick<RunRecord, 'bleu' | 'samples' | 'measured'>> {
  const data = await openTwinPairs(run, dataFolder);
  const { model, options } = buildRun(run.recipe, data);
  const record = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')) as TwinRecord;
  const kept = new KeptWeights(run.fullTest?.average ?? 1);
  for (const { step, validNll } of record.evaluations) {
    const file = join(folder, `step-${step}.safetensors`);
    if (!existsSync(file)) continue;
    const { tensors } = decodeSafetensors(readFileSync(file), file);
    kept.add({ step, validNll, weights: fromTorchState(tensors as StateDict, EMBEDDING).state });
  }
  const tested = fullTest(model as Transformer, run, data, kept, () =>
    evaluateLoss(options.model, options.validation ?? []),
  );
  const result = { ...record, ...tested };
  writeFileSync(join(folder, 'result.json'), JSON.stringify(result));
  return result;
}

/** Twin minus ours in BLEU, and the verdict on its registered bar. */
export function compareTwin(twin: Pick<RunRecord, 'measured'>, ours: Pick<RunRecord, 'measured'>): string {
  const [theirs, own] = [twin, ours].map(({ measured }) => (measured?.[COMPARED] as number[])[0]);
  const difference = theirs - own;
  const verdict = Math.abs(difference) <= multi30kBars.twinBleu ? 'holds' : 'does not hold';
  return `twin minus ours: ${difference.toFixed(2)} BLEU, within ${multi30kBars.twinBleu}: ${verdict}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { data: { type: 'string' }, out: { type: 'string' }, results: { type: 'string' } },
  });
  const [action] = positionals;
  const { data, out, results } = values;
  if (!data || !out || !['export', 'test'].includes(action)) {
    throw new Error('say export or test, --data DATA and --out TWIN');
  }
  await init();
  const [run] = multi30kRuns();
  if (action === 'export') return exportTwin(run, data, out);
  const twin = await testTwin(run, data, out);
  for (const [name, value] of Object.entries(twin.measured ?? {})) console.log(`${name}: ${value}`);
  if (!results) return;
  const ours = (JSON.parse(readFileSync(results, 'utf8')) as Results).runs.find(({ id }) => id === run.id);
  if (!ours) throw new Error(`${results} has no run ${run.id}`);
  console.log(compareTwin(twin, ours));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
