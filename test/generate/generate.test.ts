/**
 * @file Texts that go on: equal to a search that knows nothing of caches or windows, alone or together; shown as they
 * come without half a character; ended where they should be.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { generateNow } from '../../src/generate/generate.js';
import { type GenerateOptions, generate, generateText, lmStepper, sample } from '../../src/generate/index.js';
import { windowStart } from '../../src/generate/window.js';
import type { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { CharTokenizer, Tokenizer, trainBPE } from '../../src/text/index.js';
import { asyncRefusal, refusal, smallLM, smallPair } from '../support.js';

const test = suite('generate/generate');
const runtime = await init();
const V = 23;
/** 22 letters, and the unknown character. */
const letters = new CharTokenizer(Array.from('abcdefghijklmnopqrstuv', (c) => c.charCodeAt(0)));
const model = smallLM({ seed: 3, dModel: 32 });

/** Logits behind the last token by one full pass. */
function logitsBehind(lm: CausalLM, ids: readonly number[]): Float32Array {
  const all = lm.evaluating(() =>
    noGrad(() => lm.forward({ ids: Int32Array.from(ids), batchSize: 1, seqLen: ids.length })).toArray(),
  );
  return (all as Float32Array).slice(-lm.config.vocabSize);
}

async function collected(stream: AsyncGenerator<string, unknown>): Promise<string[]> {
  const out: string[] = [];
  for await (const piece of stream) out.push(piece);
  return out;
}

test('greedy is the argmax of full passes over the window, within the context and far beyond it', async () => {
  for (const context of [1, 2, 5, 8, 24]) {
    for (const length of [1, 4, 23, 24, 25, 40]) {
      const prompt = Array.from({ length }, (_, i) => (i * 7 + 3) % V);
      const { ids } = await generateText(model, null, prompt, { temperature: 0, maxNewTokens: 60, context });
      const text = [...prompt];
      for (const id of ids) {
        const window = text.slice(windowStart(text.length, context));
        assert.ok(window.length >= 1 && window.length <= context);
        const logits = logitsBehind(model, window);
        assert.is(id, logits.indexOf(Math.max(...logits)), `context ${context}, prompt ${length}`);
        text.push(id);
      }
      assert.is(ids.length, 60);
    }
  }
});

test('where a window begins depends on the number of tokens alone, so a text may be continued in parts', async () => {
  const sizes = Array.from({ length: 40 }, (_, n) => n + 1 - windowStart(n + 1, 8));
  assert.equal(sizes.slice(0, 20), [1, 2, 3, 4, 5, 6, 7, 8, 4, 5, 6, 7, 8, 4, 5, 6, 7, 8, 4, 5]);
  const options = { temperature: 0, context: 8 };
  const whole = await generateText(model, letters, 'abc', { ...options, maxNewTokens: 50 });
  const first = await generateText(model, letters, 'abc', { ...options, maxNewTokens: 21 });
  const rest = await generateText(model, letters, `abc${first.text}`, { ...options, maxNewTokens: 29 });
  assert.is(first.text + rest.text, whole.text);
});

test('several prompts at once are what each is alone, whatever their lengths and ends', async () => {
  const prompts = ['a', 'hello'.replace('o', 'p'), 'abcdefghijklmnopqrstuvabcdefgh', 'a', 'bcd'];
  const variants: GenerateOptions[] = [
    { maxNewTokens: 40, temperature: 1.4, seed: 5 },
    { maxNewTokens: 40, temperature: 2, topK: 19, stop: ['b', 'r', 'fg'], seed: [6, 1, 2, 3, 4] },
    { maxNewTokens: 30, temperature: 1.2, eos: 4, context: 7, repetitionPenalty: 1.3, seed: 7 },
  ];
  for (const options of variants) {
    const together = await generateText(model, letters, prompts, options);
    const own = (i: number) => ({
      ...options,
      seed: typeof options.seed === 'number' ? options.seed : options.seed?.[i],
    });
    const alone = await Promise.all(prompts.map((prompt, i) => generateText(model, letters, prompt, own(i))));
    assert.equal(together, alone);
    const pieces = prompts.map(() => '');
    const stream = generate(model, letters, prompts, options);
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) pieces[step.value.index] += step.value.text;
    assert.equal(
      pieces,
      alone.map(({ text }) => text),
    );
    assert.equal(step.value, alone);
    const now = prompts.map((prompt, i) => generateNow('test', model, letters, prompt, own(i)));
    assert.equal(now, alone);
  }
  const ends = await generateText(model, letters, prompts, variants[1]);
  assert.ok(new Set(ends.map(({ ids }) => ids.length)).size > 2, 'they end at different places');
});

