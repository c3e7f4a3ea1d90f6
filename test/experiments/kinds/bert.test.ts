/** @file A pre-training run with fine-tuning, tiny: what it records, and that equal runs are equal. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BertRun, bertKind } from '../../../src/experiments/kinds/bert.js';
import { executeRun, kindOf } from '../../../src/experiments/kinds/run-kinds.js';
import { noFiles } from '../../../src/recipe/index.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/kinds/bert');
await init();

const spec = (change: Partial<BertRun> = {}, training: Partial<BertRun['recipe']> = {}): BertRun => ({
  kind: 'bert',
  id: 'bert-test',
  label: 'Pre-LN, no warm-up, maxLr 0.01',
  arm: { placement: 'pre', warmup: false, maxLr: 0.01 },
  data: { name: 'kjv+ui-de-en', vocabSize: 280, maxTokens: 128, maxLen: 16, taskPairs: 10, candidates: 1 },
  recipe: {
    model: {
      kind: 'maskedLM',
      dModel: 8,
      numHeads: 2,
      dFF: 8,
      numLayers: 1,
      dropout: 0.1,
      normPlacement: 'pre',
      init: 'fairseq',
      embeddingNorm: true,
      embeddingScale: 1,
      positions: 'learned',
      activation: 'gelu',
      numSegments: 2,
    },
    optimizer: { kind: 'adamw', betas: [0.9, 0.999], weightDecay: 0.01 },
    schedule: { kind: 'linearDecay', maxLr: 0.01, warmupSteps: 0, totalSteps: 6 },
    steps: 6,
    evalEvery: 3,
    seed: 9001,
    ...training,
  },
  fineTuning: {
    epochs: 1,
    batchSize: 8,
    rates: [0.01, 0.001],
    warmupShare: 0.1,
    seeds: [9101, 9102],
    choiceSeed: 9100,
    checkpoints: [3, 6],
  },
  ...change,
});

test('it records the curve, and accuracies from scratch and from every checkpoint', async () => {
  const seen: number[] = [];
  const record = await executeRun(spec(), { onProgress: ({ done, total }) => seen.push(done / total) });
  assert.is(record.experiment, 'bert');
  assert.is(record.steps, 6);
  assert.equal(
    record.curve?.flatMap(({ step, validNll }) => (validNll === undefined ? [] : [step])),
    [3, 6],
  );
  assert.ok((record.finalValidNll as number) < 6 && (record.finalValidNll as number) > 2);
  const { measured = {} } = record;
  assert.equal(Object.keys(measured).sort(), [
    'accuracy@0',
    'accuracy@3',
    'accuracy@6',
    'majority',
    'rate@0',
    'rate@3',
    'rate@6',
  ]);
  for (const step of [0, 3, 6]) {
    const accuracies = measured[`accuracy@${step}`] as number[];
    assert.is(accuracies.length, 2);
    assert.ok(accuracies.every((x) => x >= 0.3 && x <= 0.7));
    assert.ok([0.01, 0.001].includes(measured[`rate@${step}`] as number));
  }
  assert.is(seen[seen.length - 1], 1);
  assert.ok(seen.every((share, i) => i === 0 || share >= seen[i - 1]));

  const again = await executeRun(spec());
  assert.equal({ ...again, seconds: 0 }, { ...record, seconds: 0 });
  const other = await executeRun(spec({}, { seed: 9002 }));
  assert.is.not(other.hash, record.hash);
});

test('pre-training does not depend on whether it is fine-tuned', async () => {
  const [with_, without] = [await executeRun(spec()), await executeRun(spec({ fineTuning: null }))];
  assert.equal(without.curve, with_.curve);
  assert.is(without.measured?.['accuracy@0'], undefined);
});

test('a run that diverges is a result', async () => {
  const maxLr = 1e30;
  const run = spec();
  const model = { ...run.recipe.model, normPlacement: 'post' } as const;
  const schedule = { kind: 'linearDecay', maxLr, warmupSteps: 0, totalSteps: 6 } as const;
  const arm = { placement: 'post', warmup: false, maxLr } as const;
  const record = await executeRun(spec({ arm }, { model, schedule }));
  assert.is(record.status, 'diverged');
  assert.is(record.finalValidNll, undefined);
});

test('the kind is in the table, and tells cost and memory', async () => {
  assert.is(kindOf({ kind: 'bert' }), bertKind);
  assert.ok(bertKind.cost(spec()) > bertKind.cost(spec({ fineTuning: null })));
  const environment = { onProgress() {}, sources: noFiles };
  const bytes = await bertKind.plan?.(spec(), environment);
  assert.ok((bytes as number) > 10_000 && (bytes as number) < 10_000_000, `${bytes}`);
});

test.run();
