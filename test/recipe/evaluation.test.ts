/** What evaluations of a recipe measure and show: here and in a worker the same, and never a bit of the training. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import { decodeSafetensors } from '../../src/io/index.js';
import type { TextClassifier } from '../../src/nn/index.js';
import { checkRecipe, type DataKindName, prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { BLEU, type Tokenizer } from '../../src/text/index.js';
import { type Sample, type StepMetrics, Trainer } from '../../src/train/index.js';
import { WorkerTrainer } from '../../src/worker/index.js';
import { asyncRefusal, refusal } from '../support.js';
import { contents, recipes } from './recipes.js';

const test = suite('recipe: evaluation');
test.before(async () => {
  await init({ threads: 1 });
});

/** The recipe, trained for longer, with buffers of its own. */
const recipeOf = (kind: DataKindName, more: Partial<Recipe>): Recipe =>
  structuredClone({ ...recipes[kind], steps: 6, ...more }) as Recipe;

async function trained(recipe: Recipe): Promise<{ trainer: Trainer<unknown>; metrics: StepMetrics[] }> {
  const { options } = await prepareRun(checkRecipe(recipe, 'recipe'));
  const trainer = new Trainer(options);
  const metrics: StepMetrics[] = [];
  for await (const step of trainer.run()) metrics.push(step);
  return { trainer, metrics };
}

const watching: [DataKindName, Partial<Recipe>, number][] = [
  ['text', { samples: { count: 2, length: 5 } }, 2],
  ['pairs', { samples: true, metric: 'bleu' }, 3],
  ['labelledTexts', { samples: { count: 2 }, metric: 'macroF1' }, 2],
  ['labelledPairs', { samples: true, metric: 'accuracy' }, 3],
  ['images', { samples: true, metric: 'accuracy' }, 3],
];

for (const [kind, keys, count] of watching) {
  test(`${kind}: the worker tells what a trainer here tells, and no bit of the training changes`, async () => {
    const plain = await trained(recipeOf(kind, {}));
    const more = { ...keys, evalEvery: 2, gradNormEvery: 3, stopOnDivergence: true } as const;
    const here = await trained(recipeOf(kind, more));
    assert.is(here.trainer.hash(), plain.trainer.hash());
    const there = new WorkerTrainer(recipeOf(kind, more));
    const told: Record<string, unknown[]> = { evaluate: [], samples: [], gradNorms: [] };
    there.on('evaluate', (event) => told.evaluate.push(event));
    there.on('samples', (event) => told.samples.push(event));
    there.on('gradNorms', (event) => told.gradNorms.push(event));
    const metrics: StepMetrics[] = [];
    for await (const step of there.run()) metrics.push(step);
    assert.equal(metrics, here.metrics);
    assert.is(await there.hash(), plain.trainer.hash());
    assert.equal([told.evaluate.length, told.samples.length, told.gradNorms.length], [3, 3, 2]);
    const { best } = await there.snapshot();
    const { weights, ...rest } = here.trainer.best!;
    assert.equal({ ...best, weights: 0 }, { ...rest, weights: 0 });
    assert.is(rest.metric, keys.metric ?? 'validNll');
    const { tensors } = decodeSafetensors(best!.weights, 'best');
    for (const [name, { data }] of weights) assert.equal(tensors.get(name)?.data, data);
    there.close();

    const samples = metrics[1].samples as Sample[];
    assert.is(samples.length, count);
    const inputs = (of: StepMetrics) => of.samples?.map(({ text: _, ...input }) => input);
    assert.equal(inputs(metrics[5]), inputs(metrics[1]), 'the same inputs every time');
    assert.ok(kind === 'text' || samples.every(({ reference }) => reference !== undefined));
    assert.equal('bitsPerByte' in metrics[1], kind === 'text' || kind === 'pairs');
    assert.equal('metric' in metrics[1], keys.metric !== undefined);
  });
}

test('bits per byte count the bytes of the text, whatever the tokenizer makes of it', async () => {
  const text = 'größe 𝄞 straße €. '.repeat(60);
  const held = text.slice(-Math.floor(Array.from(text).length * 0.1));
  for (const tokenizer of [
    { kind: 'chars' },
    // All but four characters have no token.
    { kind: 'chars', maxVocab: 5 },
    { kind: 'bpe', vocabSize: 262 },
  ] as const) {
    const { options, data } = await prepareRun({
      ...recipeOf('text', { tokenizer }),
      data: { kind: 'text', text, batchSize: 2, seqLen: 8 },
    });
    const codec = data.tokenizer as Tokenizer;
    // From the first target to the end of the text.
    const ids = codec.encode(text);
    const targets = Math.floor(ids.length * 0.1) - 1;
    const bytes = options.validationBytes as number;
    const tail = Buffer.from(text).subarray(-bytes);
    if (tokenizer.kind === 'bpe') {
      const spelled = ids.slice(-targets).reduce((sum, id) => sum + codec.tokenBytes(id).length, 0);
      assert.is(bytes, spelled);
    } else assert.is(Array.from(tail.toString()).length, targets, tail.toString());
    assert.ok(Math.abs(bytes - Buffer.byteLength(held)) < 40);
  }
  const pairs = await prepareRun(recipeOf('pairs', {}));
  const valid = contents.pairs.trimEnd().split('\n').slice(-3);
  assert.is(
    pairs.options.validationBytes,
    valid.reduce((sum, line) => sum + Buffer.byteLength(line.split('\t')[1]), 0),
  );
});

