/**
 * @file Tokens that are recorded and replayed, of rows that go on from one another, are those of full passes without any
 * cache: over 10,000 tokens, in both arithmetics, on one thread and two, and with weights that change meanwhile.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logSoftmax, noGrad } from '../../src/autograd/index.js';
import { multiply } from '../../src/autograd/ops/in-place.js';
import {
  beamSearch,
  generateText,
  greedy,
  lmStepper,
  type Stepper,
  sample,
  translationStepper,
} from '../../src/generate/index.js';
import { inputTensor, RecordedTokens } from '../../src/generate/recorded-tokens.js';
import { CausalLM, type FeedForward, Transformer } from '../../src/nn/index.js';
import { AdamW } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createRuntime, type InitOptions, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits } from '../support.js';

const test = suite('generate/recorded');
const V = 37;
const [BOS, EOS] = [1, 2];
const SIZES = {
  vocabSize: V,
  dModel: 48,
  numHeads: 4,
  dFF: 100,
  numLayers: 2,
  maxSeqLen: 128,
  seed: 8,
} as const;

/** Log-probabilities behind the last token of each text, by a full pass. */
function fullLM(model: CausalLM, texts: readonly number[][]): Float32Array {
  const seqLen = texts[0].length;
  const all = noGrad(
    () =>
      logSoftmax(
        model.forward({ ids: Int32Array.from(texts.flat()), batchSize: texts.length, seqLen }),
      ).toArray(),
    model.runtime(),
  );
  const out = new Float32Array(texts.length * V);
  texts.forEach((_, b) => {
    out.set(all.subarray(((b + 1) * seqLen - 1) * V, (b + 1) * seqLen * V), b * V);
  });
  return out;
}

/** The slow path: every step is a pass over all that the rows have read. */
function slowLM(model: CausalLM, rows: number): Stepper & { texts: number[][] } {
  let texts: number[][] = Array.from({ length: rows }, () => []);
  return {
    get batch() {
      return texts.length;
    },
    get texts() {
      return texts;
    },
    vocabSize: V,
    step(ids) {
      texts.forEach((text, row) => {
        text.push(ids[row]);
      });
      return fullLM(model, texts);
    },
    reorder(order) {
      texts = Array.from(order, (row) => [...texts[row]]);
    },
  };
}

/** The same for translations. */
function slowTranslation(model: Transformer, sources: readonly number[][]): Stepper {
  const width = Math.max(...sources.map(({ length }) => length));
  let sentences = sources.map((_, i) => i);
  let texts: number[][] = sources.map(() => []);
  return {
    get batch() {
      return texts.length;
    },
    vocabSize: V,
    step(ids) {
      texts.forEach((text, row) => {
        text.push(ids[row]);
      });
      const all = noGrad(
        () =>
          logSoftmax(
            model.forward({
              source: Int32Array.from(
                sentences.flatMap((s) => Array.from({ length: width }, (_, i) => sources[s][i] ?? 0)),
              ),
              sourceLengths: Int32Array.from(sentences, (s) => sources[s].length),
              sourceLen: width,
              targetInput: Int32Array.from(texts.flat()),
              targetLengths: Int32Array.from(texts, ({ length }) => length),
              targetLen: texts[0].length,
              batchSize: texts.length,
            }),
          ).toArray(),
        model.runtime(),
      );
      const length = texts[0].length;
      const out = new Float32Array(texts.length * V);
      texts.forEach((_, b) => {
        out.set(all.subarray(((b + 1) * length - 1) * V, (b + 1) * length * V), b * V);
      });
      return out;
    },
    reorder(order) {
      texts = Array.from(order, (row) => [...texts[row]]);
      sentences = Array.from(order, (row) => sentences[row]);
    },
  };
}

const random = new RandomStream(5, 'test:recorded');
const SOURCES = [9, 3, 14, 1, 7, 22, 5, 11].map((length) => [
  ...Array.from({ length: length - 1 }, () => 3 + random.nextInt(V - 3)),
  EOS,
]);

const steppers = (model: Transformer): Stepper => {
  const width = Math.max(...SOURCES.map(({ length }) => length));
  const source = Int32Array.from(SOURCES.flatMap((s) => Array.from({ length: width }, (_, i) => s[i] ?? 0)));
  return translationStepper(
    model,
    source,
    Int32Array.from(SOURCES, ({ length }) => length),
  );
};

