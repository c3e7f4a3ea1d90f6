/** Every kind of model in a training worker gives the bits of this thread; fine-tuning begins from given weights. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, ConfigError, FormatError } from '../../src/errors.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import { MaskedLM, TextClassifier, VisionTransformer } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { type Trainable, Trainer } from '../../src/train/index.js';
import { WorkerTrainer, type WorkerTrainerOptions } from '../../src/worker/index.js';
import { dataset } from './model-datasets.mjs';

const test = suite('worker models');
const STEPS = 8;
const encoder = { dModel: 16, numHeads: 2, numLayers: 1 } as const;
const text = { ...encoder, vocabSize: 11, maxSeqLen: 8, numSegments: 2 } as const;
const image = { ...encoder, imageSize: 8, patchSize: 4, numClasses: 3 } as const;

const open: WorkerTrainer[] = [];
test.after.each(() => {
  for (const trainer of open.splice(0)) trainer.close();
});

function start(
  model: WorkerTrainerOptions['model'],
  more: Partial<WorkerTrainerOptions> = {},
  data: string = model.kind,
): WorkerTrainer {
  const url = new URL('./model-datasets.mjs', import.meta.url);
  const trainer = new WorkerTrainer({
    model,
    optimizer: { kind: 'adam', lr: 1e-2 },
    data: { kind: 'module', url, options: { model: data } },
    steps: STEPS,
    seed: 5,
    ...more,
  });
  open.push(trainer);
  return trainer;
}

async function finish(trainer: WorkerTrainer): Promise<string> {
  for await (const _ of trainer.run());
  return trainer.hash();
}

async function rejection(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => null,
    (reason: Error) => reason,
  );
  if (error) return error;
  throw new Error('it did not fail');
}

/** The same training in this thread. */
async function here(kind: string, model: Trainable<never> & { parameters(): never }): Promise<string> {
  const trainer = new Trainer({
    model: model as unknown as Trainable<unknown>,
    data: dataset({ model: kind }).data,
    optimizer: new Adam(model.parameters(), { lr: 1e-2 }),
    steps: STEPS,
  });
  for await (const _ of trainer.run());
  return trainer.hash();
}

const kinds = [
  [
    { kind: 'maskedLM', ...text, nextSentence: true },
    () => new MaskedLM({ seed: 5, ...text, nextSentence: true }),
  ],
  [
    { kind: 'pairClassifier', ...text, numClasses: 2 },
    () => new TextClassifier({ seed: 5, ...text, numClasses: 2 }),
  ],
  [{ kind: 'visionTransformer', ...image }, () => new VisionTransformer({ seed: 5, ...image })],
] as const;

for (const [spec, build] of kinds) {
  test(`${spec.kind}: the bits of this thread`, async () => {
    const runtime = await init();
    runtime.manualSeed(5);
    const trainer = start(spec);
    const { vocabSize } = await trainer.ready;
    assert.is(vocabSize, spec.kind === 'visionTransformer' ? null : 11);
    assert.is(await finish(trainer), await here(spec.kind, build() as never));
  });
}

test('an unknown kind is refused with the known ones', async () => {
  const error = await rejection(start({ kind: 'maskedLm', ...text } as never, {}, 'maskedLM').ready);
  assert.instance(error, ConfigError);
  assert.match(
    error.message,
    'causalLM, transformer, maskedLM, textClassifier, pairClassifier, visionTransformer',
  );
});

test('begins from weights: what was learnt is there, and the checkpoint knows what it began from', async () => {
  const first = start(kinds[2][0]);
  await finish(first);
  const { weights } = await first.snapshot();
  const tuned = start(kinds[2][0], { weights });
  assert.is(await tuned.evaluate(), await first.evaluate());
  await finish(tuned);
  assert.is.not(await tuned.evaluate(), await first.evaluate());
  assert.ok(weights.length > 0, 'the weights are still the caller’s');

  const { checkpoint } = await tuned.snapshot();
  const resumed = start(kinds[2][0], { weights });
  await resumed.restore(checkpoint);
  assert.is(await resumed.hash(), await tuned.hash());
  assert.instance(await rejection(start(kinds[2][0]).restore(checkpoint)), CheckpointError);
});

test('a classifier begins from a masked model, its head anew', async () => {
  const pretrained = start(kinds[0][0]);
  await finish(pretrained);
  const { weights } = await pretrained.snapshot();
  const classifier = start(kinds[1][0], { weights });
  const before = decodeSafetensors(weights, 'pretrained').tensors;
  const taken = decodeSafetensors((await classifier.snapshot()).weights, 'classifier').tensors;
  const name = [...taken.keys()].find((key) => key.startsWith('encoder.') && before.has(key)) as string;
  assert.equal(taken.get(name)?.data, before.get(name)?.data);
  assert.ok(taken.has('head.classifier.weight') && !before.has('head.classifier.weight'));
});

test('weights of another model, or none at all, are refused by name', async () => {
  const other = new MaskedLM({ ...text, nextSentence: true, dModel: 32 });
  const wrong = await rejection(start(kinds[0][0], { weights: encodeSafetensors(other.stateDict()) }).ready);
  assert.instance(wrong, FormatError);
  assert.match(wrong.message, 'must have shape');
  const damaged = await rejection(start(kinds[0][0], { weights: new Uint8Array(20) }).ready);
  assert.instance(damaged, FormatError);
  const named = await rejection(start(kinds[0][0], { weights: 'model.safetensors' as never }).ready);
  assert.instance(named, ConfigError);
});

test.run();
