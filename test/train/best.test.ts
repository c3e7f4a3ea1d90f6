/** Best weights, early stopping, metrics and samples: what a run keeps and tells, and that none of it changes its bits. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PairBatch } from '../../src/data/index.js';
import { CheckpointError, ConfigError } from '../../src/errors.js';
import { lmStepper, sample } from '../../src/generate/index.js';
import { decodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import {
  bitsPerByte,
  evaluateBatches,
  loadCheckpointWeights,
  type StepMetrics,
  Trainer,
  type TrainerOptions,
} from '../../src/train/index.js';
import { asyncRefusal, refusal } from '../support.js';
import { languageModel, pairBatches, textWindows, translationTrainer, translator } from './setup.js';

const test = suite('train/best');
test.before(async () => {
  await init({ threads: 1 });
});

/** Held-out batches of other lengths: a rate of 0.05 makes them better and worse. */
const validation = [pairBatches(10).next()];
const watched = (options: Partial<TrainerOptions<PairBatch>> = {}, model = translator()) =>
  translationTrainer({ validation, evalEvery: 2, ...options }, model);

async function finish<B>(trainer: Trainer<B>, until = Number.POSITIVE_INFINITY): Promise<StepMetrics[]> {
  const seen: StepMetrics[] = [];
  if (trainer.step >= until) return seen;
  for await (const metrics of trainer.run()) {
    seen.push(metrics);
    if (metrics.step === until) break;
  }
  return seen;
}

/** Values of a metric, one an evaluation. */
function scripted(values: number[], better: 'higher' | 'lower' = 'higher') {
  let n = 0;
  return { metric: { name: 'script', better, measure: () => values[n++] }, steps: 2 * values.length };
}

test('the best weights are those of the best evaluation, a copy that later steps leave alone', async () => {
  const trainer = watched();
  assert.is(trainer.best, null);
  let best = Number.POSITIVE_INFINITY;
  let expected: Float32Array[] = [];
  const told: number[] = [];
  trainer.on('evaluate', ({ step, isBest }) => isBest && told.push(step));
  const seen: number[] = [];
  for await (const { step, validNll = Number.NaN, isBest } of trainer.run()) {
    assert.is(isBest, step % 2 === 0 ? validNll < best : undefined);
    if (!(validNll < best)) continue;
    best = validNll;
    seen.push(step);
    expected = [...trainer.options.model.stateDict().values()].map(({ data }) => Float32Array.from(data));
    assert.equal(trainer.best?.step, step);
  }
  assert.equal(told, seen);
  assert.is(trainer.best?.value, best);
  assert.is(trainer.best?.metric, 'validNll');
  assert.equal(
    [...trainer.best!.weights.values()].map(({ data }) => Float32Array.from(data)),
    expected,
  );
  trainer.options.model.loadStateDict(trainer.best!.weights);
  assert.is(trainer.evaluate(), best);
});

test('a metric decides where there is one; what is no number is an error, a NaN is never the best', async () => {
  const trainer = watched(scripted([Number.NaN, 0.2, 0.5, 0.4, Number.POSITIVE_INFINITY]));
  const metrics = await finish(trainer);
  assert.equal(
    metrics.filter(({ isBest }) => isBest).map(({ step }) => step),
    [4, 6],
  );
  assert.is(metrics[7].metric, 0.4);
  const { step, value, metric } = trainer.best!;
  assert.equal({ step, value, metric }, { step: 6, value: 0.5, metric: 'script' });
  const lower = watched(scripted([3, 2, 2, 5], 'lower'));
  await finish(lower);
  assert.is(lower.best?.step, 4);
  const wrong = watched({ metric: { name: 'x', better: 'lower', measure: () => '1' as never } });
  assert.match((await asyncRefusal(finish(wrong))).message, 'metric.measure must return a number, got "1"');
});

test('early stopping counts evaluations, ends the run whole and says why', async () => {
  const checkpoints: [number, Uint8Array][] = [];
  const options = {
    ...scripted([1, 2, 2.05, 2.1, 2.2, 9]),
    earlyStopping: { patience: 2, minDelta: 0.15 },
    onCheckpoint: (bytes: Uint8Array, step: number) => void checkpoints.push([step, bytes]),
  };
  const trainer = watched(options);
  const told: string[] = [];
  trainer.on('stopped', ({ message }) => told.push(message));
  const metrics = await finish(trainer);
  // 2.05 and 2.1 are better than 2 by too little, and the best all the same.
  assert.is(metrics.length, 8);
  assert.is(trainer.best?.value, 2.1);
  assert.equal(trainer.stopped, metrics[7].stopped);
  assert.is(trainer.stopped?.step, 8);
  assert.equal(told, ['script has not become better than 2.0000 in 2 evaluations']);
  assert.equal(
    checkpoints.map(([step]) => step),
    [8],
  );
  // It trains no further, neither here nor after a resume, unless it is given more patience.
  assert.equal(await finish(trainer), []);
  const resumed = watched({ ...options, ...scripted([2.2, 9]), steps: 12 });
  resumed.restore(checkpoints[0][1]);
  assert.equal(await finish(resumed), []);
  assert.equal(resumed.stopped, trainer.stopped);
  const patient = watched({
    ...options,
    ...scripted([2.2, 9]),
    steps: 12,
    earlyStopping: { patience: 3, minDelta: 0.15 },
  });
  patient.restore(checkpoints[0][1]);
  assert.is((await finish(patient)).length, 4);
  assert.is(patient.best?.value, 9);
  const whole = watched({ ...scripted([1, 2, 2.05, 2.1, 2.2, 9]) });
  await finish(whole);
  assert.is(patient.hash(), whole.hash());
});

