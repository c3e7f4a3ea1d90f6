/** Masked language models on gathered places and pair classifiers: a replayed step is the eager step, bit for bit. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BatchSource, LabelledPairBatches, MaskedPairBatches } from '../../src/data/index.js';
import { MaskedLM, TextClassifier, type TextClassifierOptions } from '../../src/nn/index.js';
import { AdamW, linearDecay } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { type Trainable, Trainer } from '../../src/train/index.js';

const test = suite('train/replay-pairs');
test.before(async () => {
  await init();
});

const random = new RandomStream(7, 'test:sentences');
const sentences = Array.from({ length: 60 }, () =>
  Int32Array.from({ length: 2 + random.nextInt(9) }, () => 3 + random.nextInt(36)),
);
const marks = { padId: 0, clsId: 1, sepId: 2, maskId: 39, firstId: 3, endId: 39 };
const rows = { marks, seed: 3, maxLen: 20, maxTokens: 160, lengthMultiple: 4 };
const shape = {
  vocabSize: 40,
  dModel: 24,
  numHeads: 3,
  numLayers: 2,
  dFF: 40,
  maxSeqLen: 20,
  positions: 'learned',
  activation: 'gelu',
  dropout: 0.2,
  numSegments: 2,
  seed: 2,
} as const;
const STEPS = 80;

async function run<B>(
  make: () => { model: Trainable<B>; data: BatchSource<B> },
  replay: boolean,
  threads: number,
): Promise<string> {
  const runtime = await createRuntime({ threads });
  try {
    return withRuntime(runtime, () => {
      runtime.manualSeed(5);
      const { model, data } = make();
      const trainer = new Trainer({
        model,
        data,
        optimizer: new AdamW(model.parameters(), { lr: 0.01 }),
        schedule: linearDecay({ maxLr: 0.01, warmupSteps: 5, totalSteps: STEPS }),
        steps: STEPS,
        accumulate: 2,
        clipNorm: 1,
        replay,
      });
      while (trainer.step < STEPS) trainer.trainStep();
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      return trainer.hash();
    });
  } finally {
    runtime.close();
  }
}

const masked = () => ({
  model: new MaskedLM({ ...shape, nextSentence: true }),
  // Some batches hold pairs without a next-sentence label only, some both kinds.
  data: new MaskedPairBatches(
    {
      documents: [sentences.slice(0, 30)],
      pairs: sentences.slice(40).map((s, i) => [s, sentences[i]] as const),
    },
    rows,
  ),
});

const labelled = (batchSize: number) => () => ({
  model: new TextClassifier({ ...shape, numClasses: 3 }).loadPretrained(masked().model),
  data: new LabelledPairBatches(
    sentences.map((first, i) => ({ first, second: sentences[(i * 7) % 60], label: i % 3 })),
    { ...rows, batchSize },
  ),
});

test('masked language model', async () => {
  const expected = await run(masked, false, 1);
  assert.is(await run(masked, true, 1), expected);
  assert.is(await run(masked, true, 2), expected);
});

const pooled =
  (options: Partial<TextClassifierOptions>, batchSize = 6) =>
  () => ({
    model: new TextClassifier({ ...shape, numClasses: 3, classWeights: [1, 2, 0.5], ...options }),
    // Texts of several lengths, so that batches of one shape differ in what is padding.
    data: new LabelledPairBatches(
      sentences.map((first, i) => ({ first: first.subarray(0, 1 + (i % first.length)), label: i % 3 })),
      { ...rows, batchSize },
    ),
  });

for (const options of [{ pooling: 'mean' }, { pooling: 'last' }, { causal: true }] as const) {
  test(`weighted classifier, ${JSON.stringify(options)}`, async () => {
    const expected = await run(pooled(options), false, 1);
    assert.is(await run(pooled(options), true, 1), expected);
    assert.is(await run(pooled(options), true, 2), expected);
    assert.is.not(await run(pooled(options, 5), true, 1), expected, 'the hash sees the data');
  });
}

test('pair classifier', async () => {
  const expected = await run(labelled(6), false, 1);
  assert.is(await run(labelled(6), true, 1), expected);
  assert.is(await run(labelled(6), true, 2), expected);
  assert.is.not(await run(labelled(5), true, 1), expected, 'the hash sees the data');
});

test.run();