test('within the context it draws as sample does', async () => {
  for (const options of [
    { seed: 1, temperature: 1 },
    { seed: 2, temperature: 0.7, topK: 5 },
  ]) {
    const { ids } = await generateText(model, null, [3, 4], { ...options, maxNewTokens: 20 });
    assert.equal(ids, sample(lmStepper(model, 1), { ...options, prompt: [3, 4], length: 20 }));
  }
});

test('another seed gives another text; the model keeps its mode and is used without dropout', async () => {
  const lm = smallLM({ seed: 3, dModel: 32, dropout: 0.5 });
  const texts = new Set<string>();
  for (let seed = 0; seed < 6; seed++) texts.add((await generateText(model, letters, 'ab', { seed })).text);
  assert.is(texts.size, 6);
  lm.train();
  assert.is(
    (await generateText(lm, letters, 'ab', { seed: 4 })).text,
    (await generateText(model, letters, 'ab', { seed: 4 })).text,
  );
  assert.ok(lm.training && lm.encoder.layers[0].training);
});

/** A model that says what it is told, whatever it reads: the output's weights and the last norm are set by hand. */
function reciting(script: readonly number[], vocabSize: number): CausalLM {
  const lm = smallLM({
    vocabSize,
    dModel: 64,
    numHeads: 1,
    numLayers: 1,
    maxSeqLen: 64,
    positions: 'learned',
    normPlacement: 'pre',
    finalNorm: false,
    tiedEmbeddings: false,
  });
  // Nothing but the position reaches the output: one-hot positions, and row p of the output is the script's p-th token.
  for (const [path, parameter] of lm.namedParameters()) {
    const values = new Float32Array(parameter.size);
    if (path.endsWith('positions.weight')) for (let p = 0; p < 64; p++) values[p * 64 + p] = 1;
    if (path.startsWith('output')) {
      script.forEach((id, p) => {
        values[id * 64 + p] = 50;
      });
    }
    parameter.set(values);
  }
  return lm;
}

const bytes = trainBPE(['ab'], { vocabSize: 259 });
const tokensOf = (text: string) => [...bytes.encode(text)];

test('text comes as soon as it is certain and never as half a character', async () => {
  const text = 'né 😀€, ok';
  const script = tokensOf(text);
  const lm = reciting(script, bytes.vocabSize);
  const greedy = { temperature: 0, maxNewTokens: script.length };
  assert.equal(await collected(generate(lm, bytes, 'x', greedy)), [...text]);
  // Ends inside the face, then inside the euro sign: what is not whole does not come, but was drawn.
  for (const [cut, shown] of [
    [5, 'né '],
    [7, 'né '],
    [8, 'né 😀'],
    [10, 'né 😀'],
  ] as const) {
    const { text, ids, reason } = await generateText(lm, bytes, 'x', { ...greedy, maxNewTokens: cut });
    assert.equal([text, ids.length, reason], [shown, cut, 'length']);
  }
});

test('bytes that are no text become what decode makes of them, wherever the tokens part', async () => {
  const broken = [0xe2, 0x82, 0x41, 0xff, 0xf0, 0x9f, 0x98, 0xc3, 0xa9, 0x80, 0x42];
  const script = broken.map((byte) => byte + bytes.specialTokens.length);
  const { text } = await generateText(reciting(script, bytes.vocabSize), bytes, 'x', {
    temperature: 0,
    maxNewTokens: script.length,
  });
  assert.is(text, bytes.decode(script));
  assert.match(text, '\ufffdA\ufffd\ufffdé\ufffdB');
});