test('best, patience and all bits survive a checkpoint at any step', async () => {
  const options = { steps: 16, earlyStopping: { patience: 3 } };
  const whole = watched(options);
  const metrics = await finish(whole);
  const expected = whole.save();
  for (const cut of [0, 3, 4, 9]) {
    const first = watched(options);
    const head = await finish(first, cut);
    const saved = first.save();
    const second = watched(options, translator({ seed: 99 }));
    second.restore(saved);
    assert.equal(second.best && { ...second.best, weights: 0 }, first.best && { ...first.best, weights: 0 });
    assert.equal(Buffer.from(second.save()), Buffer.from(saved));
    assert.equal([...head, ...(await finish(second))], metrics);
    assert.equal(Buffer.from(second.save()), Buffer.from(expected));
  }
  const without = watched({ ...options, keepBest: false });
  assert.equal(await finish(without), metrics);
  assert.is(without.best, null);
  assert.is(without.hash(), whole.hash());
  // A run without evaluations writes what it always wrote.
  const plain = translationTrainer({ steps: 1 });
  await finish(plain);
  const metadata = (bytes: Uint8Array) =>
    Buffer.from(bytes)
      .toString('latin1')
      .match(/"version":"(\d)"/)?.[1];
  assert.is(metadata(plain.save()), '1');
  // Stored once where the best are the last; else version 0.2 could not read the file, and says so.
  for (const [values, version] of [
    [[1, 2], '1'],
    [[2, 1], '2'],
  ] as const) {
    const run = watched(scripted([...values]));
    await finish(run);
    const saved = run.save();
    assert.is(metadata(saved), version);
    assert.is(
      [...decodeCheckpoint(saved, 'x').tensors.keys()].some((name) => name.startsWith('best.')),
      version === '2',
    );
    const back = watched(scripted([...values]), translator({ seed: 9 }));
    back.restore(saved);
    assert.equal(back.best, run.best);
    await back.measure();
    back.options.model.loadStateDict(translator({ seed: 9 }).stateDict());
    assert.equal(back.best, run.best, 'a copy');
  }
  assert.equal((decodeCheckpoint(plain.save(), 'x').extra as { best?: unknown }).best, undefined);
  // The model's weights in the file are the last ones.
  const model = translator({ seed: 99 });
  loadCheckpointWeights(model, expected);
  assert.equal(model.stateDict(), whole.options.model.stateDict());
});

test('a checkpoint of another metric is refused, and nothing is changed', async () => {
  const first = watched({ steps: 4 });
  await finish(first);
  const other = watched({ ...scripted([1, 2]) });
  const before = other.hash();
  const error = refusal(() => other.restore(first.save(), 'run.safetensors'));
  assert.instance(error, CheckpointError);
  assert.match(
    error.message,
    'run.safetensors: its best weights are those by validNll, the run here goes by script',
  );
  assert.is(other.hash(), before);
  // Who does not evaluate carries it along.
  const carrier = translationTrainer({ steps: 4 });
  carrier.restore(first.save());
  assert.is(carrier.best?.step, first.best?.step);
});