test('metrics are what they are called', async () => {
  const { options, model, data } = await prepareRun(
    recipeOf('labelledTexts', { metric: 'macroF1', steps: 20, evalEvery: 10 }),
  );
  const trainer = new Trainer(options);
  for await (const _ of trainer.run());
  model.eval();
  const rows = (options.validation as { labels: Int32Array }[]).flatMap((batch) => {
    const logits = (model as TextClassifier).forward(batch as never).toArray();
    return [...batch.labels].map((label, i) => [label, logits[2 * i + 1] > logits[2 * i] ? 1 : 0]);
  });
  const f1 = [0, 1].flatMap((c) => {
    const both = rows.filter(([label, said]) => label === c && said === c).length;
    const either =
      rows.filter(([label]) => label === c).length + rows.filter(([, said]) => said === c).length;
    return either === 0 ? [] : [(2 * both) / either];
  });
  const expected = f1.reduce((a, b) => a + b, 0) / f1.length;
  assert.is((await trainer.measure()).metric, expected);
  assert.equal(data.classes?.length, 2);
  const accuracy = await trained(recipeOf('labelledTexts', { metric: 'accuracy', steps: 20, evalEvery: 10 }));
  assert.is(accuracy.metrics[19].metric, rows.filter(([label, said]) => label === said).length / rows.length);

  const pairs = await trained(recipeOf('pairs', { metric: 'bleu', samples: true, evalEvery: 3 }));
  const shown = pairs.metrics[5].samples as Sample[];
  // All that is held out is shown: three sentences.
  const { score } = BLEU(
    shown.map(({ text }) => text),
    [shown.map(({ reference }) => reference as string)],
  );
  assert.is(pairs.metrics[5].metric, score);
});

test('early stopping ends a run in the worker too; more patience goes on with it', async () => {
  const stopping = { evalEvery: 1, earlyStopping: { patience: 2, minDelta: 100 } };
  const recipe = (more: Partial<Recipe>) => recipeOf('text', { ...stopping, ...more });
  const here = await trained(recipe({}));
  assert.is(here.metrics.length, 3);
  const there = new WorkerTrainer(recipe({}));
  assert.is(there.stopped, null);
  let steps = 0;
  const told: string[] = [];
  there.on('stopped', ({ message }) => told.push(message));
  for await (const _ of there.run()) steps++;
  assert.is(steps, 3);
  assert.equal(there.stopped, here.trainer.stopped);
  assert.equal(told, [here.trainer.stopped?.message]);
  const { checkpoint } = await there.snapshot();
  there.close();
  assert.equal(Buffer.from(checkpoint), Buffer.from(here.trainer.save()));
  for (const [more, expected] of [
    [{}, 0],
    [{ earlyStopping: undefined }, 3],
    [{ earlyStopping: { patience: 4, minDelta: 100 } }, 2],
  ] as const) {
    const resumed = new WorkerTrainer(recipe(more));
    const restored = await resumed.restore(checkpoint.slice());
    assert.equal(restored?.stopped, expected === 0 ? here.trainer.stopped : null);
    assert.equal(resumed.stopped, restored?.stopped);
    let done = 0;
    for await (const _ of resumed.run()) done++;
    assert.is(done, expected);
    resumed.close();
  }
});

test('keys that mean nothing are refused', async () => {
  const cases: [DataKindName, object, RegExp][] = [
    ['text', { earlyStopping: { patience: 2 } }, /evalEvery must be given with earlyStopping/],
    ['text', { earlyStopping: { patience: 0 }, evalEvery: 1 }, /earlyStopping\.patience must be a positive/],
    ['text', { earlyStopping: { wait: 1 }, evalEvery: 1 }, /earlyStopping: unknown key "wait"/],
    ['text', { earlyStopping: 2, evalEvery: 1 }, /earlyStopping must be an object with patience/],
    ['text', { metric: 'accuracy' }, /metric must be left out, or one of a causalLM, got "accuracy"/],
    ['labelledTexts', { metric: 'bleu' }, /metric must be left out, or one of a textClassifier/],
    ['pairs', { metric: 'ter' }, /metric must be one of accuracy, macroF1, bleu/],
    ['masked', { samples: true }, /samples must be left out, or false, for a maskedLM/],
    ['text', { samples: { top: 1 } }, /samples: unknown key "top"/],
    ['text', { samples: 3 }, /samples must be true, false, or an object/],
    ['text', { samples: { prompt: '' } }, /samples\.prompt must be a text/],
    ['pairs', { samples: { length: 3 } }, /samples must be without length, which a causalLM has/],
    [
      'pairs',
      { samples: { prompt: 'x', count: 3 } },
      /samples must be given by prompt or by count, got "both"/,
    ],
    ['images', { samples: { prompt: 'x' } }, /samples must be without prompt for a visionTransformer/],
    ['text', { gradNormEvery: 0 }, /gradNormEvery must be a positive integer/],
    ['text', { stopOnDivergence: 'yes' }, /stopOnDivergence must be true or false/],
    ['text', { keepBest: 1 }, /keepBest must be true or false/],
  ];
  for (const [kind, keys, message] of cases) {
    const error = refusal(() => checkRecipe({ ...recipes[kind], ...keys }, 'r'));
    assert.instance(error, ConfigError);
    assert.match(error.message, message);
  }
  const whole = { kind: 'text', text: contents.text, batchSize: 2, seqLen: 8, validation: 0 } as const;
  for (const keys of [{ samples: true }, { evalEvery: 2 }, { keepBest: true }]) {
    const error = await asyncRefusal(trained(recipeOf('text', { data: whole, ...keys })));
    assert.instance(error, ConfigError);
    assert.match(error.message, /nothing is held out|there is no validation|without validation/);
  }
  const ids = await asyncRefusal(trained(recipeOf('tokens', { samples: true })));
  assert.match(ids.message, 'samples need a tokenizer, and the data has none');
});

test.run();