test('the halves of a surrogate pair come together', async () => {
  const halves = new CharTokenizer([0xd83d, 0xde00, 0x61]);
  const [a, high, low] = [1, 2, 3];
  const lm = reciting([a, high, low, high, a, high], 4);
  const pieces = await collected(generate(lm, halves, [a], { temperature: 0, maxNewTokens: 6 }));
  assert.equal(pieces, ['a', '😀', '\ud83da']);
});

test('a stop string that may be coming is held back; neither it nor what follows is shown', async () => {
  const run = async (text: string, stop: string | string[]) => {
    const script = tokensOf(text);
    const stream = generate(reciting(script, bytes.vocabSize), bytes, 'x', {
      temperature: 0,
      maxNewTokens: script.length,
      stop,
    });
    const pieces: string[] = [];
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) pieces.push(step.value);
    const { text: whole, ids, reason } = step.value;
    assert.is(whole, pieces.join(''));
    return { pieces, reason, drawn: ids.length };
  };
  assert.equal(await run('to END x', 'END'), { pieces: ['t', 'o', ' '], reason: 'stop', drawn: 6 });
  assert.equal(await run('EN ENE ENDS', 'END'), { pieces: ['EN ', 'EN', 'E '], reason: 'stop', drawn: 10 });
  // What was held for a stop that did not come is shown at the end.
  assert.equal(await run('to EN', 'END'), { pieces: ['t', 'o', ' ', 'EN'], reason: 'length', drawn: 5 });
  assert.equal(await run('a😀b', '😀'), { pieces: ['a'], reason: 'stop', drawn: 5 });
  // The one that is whole first; of those that end together, the longest.
  assert.equal((await run('xbcd', ['bcd', 'c'])).pieces.join(''), 'xb');
  assert.equal((await run('xbcd', ['cd', 'bcd', 'd'])).pieces.join(''), 'x');
  assert.equal(await run('x', ['x', 'y']), { pieces: [], reason: 'stop', drawn: 1 });
});

test('an eos ends a text and is not in its ids; the tokenizer says which it is', async () => {
  const script = [...tokensOf('ab'), bytes.eosId, ...tokensOf('cd')];
  const lm = reciting(script, bytes.vocabSize);
  const greedy = { temperature: 0, maxNewTokens: 5 };
  assert.equal(await generateText(lm, bytes, 'x', greedy), {
    text: 'ab',
    ids: Int32Array.from(tokensOf('ab')),
    reason: 'eos',
  });
  const on = await generateText(lm, bytes, 'x', { ...greedy, eos: null });
  assert.equal([on.text, on.ids.length, on.reason], ['abcd', 5, 'length']);
  const b = await generateText(lm, bytes, 'x', { ...greedy, eos: tokensOf('b')[0] });
  assert.equal([b.text, b.reason], ['a', 'eos']);
});

test('a signal ends a text where it stands, and the host runs in between', async () => {
  const abort = new AbortController();
  const stream = generate(model, letters, 'abc', { maxNewTokens: 1e9, signal: abort.signal, seed: 2 });
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
  }, 1);
  setTimeout(() => abort.abort(), 60);
  let text = '';
  let step = await stream.next();
  for (; !step.done; step = await stream.next()) text += step.value;
  clearInterval(timer);
  assert.is(step.value.reason, 'aborted');
  assert.is(step.value.text, text);
  assert.ok(text.length > 20 && turns > 1, `${text.length} characters, ${turns} turns`);
  const none = await generateText(model, letters, 'abc', { signal: abort.signal });
  assert.equal([none.text, none.reason], ['', 'aborted']);
  assert.equal((await generateText(model, letters, 'abc', { maxNewTokens: 0 })).reason, 'length');
});

