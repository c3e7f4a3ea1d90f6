/** @file Texts go on in onnxruntime-web as they do here, token by token, with and without the cache. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/index.js';
import {
  emptyPast,
  integers,
  type OnnxRuntime,
  type OnnxTensor,
  openGraph,
  pastOf,
} from '../../src/cli/onnx-runtime.js';
import { generateText, greedy, translationStepper } from '../../src/generate/index.js';
import { exportONNX } from '../../src/interop/index.js';
import { CausalLM, Transformer } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { onnxRuntime, TEXT } from './onnx-models.js';

const suited = suite('interop: ONNX, texts that go on');
await init();
const runtime = await onnxRuntime();
const test = (name: string, body: (ort: OnnxRuntime) => Promise<void>) =>
  runtime ? suited(name, () => body(runtime)) : suited.skip(name, () => {});

/** A text that has to be learnt: each token follows from the two before. */
function textOf(length: number, first: number): number[] {
  const ids = [first, (first * 5 + 1) % 23];
  while (ids.length < length) ids.push((ids[ids.length - 1] * 3 + ids[ids.length - 2] + 1) % 23);
  return ids;
}

function learnt(model: CausalLM): CausalLM {
  const adam = new Adam(model.parameters(), { lr: 5e-3 });
  const [batchSize, seqLen] = [8, 20];
  for (let step = 0; step < 60; step++) {
    const rows = Array.from({ length: batchSize }, (_, b) => textOf(seqLen + 1, (step * batchSize + b) % 23));
    adam.zeroGrad();
    const ids = Int32Array.from(rows.flatMap((row) => row.slice(0, -1)));
    const targets = Int32Array.from(rows.flatMap((row) => row.slice(1)));
    backward(model.loss({ ids, targets, batchSize, seqLen }).loss);
    adam.step();
  }
  return model.eval();
}

/** The place of the largest, and how far the next is behind it. */
function largest(values: ArrayLike<number>): { at: number; margin: number } {
  const sorted = Array.from(values, (value, at) => ({ value, at })).sort((a, b) => b.value - a.value);
  return { at: sorted[0].at, margin: sorted[0].value - sorted[1].value };
}

/** Logits behind the last token of row b. */
const behind = ({ data, dims }: OnnxTensor, b: number): ArrayLike<number> =>
  (data as Float32Array).subarray((b * dims[1] + dims[1] - 1) * dims[2], (b + 1) * dims[1] * dims[2]);

const LENGTH = 64;
const prompts = [textOf(5, 3), textOf(2, 11), textOf(9, 20)];

test('64 tokens of three prompts in one padded batch, each as alone', async (ort) => {
  for (const options of [
    { positions: 'learned', norm: 'layer' },
    { positions: 'rotary', norm: 'rms', numKVHeads: 2, gatedFFN: true, activation: 'silu' },
  ] as const) {
    const model = learnt(new CausalLM({ ...TEXT, ...options }));
    const ours: number[][] = [];
    for (const prompt of prompts) {
      const { ids } = await generateText(model, null, prompt, { temperature: 0, maxNewTokens: LENGTH });
      ours.push([...ids]);
    }
    assert.ok(new Set(ours.flat()).size > 5, 'texts that repeat one token show nothing');
    for (const withPast of [true, false]) {
      const graph = await openGraph(ort, await exportONNX(model, { withPast }), 'model');
      assert.ok(graph);
      const width = Math.max(...prompts.map(({ length }) => length));
      let ids = prompts.map((prompt) => [...new Array<number>(width - prompt.length).fill(0), ...prompt]);
      const mask = prompts.map(({ length }) => [
        ...new Array<number>(width - length).fill(0),
        ...new Array<number>(length).fill(1),
      ]);
      const { numKVHeads, dModel, numHeads } = model.config;
      let past = emptyPast(ort, graph, { batchSize: 3, numKVHeads, dHead: dModel / numHeads });
      const theirs: number[][] = prompts.map(() => []);
      for (let t = 0; t < LENGTH; t++) {
        const feeds = { input_ids: integers(ort, ids), attention_mask: integers(ort, mask), ...past };
        const outputs = await graph.run(feeds);
        const next = prompts.map((_, b) => largest(behind(outputs.logits, b)));
        next.forEach(({ at, margin }, b) => {
          theirs[b].push(at);
          assert.ok(margin > 1e-4, `token ${t} of row ${b} is a tie, which tells nothing`);
        });
        ids = withPast ? next.map(({ at }) => [at]) : ids.map((row, b) => [...row, next[b].at]);
        for (const row of mask) row.push(1);
        if (withPast) past = pastOf(outputs);
      }
      await graph.release();
      assert.equal(theirs, ours, `${options.positions}, ${withPast ? 'with' : 'without'} a cache`);
    }
  }
});

test('a translation, token by token through the cache', async (ort) => {
  const model = new Transformer({
    ...TEXT,
    normPlacement: 'post',
    decoderNormPlacement: 'pre',
    seed: 5,
  }).eval();
  const source = textOf(6, 4);
  const [bos, eos, maxLength] = [1, 2, 24];
  const folder = await exportONNX(model);
  const stepper = translationStepper(model, Int32Array.from(source), Int32Array.of(source.length));
  const [ours] = greedy(stepper, { bos, eos, maxLength });
  const [encoder, decoder, next] = await Promise.all(
    ['encoder_model', 'decoder_model', 'decoder_with_past_model'].map((stem) => openGraph(ort, folder, stem)),
  );
  assert.ok(encoder && decoder && next);
  const attention_mask = integers(ort, [source.map(() => 1)]);
  const { last_hidden_state } = await encoder.run({ input_ids: integers(ort, [source]), attention_mask });
  const given = { encoder_attention_mask: attention_mask };
  let outputs = await decoder.run({
    ...given,
    input_ids: integers(ort, [[bos]]),
    encoder_hidden_states: last_hidden_state,
  });
  let past = pastOf(outputs);
  const theirs: number[] = [];
  while (theirs.length < maxLength) {
    const { at } = largest(behind(outputs.logits, 0));
    if (at === eos) break;
    theirs.push(at);
    outputs = await next.run({ ...given, input_ids: integers(ort, [[at]]), ...past });
    past = pastOf(outputs, past);
  }
  assert.equal(theirs, Array.from(ours.ids));
});

suited.run();
