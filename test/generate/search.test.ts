/** @file Greedy, sampling and beam search over steppers made by hand, where the best answer is known. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { beamSearch, greedy, type Stepper, sample } from '../../src/generate/index.js';
import { init } from '../../src/runtime/init.js';
import { close, refusal } from '../support.js';

const test = suite('generate/search');
await init();

const [BOS, EOS, A, B, C] = [0, 1, 2, 3, 4];
const VOCAB = 5;
type Rule = (prefix: readonly number[], sentence: number) => Partial<Record<number, number>>;

/** A stepper whose probabilities follow a rule over prefixes; what the rule leaves out shares 1e-6. */
function scripted(rule: Rule, sentences = 1) {
  let rows = Array.from({ length: sentences }, (_, sentence) => ({ sentence, prefix: [] as number[] }));
  const log: { batches: number[]; orders: number[][]; fed: number[][] } = {
    batches: [],
    orders: [],
    fed: [],
  };
  const stepper: Stepper = {
    get batch() {
      return rows.length;
    },
    vocabSize: VOCAB,
    step(ids) {
      assert.is(ids.length, rows.length, 'one id per row');
      log.batches.push(rows.length);
      log.fed.push([...ids]);
      const out = new Float32Array(rows.length * VOCAB);
      rows.forEach((row, i) => {
        {
          if (ids[i] !== BOS) row.prefix.push(ids[i]);
          const probabilities = rule(row.prefix, row.sentence);
          for (let id = 0; id < VOCAB; id++) out[i * VOCAB + id] = Math.log(probabilities[id] ?? 1e-6);
        }
      });
      return out;
    },
    reorder(order) {
      log.orders.push([...order]);
      rows = [...order].map((row) => ({ sentence: rows[row].sentence, prefix: [...rows[row].prefix] }));
    },
  };
  return { stepper, log };
}

const search = { bos: BOS, eos: EOS, maxLength: 6 };
const is = (prefix: readonly number[], ...ids: number[]) => prefix.join() === ids.join();

/** A looks better at first; B leads to the more probable sentence. P(A…) = .6·.4·.9, P(B C) = .4·.9·.9. */
const garden: Rule = (prefix) => {
  if (is(prefix)) return { [A]: 0.6, [B]: 0.4 };
  if (is(prefix, A)) return { [A]: 0.4, [B]: 0.35, [C]: 0.25 };
  if (is(prefix, B)) return { [C]: 0.9, [A]: 0.1 };
  return { [EOS]: 0.9, [A]: 0.1 };
};

test('greedy takes the best next token and misses the best sentence', () => {
  const [found] = greedy(scripted(garden).stepper, search);
  assert.equal([...found.ids], [A, A]);
  close(found.logProb, Math.log(0.6 * 0.4 * 0.9), 1e-6);
});

test('a beam of two finds it', () => {
  const [found] = beamSearch(scripted(garden).stepper, { ...search, beamSize: 2 });
  assert.equal([...found.ids], [B, C]);
  close(found.logProb, Math.log(0.4 * 0.9 * 0.9), 1e-6);
});

test('a beam of one is greedy, token for token and bit for bit', () => {
  for (let seed = 0; seed < 30; seed++) {
    const rule: Rule = (prefix, sentence) => {
      const raw = Array.from({ length: VOCAB }, (_, id) => {
        const key = prefix.reduce((h, v) => (h * 31 + v + 7) % 1009, seed * 97 + sentence * 13 + id * 61);
        return ((key * 7919) % 1009) + 1;
      });
      const total = raw.reduce((a, b) => a + b, 0);
      return Object.fromEntries(raw.map((v, id) => [id, v / total]));
    };
    const one = greedy(scripted(rule, 3).stepper, search);
    const beam = beamSearch(scripted(rule, 3).stepper, { ...search, beamSize: 1 });
    assert.equal(
      beam.map(({ ids, logProb }) => [...ids, logProb]),
      one.map(({ ids, logProb }) => [...ids, logProb]),
    );
  }
});

