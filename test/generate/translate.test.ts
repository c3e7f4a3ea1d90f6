/** @file Translations with scores, in batches, and their refusals. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beamSearch,
  greedy,
  nBestSearch,
  type ScoredHypothesis,
  translate,
  translationStepper,
} from '../../src/generate/index.js';
import { drained } from '../../src/generate/search.js';
import { translateAll, translateSteps } from '../../src/generate/translate.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE, trainChars } from '../../src/text/index.js';
import { asyncRefusal, close, refusal, smallLM, smallPair } from '../support.js';

const test = suite('generate/translate');
const runtime = await init();
const tokenizer = trainBPE(['the cat and the dog'], { vocabSize: 265 });
const model = smallPair({ vocabSize: tokenizer.vocabSize, seed: 5, maxSeqLen: 40 });
const sentences = ['the dog', 'a', '', 'cat and dog and the', 'the cat', '  ', 'dog'];

/** One sentence by the search below. */
function alone(sentence: string, beamSize: number, lengthPenalty: number): ScoredHypothesis[] {
  const source = tokenizer.encode(sentence, { eos: true });
  const stepper = translationStepper(model, source, Int32Array.of(source.length));
  const { bosId: bos, eosId: eos } = tokenizer;
  const maxLength = Math.min(2 * source.length + 10, 38);
  return nBestSearch(stepper, { bos, eos, maxLength, beamSize, lengthPenalty, nBest: beamSize })[0];
}

test('the hypotheses are those of the search, best first, in the order given, in any batch', async () => {
  for (const batchSize of [1, undefined]) {
    const found = await translate(model, tokenizer, sentences, { beamSize: 4, nBest: 4, batchSize });
    assert.equal(
      found.map(({ hypotheses }) => hypotheses.length),
      [4, 4, 0, 4, 4, 0, 4],
    );
    found.forEach(({ text, hypotheses }, i) => {
      assert.is(text, hypotheses[0]?.text ?? '');
      hypotheses.forEach(({ score, logProb, ids, text }, n) => {
        close(score, logProb / (ids.length + 1) ** 1.2, 1e-9);
        assert.is(text, tokenizer.decode(ids));
        if (n > 0) assert.ok(score <= hypotheses[n - 1].score);
      });
      if (hypotheses.length === 0) return;
      assert.equal(
        hypotheses.map(({ text: _, ...rest }) => rest),
        alone(sentences[i], 4, 1.2),
      );
    });
  }
});

test('the first of n is what beam search gives, and a beam of 1 is greedy', async () => {
  const source = tokenizer.encode('the dog', { eos: true });
  const stepper = () => translationStepper(model, source, Int32Array.of(source.length));
  const search = { bos: tokenizer.bosId, eos: tokenizer.eosId, maxLength: 2 * source.length + 10 };
  const [best] = beamSearch(stepper(), { ...search, beamSize: 4, lengthPenalty: 0.6 });
  const [all] = nBestSearch(stepper(), { ...search, beamSize: 4, lengthPenalty: 0.6, nBest: 3 });
  assert.is(all.length, 3);
  assert.equal({ ids: all[0].ids, logProb: all[0].logProb }, best);
  assert.is(new Set(all.map(({ ids }) => ids.join())).size, 3);
  const [one] = await translate(model, tokenizer, ['the dog'], { beamSize: 1 });
  assert.equal(one.hypotheses[0].ids, greedy(stepper(), search)[0].ids);
});

test('a sentence that never ends stops where it does alone, whatever stands beside it', async () => {
  const limit = (sentence: string) => Math.min(2 * tokenizer.encode(sentence, { eos: true }).length + 10, 38);
  const full = sentences.filter((sentence) => sentence.trim() !== '');
  for (const beamSize of [1, 3]) {
    const alone: Awaited<ReturnType<typeof translate>> = [];
    for (const sentence of full) alone.push(...(await translate(model, tokenizer, [sentence], { beamSize })));
    // Most of them run into a limit, and the limits differ.
    const cut = full.filter((sentence, i) => alone[i].hypotheses[0].ids.length === limit(sentence));
    assert.ok(new Set(cut.map(limit)).size > 1, `beam of ${beamSize}: ${cut.length} cut`);
    for (const batchSize of [2, 3, undefined]) {
      assert.equal(await translate(model, tokenizer, full, { beamSize, batchSize }), alone);
      const turned = await translate(model, tokenizer, [...full].reverse(), { beamSize, batchSize });
      assert.equal(turned.reverse(), alone);
    }
  }
});

