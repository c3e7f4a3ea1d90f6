import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { init } from '../../src/runtime/init.js';
import { BLEU } from '../../src/text/bleu.js';
import { pairedBootstrap } from '../../src/text/bootstrap.js';

await init();
const test = suite('text/bootstrap');

const references = Array.from(
  { length: 60 },
  (_, i) => `the cat number ${i} sat on the mat of house ${i * 7} today`,
);
const damaged = (every: number) =>
  references.map((text, i) => (i % every === 0 ? text.replace('sat on', 'lay under') : text));

test('the interval holds the score and shrinks as segments agree', () => {
  const { score, mean, low, high } = pairedBootstrap(damaged(3), undefined, [references]);
  assert.is(score, BLEU(damaged(3), [references]).score);
  assert.ok(low < score && score < high && Math.abs(mean - score) < 1, `${low} ${score} ${high}`);
  const perfect = pairedBootstrap(references, undefined, [references], { samples: 50 });
  assert.is(perfect.high - perfect.low, 0);
});

test('one seed, one result; another seed, another', () => {
  const run = (seed: number) => pairedBootstrap(damaged(3), damaged(2), [references], { samples: 200, seed });
  assert.equal(run(1), run(1));
  assert.is.not(run(1).low, run(2).low);
});

test('a pinned result: the same bits on every engine', () => {
  const result = pairedBootstrap(damaged(3), damaged(2), [references], { samples: 100, seed: 3 });
  assert.equal(
    [result.score, result.low, result.high, result.pValue],
    [88.2416632126181, 84.05002930069789, 91.79995562106686, 0.0297029702970297],
  );
});

test('a clear difference is found, none between equals', () => {
  const clear = pairedBootstrap(damaged(30), damaged(2), [references]);
  assert.ok(clear.pValue! < 0.01);
  assert.ok(clear.difference!.low > 0);
  const reversed = pairedBootstrap(damaged(2), damaged(30), [references]);
  assert.is(reversed.pValue, clear.pValue);
  assert.equal(reversed.other, { score: clear.score, mean: clear.mean, low: clear.low, high: clear.high });
  const same = pairedBootstrap(damaged(2), damaged(2), [references]);
  assert.is(same.pValue, 1);
  assert.is(same.difference!.low, 0);
});

test('systems that differ by chance are not told apart', () => {
  const shifted = references.map((text, i) => (i % 3 === 1 ? text.replace('sat on', 'lay under') : text));
  assert.ok(pairedBootstrap(damaged(3), shifted, [references]).pValue! > 0.2);
});

test('one segment and one sample', () => {
  const { low, high, score } = pairedBootstrap(['a b c d'], undefined, [['a b c d e']], { samples: 1 });
  assert.equal([low, high], [score, score]);
});

test('the signature carries samples and seed', () => {
  const { signature } = pairedBootstrap(references, undefined, [references], {
    samples: 20,
    seed: 7,
    lowercase: true,
  });
  assert.match(signature, /^nrefs:1\|bs:20\|seed:7\|case:lc\|eff:no\|tok:13a\|smooth:exp\|version:prenorm-/);
});

test('bad options are refused', () => {
  const run = (options: object) => () => pairedBootstrap(['a'], undefined, [['a']], options);
  assert.throws(run({ samples: 0 }), /pairedBootstrap: samples must be a positive integer, got 0/);
  assert.throws(run({ samples: 1.5 }), /samples must be a positive integer/);
  assert.throws(run({ seed: -1 }), /seed must be a whole number >= 0, got -1/);
  assert.throws(run({ sample: 10 }), /did you mean "samples"\?/);
  assert.throws(run({ smooth: 'x' }), /pairedBootstrap: smooth must be/);
  assert.throws(() => pairedBootstrap(['a'], ['a', 'b'], [['a']]), /2 hypotheses but 1 references/);
});

test.run();