const variants = [
  { normPlacement: 'pre', positions: 'learned' },
  { normPlacement: 'post', positions: 'sinusoidal', tiedEmbeddings: false },
  { normPlacement: 'peri', positions: 'rotary', numKVHeads: 2, norm: 'rms', qkNorm: 'rms' },
] as const;

const settings: InitOptions[] = [
  { threads: 1 },
  { threads: 2 },
  { arithmetic: 'int12', threads: 1 },
  { arithmetic: 'int12', threads: 2 },
];

let tokens = 0;

for (const options of settings) {
  const name = `${options.arithmetic ?? 'strict'}, ${options.threads} threads`;
  const runtime = await createRuntime(options);
  const within = (title: string, fn: () => void): void =>
    test(`${name}: ${title}`, () => withRuntime(runtime, fn));

  within('every row of every step has the bits of a full pass', () => {
    for (const variant of variants) {
      const model = new CausalLM({ ...SIZES, ...variant }).eval();
      for (const rows of [1, 3]) {
        const stepper = lmStepper(model, rows);
        const slow = slowLM(model, rows);
        // Over growing caches, which move.
        for (let t = 0; t < 70; t++) {
          const ids = Int32Array.from({ length: rows }, () => random.nextInt(V));
          assert.is(bits(stepper.step(ids)), bits(slow.step(ids)), `${variant.normPlacement}, ${rows}, ${t}`);
          if (rows > 1 && t % 5 === 4) {
            const order = Int32Array.from({ length: rows }, () => random.nextInt(rows));
            stepper.reorder(order);
            slow.reorder(order);
          }
          tokens += rows;
        }
        stepper.release?.();
      }
      model.free();
    }
  });

  within('rows that come, go and repeat have the bits of full passes', () => {
    const model = new CausalLM({ ...SIZES, ...variants[2] }).eval();
    const stepper = lmStepper(model, 2);
    const slow = slowLM(model, 2);
    for (const [t, rows] of [2, 9, 9, 9, 5, 5, 5, 17, 17, 17, 17, 1, 1, 1, 4, 4, 4, 4].entries()) {
      const order = Int32Array.from({ length: rows }, () => random.nextInt(slow.batch));
      stepper.reorder(order);
      slow.reorder(order);
      const ids = Int32Array.from({ length: rows }, () => random.nextInt(V));
      assert.is(bits(stepper.step(ids)), bits(slow.step(ids)), `step ${t}`);
      tokens += rows;
    }
    stepper.release?.();
    model.free();
  });

  within('greedy, beams and samples are those of full passes', () => {
    const lm = new CausalLM({ ...SIZES, ...variants[0] }).eval();
    const mt = new Transformer({ ...SIZES, ...variants[1] }).eval();
    const search = { bos: BOS, eos: EOS, maxLength: 24 };
    const shown = (found: { ids: Int32Array; logProb: number }[]) =>
      found.map(({ ids, logProb }) => `${[...ids].join(' ')} ${logProb}`);
    for (const beamSize of [1, 5]) {
      const run = (stepper: Stepper): string[] =>
        shown(beamSize === 1 ? greedy(stepper, search) : beamSearch(stepper, { ...search, beamSize }));
      const fast = steppers(mt);
      assert.equal(run(fast), run(slowTranslation(mt, SOURCES)), `translation, beam ${beamSize}`);
      fast.release?.();
      const own = lmStepper(lm, 6);
      const slow = slowLM(lm, 6);
      assert.equal(run(own), run(slow), `texts, beam ${beamSize}`);
      own.release?.();
      tokens += 2 * beamSize * 6 * 24;
    }
    const drawn = { prompt: [4, 5, 6], length: 90, seed: 3, temperature: 1.3, topK: 9 };
    assert.equal(sample(lmStepper(lm, 1), drawn), sample(slowLM(lm, 1), drawn));
    tokens += 90;
    lm.free();
    mt.free();
  });

  within('weights that change meanwhile are used from the next token on', () => {
    const model = new CausalLM({ ...SIZES, ...variants[0] }).eval();
    // Keys and values do not depend on it, so that a full pass with the new weights is what has to come.
    const { weight } = (model.encoder.layers[1].feedForward as FeedForward).linear2;
    const optimizer = new AdamW([weight], { lr: 0.1, weightDecay: 0.5 });
    const changes: Record<string, () => void> = {
      'a step of an optimizer': () => {
        weight.gradAddress();
        optimizer.step();
      },
      'values from the host': () => weight.set(Array.from(weight.toArray(), (x) => 1.5 * x)),
      'a state dict': () => {
        const state = model.stateDict();
        const key = 'encoder.layers.1.linear2.weight';
        const { shape, data } = state.get(key) as { shape: number[]; data: Float32Array };
        state.set(key, { shape, data: data.map((x) => x - 0.01) });
        model.loadStateDict(state);
      },
      'a product in place': () => multiply(weight, 0.7),
    };
    const stepper = lmStepper(model, 1);
    const text: number[] = [];
    const next = (title: string): void => {
      text.push(3 + (text.length % 30));
      const found = stepper.step(Int32Array.of(text[text.length - 1]));
      assert.is(bits(found), bits(fullLM(model, [text])), title);
      tokens++;
    };
    for (const [title, change] of Object.entries(changes)) {
      for (let t = 0; t < 4; t++) next(`before ${title}`);
      const before = bits(weight.toArray());
      change();
      assert.is.not(bits(weight.toArray()), before, title);
      next(`after ${title}`);
    }
    stepper.release?.();
    optimizer.free();
    model.free();
  });

  within(
    'a computation is recorded the second time and replayed from the third on, and gives its memory back',
    () => {
      const tokens = new RecordedTokens(runtime);
      let computed = 0;
      const run = (value: number): number => {
        const ids = Int32Array.of(value, 2 * value);
        const [found] = tokens.run('two', 'here', [ids], () => {
          computed++;
          return [inputTensor(runtime, ids, [2])];
        });
        return found[1];
      };
      assert.equal([1, 2, 3, 4].map(run), [2, 4, 6, 8]);
      assert.is(computed, 2);
      assert.is(tokens.size, 1);
      tokens.release();
      assert.is(tokens.size, 0);
      const model = new CausalLM({ ...SIZES, ...variants[0] }).eval();
      const round = (): number => {
        const stepper = lmStepper(model, 3);
        for (let t = 0; t < 40; t++) stepper.step(Int32Array.of(3, 4, 5));
        stepper.release?.();
        return runtime.memory().persistentInUse;
      };
      const first = round();
      for (let i = 0; i < 3; i++) assert.is(round(), first);
      model.free();
    },
  );
}