test('what the experiments call has the limit of the longest of a batch', () => {
  const sources = ['a', 'cat and dog and the'].map((text) => tokenizer.encode(text, { eos: true }));
  const search = { beamSize: 1, lengthPenalty: 1 };
  const length = (defaultLimit?: 'source' | 'batch') =>
    drained(translateSteps(model, sources, tokenizer, { ...search, defaultLimit }))[0][0].ids.length;
  assert.equal([length(), length('batch')], [14, Math.min(2 * sources[1].length + 10, 38)]);
  const [text] = translateAll(model, sources, tokenizer, search);
  const [shorter] = translateAll(model, sources.slice(0, 1), tokenizer, search);
  assert.ok(text.length > shorter.length);
});

test('all at once and step by step are the same', async () => {
  const full = sentences.filter((sentence) => sentence.trim() !== '');
  const sources = full.map((sentence) => tokenizer.encode(sentence, { eos: true }));
  const found = await translate(model, tokenizer, full, { beamSize: 3, lengthPenalty: 1 });
  assert.equal(
    found.map(({ text }) => text),
    translateAll(model, sources, tokenizer, { beamSize: 3, lengthPenalty: 1, defaultLimit: 'source' }),
  );
});

test('two translations at a time do not disturb each other, and memory is flat', async () => {
  const one = await translate(model, tokenizer, sentences);
  const before = runtime.memory();
  const both = await Promise.all([1, 2].map(() => translate(model, tokenizer, sentences)));
  assert.equal(both, [one, one]);
  for (let i = 0; i < 3; i++) await translate(model, tokenizer, sentences);
  assert.is(runtime.memory().persistentInUse, before.persistentInUse);
});

test('maxNewTokens is the longest translation', async () => {
  const found = await translate(model, tokenizer, sentences, { maxNewTokens: 3, nBest: 5 });
  const lengths = found.flatMap(({ hypotheses }) => hypotheses.map(({ ids }) => ids.length));
  assert.is(Math.max(...lengths), 3);
});

test('an aborted translation rejects', async () => {
  const outcome = await translate(model, tokenizer, sentences, { signal: AbortSignal.abort() }).catch(
    (error) => error,
  );
  assert.is(outcome.name, 'AbortError');
});

test('what cannot be translated is refused by name', async () => {
  const long = 'x'.repeat(41);
  const cases: [Promise<unknown>, string][] = [
    [
      translate(model, tokenizer, ['a', long]),
      "sentences[1]: a sentence of 42 tokens is longer than the model's maxSeqLen 40",
    ],
    [translate(model, tokenizer, 'a' as never), 'translate: sentences must be a list of texts'],
    [translate(model, tokenizer, ['a', 3] as never), 'translate: sentences[1] must be a text, got 3'],
    [translate({} as never, tokenizer, ['a']), 'translate: only a Transformer'],
    [translate(smallLM(), tokenizer, ['a']), 'translate: only a Transformer translates'],
    [translate(model, {} as never, ['a']), 'translate: tokenizer must be'],
    [translate(model, null, ['a']), 'translate: tokenizer must be a tokenizer with encode, decode, padId'],
    [translate(model, trainChars('ab'), ['a']), 'translate: tokenizer must be a tokenizer with'],
    [translate(model, tokenizer, ['a'], { beamSize: 2, nBest: 3 }), 'translate: nBest must be'],
  ];
  for (const [promise, says] of cases) {
    const { message } = await asyncRefusal(promise);
    assert.ok(message.startsWith(says), message);
  }
  const stepper = translationStepper(model, Int32Array.of(5, 2), Int32Array.of(2));
  const search = { bos: 1, eos: 2, maxLength: 2, beamSize: 2 };
  assert.match(refusal(() => nBestSearch(stepper, { ...search, nBest: 3 })).message, 'nBest must be');
});

test.run();