test('memory is flat, also for texts that are left in the middle', async () => {
  const round = async () => {
    await generateText(model, letters, ['ab', 'abcd'], { maxNewTokens: 60 });
    for await (const _ of generate(model, letters, 'abc', { maxNewTokens: 50 })) break;
  };
  await round();
  // What earlier tests have left is collected now, and not in between.
  for (let i = 0; i < 3; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const before = runtime.memory();
  for (let i = 0; i < 20; i++) await round();
  assert.equal(runtime.memory(), before);
});

test('ids in, ids out without a tokenizer', async () => {
  const ids: number[] = [];
  const stream = generate(model, null, Int32Array.of(3, 4), { maxNewTokens: 9, seed: 1 });
  let step = await stream.next();
  for (; !step.done; step = await stream.next()) ids.push(step.value);
  assert.equal(step.value, { text: null, ids: Int32Array.from(ids), reason: 'length' });
  const [one] = await generateText(model, null, [[3, 4], [5]], { maxNewTokens: 9, seed: 1 });
  assert.equal([...one.ids], ids);
});

test('what is no prompt, no model and no tokenizer is refused before anything is computed', async () => {
  const cases: [() => unknown, string][] = [
    [() => generate(model, letters, ''), 'generate: the prompt is empty'],
    [() => generate(model, letters, ['a', '']), 'generate: prompts[1] is empty'],
    [() => generate(model, letters, [] as string[]), 'generate: the prompt is empty'],
    [() => generate(model, null, 'a'), 'generate: the prompt must be ids, because there is no tokenizer'],
    [() => generate(model, null, ['a', 'b']), 'generate: prompts[0] must be ids'],
    [() => generate(model, letters, [V]), 'generate: the prompt[0] must be a whole number from 0 to 22'],
    [() => generate(model, letters, 3 as never), 'generate: the prompt must be a text or ids'],
    [() => generate({} as never, letters, 'a'), 'generate: only a CausalLM'],
    [() => generate(smallPair(), letters, 'a'), 'generate: only a CausalLM continues a text'],
    [() => generate(model, {} as never, 'a'), 'generate: tokenizer must be'],
    [() => generate(model, letters, 'a', { stop: '' }), 'generate: stop must be'],
    [() => generate(model, letters, 'a', { stop: ['a', '\ude00'] }), 'generate: stop must be'],
    [() => generate(model, null, [1], { stop: 'a' }), 'generate: without a tokenizer'],
    [() => generate(model, letters, 'a', { context: 25 }), 'generate: context must be'],
    [() => generate(model, letters, ['a', 'b'], { seed: [1] }), 'generate: seed must be'],
    [() => generate(model, letters, 'a', { seed: [1] }), 'generate: seed must be'],
    [() => generate(model, letters, 'a', { signal: {} as never }), 'generate: signal must be'],
  ];
  for (const [run, says] of cases) assert.ok(refusal(run).message.startsWith(says), refusal(run).message);
  const lm = smallLM({ seed: 3 });
  lm.output.weight.set(new Float32Array(lm.output.weight.size).fill(Number.NaN));
  for (const temperature of [0, 1]) {
    assert.is((await asyncRefusal(generateText(lm, letters, 'a', { temperature }))).code, 'NUMERIC');
  }
});

test('a model with more tokens than the tokenizer draws none without a text', async () => {
  const few = new CharTokenizer([97, 98, 99]);
  const { text, ids } = await generateText(model, few, 'abc', { maxNewTokens: 200, temperature: 3 });
  assert.ok(ids.every((id) => id < few.vocabSize) && text.length === 200);
});

test('Tokenizer.tokenBytes gives the bytes that decode joins', () => {
  const bpe = trainBPE(['low lower lowest €€'], { vocabSize: 275 });
  assert.instance(bpe, Tokenizer);
  const all = [...bpe.encode('lowest € lower')];
  const joined = all.flatMap((id) => [...bpe.tokenBytes(id)]);
  assert.is(new TextDecoder().decode(Uint8Array.from(joined)), 'lowest € lower');
  assert.is(bpe.tokenBytes(bpe.eosId).length, 0);
  assert.match(refusal(() => bpe.tokenBytes(bpe.vocabSize)).message, 'id must be a whole number from 0 to ');
});

test.run();