test('evaluations, metrics, samples and norms of layers change no bit, with replay and without', async () => {
  const run = async (
    options: Partial<TrainerOptions<never>>,
    threads = 1,
  ): Promise<[string, StepMetrics[]]> => {
    await init({ threads });
    const model = languageModel({ dropout: 0.2 });
    const trainer = new Trainer<never>({
      model: model as never,
      data: textWindows() as never,
      optimizer: new Adam(model.parameters(), { lr: 0.01 }),
      clipNorm: 1,
      accumulate: 2,
      steps: 8,
      ...(options.validation === undefined
        ? options
        : {
            ...options,
            samples: () => {
              const ids = sample(lmStepper(model, 1), { prompt: [1, 2], length: 4, seed: 0 });
              return [{ prompt: '1 2', text: [...ids].join(' ') }];
            },
          }),
    });
    const metrics = await finish(trainer);
    return [trainer.hash(), metrics];
  };
  const held = { validation: [textWindows(2).next() as never], evalEvery: 2, gradNormEvery: 3 };
  const [plain] = await run({});
  const [hash, metrics] = await run({ ...held, validationBytes: 16 });
  assert.is(hash, plain);
  const again = await run({ ...held, validationBytes: 16, replay: false });
  assert.equal(again, [hash, metrics]);
  assert.equal(await run({ ...held, validationBytes: 16 }, 2), [hash, metrics]);
  await init({ threads: 1 });
  assert.equal(
    metrics.map(({ samples, gradNorms }) => [samples?.length ?? 0, gradNorms !== undefined]),
    [1, 2, 3, 4, 5, 6, 7, 8].map((step) => [step % 2 === 0 ? 1 : 0, step % 3 === 0]),
  );
  assert.is(metrics[7].samples?.[0].text.split(' ').length, 4);
});

test('the norms of all layers together are the joint norm, before clipping', async () => {
  const trainer = watched({ steps: 2, gradNormEvery: 1, clipNorm: 0.01 });
  const told: unknown[] = [];
  trainer.on('gradNorms', (event) => told.push(event));
  const metrics = await finish(trainer);
  assert.equal(Object.keys(metrics[0].gradNorms!), [
    'embedding.tokens',
    'encoder.layers.0',
    'encoder.norm',
    'decoder.layers.0',
    'decoder.norm',
  ]);
  assert.equal(
    told,
    metrics.map(({ step, gradNorms }) => ({ step, norms: gradNorms })),
  );
  for (const { gradNorm, gradNorms } of metrics) {
    const joint = Math.sqrt(Object.values(gradNorms!).reduce((sum, norm) => sum + norm * norm, 0));
    assert.ok(Math.abs(joint / gradNorm - 1) < 1e-5, `${joint} and ${gradNorm}`);
  }
});

test('bits per byte: all tokens over the bytes of the text alone', async () => {
  const trainer = watched({ steps: 2, validationBytes: 50 });
  const metrics = await finish(trainer);
  const { nll, tokens } = evaluateBatches(trainer.options.model, validation);
  assert.is(
    tokens,
    validation[0].targetLengths.reduce((sum, n) => sum + n, 0),
  );
  assert.is(metrics[1].bitsPerByte, bitsPerByte(nll, tokens!, 50));
  assert.is(metrics[1].bitsPerByte, (nll * tokens!) / 50 / Math.LN2);
  // A loss that counts nothing has no bits per byte.
  const model = translator();
  const { loss } = model;
  const uncounted = Object.assign(model, {
    loss: (...given: Parameters<typeof loss>) => {
      const { count: _, ...rest } = loss.apply(model, given);
      return rest;
    },
  });
  const error = await asyncRefusal(finish(watched({ steps: 2, validationBytes: 50 }, uncounted as never)));
  assert.match(error.message, 'the loss does not say how many targets counted');
});

test('options that mean nothing are refused', () => {
  const metric = { name: 'm', better: 'higher', measure: () => 1 } as const;
  const none = { validation: undefined, evalEvery: undefined };
  const cases: [object, string][] = [
    [{ ...none, earlyStopping: { patience: 1 } }, 'earlyStopping is given, but there is no evalEvery'],
    [{ evalEvery: undefined, earlyStopping: { patience: 1 } }, 'but there is no evalEvery'],
    [{ ...none, metric }, 'metric is given, but there is no validation'],
    [{ ...none, samples: () => [] }, 'samples is given, but there is no validation'],
    [{ ...none, validationBytes: 9 }, 'validationBytes is 9, but there is no validation'],
    [{ ...none, keepBest: true }, 'keepBest must be left out, or false, without validation'],
    [{ earlyStopping: { patience: 0 } }, 'patience must be a positive integer, got 0'],
    [{ earlyStopping: { patience: 1, minDelta: -1 } }, 'minDelta must be a finite number >= 0'],
    [{ earlyStopping: { patience: 1, wait: 1 } }, 'unknown key "wait"'],
    [{ earlyStopping: 3 }, 'earlyStopping must be an object with patience, got 3'],
    [{ metric: { ...metric, better: 'up' } }, 'better must be higher or lower'],
    [{ metric: 'accuracy' }, 'metric must be an object'],
    [{ gradNormEvery: 0 }, 'gradNormEvery must be a positive integer'],
    [{ stopOnDivergence: 1 }, 'stopOnDivergence must be true or false'],
    [{ validationBytes: 1.5 }, 'validationBytes must be a positive integer'],
    [{ samples: 'text' }, 'samples must be a function'],
  ];
  for (const [options, message] of cases) {
    const error = refusal(() => watched(options));
    assert.instance(error, ConfigError, message);
    assert.match(error.message, message);
  }
});

test.run();