test('a wide beam finds the best of all sentences by exhaustive search', () => {
  const rule: Rule = (prefix) => {
    const raw = Array.from({ length: VOCAB }, (_, id) =>
      id === BOS ? 0 : 1 + ((prefix.reduce((h, v) => h * 5 + v, 3) * (id + 2) * 37) % 11),
    );
    const total = raw.reduce((a, b) => a + b, 0);
    return Object.fromEntries(raw.map((v, id) => [id, v / total || 1e-9]));
  };
  let best = { score: Number.NEGATIVE_INFINITY, ids: [] as number[] };
  const walk = (prefix: number[], logProb: number) => {
    const p = rule(prefix, 0);
    const score = (logProb + Math.log(p[EOS] as number)) / (prefix.length + 1);
    if (score > best.score) best = { score, ids: prefix };
    if (prefix.length < 3)
      for (const id of [A, B, C]) walk([...prefix, id], logProb + Math.log(p[id] as number));
  };
  walk([], 0);
  const [found] = beamSearch(scripted(rule).stepper, { ...search, maxLength: 3, beamSize: 64 });
  assert.equal([...found.ids], best.ids);
});

/** Ends at once with .4, or goes on for three tokens of .8 each. */
const shortOrLong: Rule = (prefix) => {
  if (is(prefix)) return { [EOS]: 0.4, [A]: 0.6 };
  if (prefix.length < 3) return { [A]: 0.8, [B]: 0.2 };
  return { [EOS]: 0.8, [A]: 0.2 };
};

test('the length penalty decides between a short and a long sentence', () => {
  const length = (lengthPenalty: number) =>
    beamSearch(scripted(shortOrLong).stepper, { ...search, beamSize: 2, lengthPenalty })[0].ids.length;
  // log .4 = -.916; log(.6·.8³) = -1.18 over 4 tokens.
  assert.equal([length(0), length(1), length(1.2)], [0, 3, 3]);
});

test('an ended hypothesis does not take a place in the beam', () => {
  // B is third at first, behind eos, and leads to the best sentence when length counts.
  const rule: Rule = (prefix) => {
    if (is(prefix)) return { [EOS]: 0.5, [A]: 0.3, [B]: 0.2 };
    return is(prefix, B) ? { [EOS]: 1 } : { [A]: 0.3, [B]: 0.3, [C]: 0.3, [EOS]: 0.1 };
  };
  const [found] = beamSearch(scripted(rule).stepper, { ...search, beamSize: 2, lengthPenalty: 3 });
  assert.equal([...found.ids], [B]);
});

test('a finished sentence leaves the batch and the others go on undisturbed', () => {
  const rule: Rule = (prefix, sentence) =>
    prefix.length < sentence * 2 ? { [A]: 0.9, [B]: 0.1 } : { [EOS]: 0.99, [C]: 0.01 };
  const together = scripted(rule, 3);
  const found = beamSearch(together.stepper, { ...search, beamSize: 2 });
  assert.equal(
    found.map(({ ids }) => ids.length),
    [0, 2, 4],
  );
  found.forEach(({ ids, logProb }, sentence) => {
    {
      const [alone] = beamSearch(scripted((prefix) => rule(prefix, sentence)).stepper, {
        ...search,
        beamSize: 2,
      });
      assert.equal([...alone.ids, alone.logProb], [...ids, logProb]);
    }
  });
  const { batches } = together.log;
  assert.is(batches[0], 3);
  assert.ok(batches[batches.length - 1] <= 2, `rows per step: ${batches}`);
});

test('reorder names the rows that were chosen', () => {
  const { stepper, log } = scripted(garden);
  beamSearch(stepper, { ...search, beamSize: 2 });
  assert.equal(log.orders[0], [0, 0], 'the only row becomes two');
  assert.equal(log.fed[1], [A, B]);
  // .4·.9 from row 1 beats .6·.4 from row 0.
  assert.equal(
    [log.orders[1], log.fed[2]],
    [
      [1, 0],
      [C, A],
    ],
  );
});

test('eos is not part of the result and ends each row on its own', () => {
  const rule: Rule = (prefix, sentence) => (prefix.length <= sentence ? { [B]: 1 } : { [EOS]: 1 });
  const found = greedy(scripted(rule, 3).stepper, search);
  assert.equal(
    found.map(({ ids }) => [...ids]),
    [[B], [B, B], [B, B, B]],
  );
});

test('no result is longer than maxLength, and its probability is that of ending there', () => {
  const endless: Rule = () => ({ [A]: 0.7, [B]: 0.2, [EOS]: 0.1 });
  for (const maxLength of [0, 1, 4]) {
    const expected = maxLength * Math.log(0.7) + Math.log(0.1);
    const [found] = greedy(scripted(endless).stepper, { ...search, maxLength });
    assert.is(found.ids.length, maxLength);
    close(found.logProb, expected, 1e-5);
    for (const beamSize of [1, 3]) {
      const [beam] = beamSearch(scripted(endless).stepper, {
        ...search,
        maxLength,
        beamSize,
        lengthPenalty: 3,
      });
      assert.is(beam.ids.length, maxLength);
      close(beam.logProb, expected, 1e-5);
    }
  }
});

