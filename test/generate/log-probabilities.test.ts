/** @file Log-probabilities of texts against full passes, token by token. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logSoftmax, noGrad } from '../../src/autograd/index.js';
import { logProbabilities } from '../../src/generate/index.js';
import { windowStart } from '../../src/generate/window.js';
import { init } from '../../src/runtime/init.js';
import { CharTokenizer, trainBPE } from '../../src/text/index.js';
import { asyncRefusal, bits, close, pairBatch, smallLM, smallPair } from '../support.js';

const test = suite('generate/log-probabilities');
await init();
const V = 23;
const model = smallLM({ seed: 3, dModel: 32, dropout: 0.3 });
const letters = new CharTokenizer(Array.from('abcdefghijklmnopqrstuv', (c) => c.charCodeAt(0)));

function behind(window: readonly number[]): Float32Array {
  const all = model.evaluating(() =>
    noGrad(() =>
      logSoftmax(
        model.forward({ ids: Int32Array.from(window), batchSize: 1, seqLen: window.length }),
      ).toArray(),
    ),
  );
  return (all as Float32Array).slice(-V);
}

test('every token has the bits it has behind the window that generation would see', async () => {
  for (const length of [2, 3, 23, 24, 25, 26, 37, 38, 39, 100]) {
    const ids = Array.from({ length }, (_, i) => (i * i + 3) % V);
    const { logProbs, ids: judged, total, perplexity } = await logProbabilities(model, null, ids);
    assert.equal([...judged], ids.slice(1));
    const expected = ids.slice(1).map((id, i) => behind(ids.slice(windowStart(i + 1, 24), i + 1))[id]);
    assert.is(bits(logProbs), bits(expected), `${length} tokens`);
    assert.is(
      total,
      [...logProbs].reduce((sum, p) => sum + p, 0),
    );
    close(perplexity, Math.exp(-total / (length - 1)), 1e-9);
  }
});

test('more rows than a block are judged as one by one', async () => {
  const long = smallLM({ seed: 4, maxSeqLen: 200 });
  const ids = Int32Array.from({ length: 150 }, (_, i) => (i * 5) % V);
  const { total } = await logProbabilities(long, null, ids);
  const batch = { ids: ids.slice(0, -1), targets: ids.slice(1), batchSize: 1, seqLen: 149 };
  const nll = noGrad(() => long.eval().loss(batch).nll).toArray()[0];
  close(total, -nll, 1e-3);
});

test('bits per byte count the bytes behind the first token', async () => {
  const { total, bitsPerByte } = await logProbabilities(model, letters, 'abé');
  close(bitsPerByte as number, -total / Math.LN2 / 3, 1e-12);
  const bpe = trainBPE(['aa'], { vocabSize: 259 });
  const bytes = smallLM({ vocabSize: 259, maxSeqLen: 8 });
  // The first token is the first of the three bytes of the euro sign.
  const euro = await logProbabilities(bytes, bpe, '€a');
  assert.is(euro.ids.length, 3);
  close(euro.bitsPerByte as number, -euro.total / Math.LN2 / 3, 1e-12);
  assert.is((await logProbabilities(model, null, [1, 2])).bitsPerByte, null);
  const byIds = await logProbabilities(bytes, bpe, bpe.encode('€a'));
  assert.equal(byIds, euro);
});

test('a pair: the target, eos included, given the source', async () => {
  const tokenizer = trainBPE(['ab'], { vocabSize: 259 });
  const pair = smallPair({ vocabSize: 259, seed: 2, dropout: 0.3 });
  const found = await logProbabilities(pair, tokenizer, ['hello', 'où']);
  const target = [...tokenizer.encode('où', { eos: true })];
  assert.equal([...found.ids], target);
  const source = [...tokenizer.encode('hello', { eos: true })];
  const all = pair.evaluating(() =>
    noGrad(() => logSoftmax(pair.forward(pairBatch([[source, target]])))).toArray(),
  );
  const expected = target.map((id, t) => all[t * 259 + id]);
  assert.is(bits(found.logProbs), bits(expected));
  close(found.bitsPerByte as number, -found.total / Math.LN2 / 3, 1e-12);
  assert.is((await logProbabilities(pair, tokenizer, ['a', ''])).bitsPerByte, null);
});

test('what has no probability is refused', async () => {
  const tokenizer = trainBPE(['ab'], { vocabSize: 259 });
  const pair = smallPair({ vocabSize: 259 });
  const cases: [Promise<unknown>, string][] = [
    [logProbabilities(model, letters, 'a'), 'the text has 1 tokens, at least two are needed'],
    [logProbabilities(model, letters, ''), 'the text has 0 tokens'],
    [logProbabilities(model, null, 'ab'), 'text must be ids'],
    [logProbabilities(model, null, [1, V]), 'ids[1] must be a whole number from 0 to 22'],
    [logProbabilities(model, letters, 3 as never), 'text must be a text or ids'],
    [logProbabilities({} as never, letters, 'ab'), 'only a CausalLM and a Transformer'],
    [logProbabilities(model, {} as never, 'ab'), 'tokenizer must be'],
    [logProbabilities(model, letters, ['a', 'b']), 'ids[0] must be a whole number'],
    [logProbabilities(pair, tokenizer, 'ab'), 'pair must be'],
    [logProbabilities(pair, letters, ['a', 'b']), 'tokenizer must be'],
    [logProbabilities(pair, null, ['a', 'b']), 'tokenizer must be'],
    [logProbabilities(pair, tokenizer, ['a', 'x'.repeat(24)]), 'the target has 25 tokens'],
    [logProbabilities(pair, tokenizer, ['x'.repeat(24), 'a']), 'the source has 25 tokens'],
  ];
  for (const [promise, says] of cases) {
    const { message } = await asyncRefusal(promise);
    assert.ok(message.startsWith(`logProbabilities: ${says}`), message);
  }
});

test.run();