test('a stepper that nobody released gives its memory back when it is collected', async () => {
  const gc = (globalThis as { gc?: () => void }).gc;
  assert.type(gc, 'function', 'tests run with --expose-gc');
  const runtime = await createRuntime({ threads: 2 });
  const model = withRuntime(runtime, () => new CausalLM({ ...SIZES, ...variants[0] }).eval());
  const use = (release: boolean): void =>
    withRuntime(runtime, () => {
      const stepper = lmStepper(model, 2);
      for (let t = 0; t < 6; t++) stepper.step(Int32Array.of(3, 4));
      if (release) stepper.release?.();
    });
  // Scratch of the threads stays.
  use(true);
  const before = runtime.memory().persistentInUse;
  use(false);
  assert.ok(runtime.memory().persistentInUse > before);
  for (let i = 0; i < 50 && runtime.memory().persistentInUse > before; i++) {
    gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.is(runtime.memory().persistentInUse, before);
  runtime.close();
});

test('that were 10,000 tokens', () => {
  assert.ok(tokens >= 10_000, `${tokens} tokens`);
});

test('texts generated together are those generated alone', async () => {
  await init();
  const model = new CausalLM({ ...SIZES, ...variants[0], maxSeqLen: 24 }).eval();
  const prompts = [[3, 4], [5], [6, 7, 8, 9, 10]];
  const run = (some: number[][]) => generateText(model, null, some, { maxNewTokens: 60, seed: 4, topK: 6 });
  const together = await run(prompts);
  for (const [i, prompt] of prompts.entries()) assert.equal((await run([prompt]))[0].ids, together[i].ids);
});

test.run();