test('of equal tokens the smaller id wins', () => {
  const flat: Rule = (prefix) => (prefix.length < 2 ? { [B]: 0.4, [C]: 0.4 } : { [EOS]: 1 });
  assert.equal([...greedy(scripted(flat).stepper, search)[0].ids], [B, B]);
  assert.equal([...beamSearch(scripted(flat).stepper, { ...search, beamSize: 2 })[0].ids], [B, B]);
});

test('no sentences give no results', () => {
  assert.equal(greedy(scripted(garden, 0).stepper, search), []);
  assert.equal(beamSearch(scripted(garden, 0).stepper, { ...search, beamSize: 2 }), []);
});

const dice: Rule = () => ({ [EOS]: 0.05, [A]: 0.5, [B]: 0.3, [C]: 0.15 });
const draw = (options: Partial<Parameters<typeof sample>[1]> = {}, rule: Rule = dice) => [
  ...sample(scripted(rule).stepper, { prompt: [BOS], length: 2000, seed: 1, ...options }),
];
const share = (ids: number[], id: number) => ids.filter((v) => v === id).length / ids.length;

test('sampling repeats with its seed and follows the probabilities', () => {
  const ids = draw();
  assert.equal(draw(), ids);
  assert.is.not(draw({ seed: 2 }).join(), ids.join());
  for (const [id, p] of [
    [A, 0.5],
    [B, 0.3],
    [C, 0.15],
  ]) {
    close(share(ids, id), p, 4 * Math.sqrt((p * (1 - p)) / 2000), `share of ${id}:`);
  }
});

test('temperature sharpens and flattens', () => {
  const power = (t: number) => {
    const raw = [0.05, 0.5, 0.3, 0.15].map((p) => p ** (1 / t));
    return raw[1] / raw.reduce((a, b) => a + b, 0);
  };
  for (const temperature of [0.25, 2]) {
    close(share(draw({ temperature }), A), power(temperature), 0.045, `temperature ${temperature}:`);
  }
  assert.is(share(draw({ temperature: 1e-3 }), A), 1);
});

test('topK leaves the k most probable, renormalised', () => {
  const two = draw({ topK: 2 });
  assert.is(share(two, A) + share(two, B), 1);
  close(share(two, A), 0.5 / 0.8, 0.045);
  assert.is(share(draw({ topK: 1 }), A), 1);
  assert.equal(draw({ topK: 99 }), draw());
});

test('sampling stops at eos, which is left out, and at the length', () => {
  const ids = draw({ eos: EOS });
  assert.ok(ids.length < 400 && !ids.includes(EOS), `${ids.length} ids`);
  assert.equal(draw({ eos: EOS }), draw().slice(0, ids.length));
  assert.is(draw({ length: 7 }).length, 7);
  assert.is(draw({ length: 0 }).length, 0);
});

test('the prompt is fed first, and nothing after the last token', () => {
  const { stepper, log } = scripted(() => ({ [C]: 1 }));
  const ids = sample(stepper, { prompt: [A, B], length: 2, seed: 0 });
  assert.equal([...ids], [C, C]);
  assert.equal(log.fed, [[A], [B], [C]]);
});

test('options out of range are refused', () => {
  const wrong: [() => unknown, string][] = [
    [() => draw({ temperature: 0 }), 'temperature'],
    [() => draw({ temperature: Number.NaN }), 'temperature'],
    [() => draw({ topK: 0 }), 'topK'],
    [() => draw({ topK: 1.5 }), 'topK'],
    [() => draw({ prompt: [] }), 'prompt'],
    [() => beamSearch(scripted(garden).stepper, { ...search, beamSize: 0 }), 'beamSize'],
    [
      () => beamSearch(scripted(garden).stepper, { ...search, beamSize: 2, maxLength: Number.NaN }),
      'maxLength',
    ],
    [() => greedy(scripted(garden).stepper, { ...search, maxLength: -1 }), 'maxLength'],
    [() => draw({ prompt: [BOS, VOCAB] }), 'prompt[1]'],
    [() => draw({ prompt: 'ab' as never }), 'prompt[0]'],
  ];
  for (const [run, says] of wrong) {
    const error = refusal(run);
    assert.is(error.code, 'CONFIG');
    assert.match(error.message, says);
  }
});

test.run();
