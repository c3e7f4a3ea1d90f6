/** @file Beam search against a slow search that says the rule outright, over random tables of probabilities. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { beamSearch, type Stepper } from '../../src/generate/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { close } from '../support.js';

const test = suite('generate/beam');
await init();

const [BOS, EOS] = [1, 2];
/** Log-probabilities of the next token by the last one: [last][next]. */
type Table = Float32Array[];

function stepperOf(table: Table): Stepper {
  let batch = 1;
  return {
    get batch() {
      return batch;
    },
    vocabSize: table.length,
    step: (ids) => Float32Array.from([...ids].flatMap((id) => [...table[id]])),
    reorder(order) {
      batch = order.length;
    },
  };
}

interface Found {
  ids: number[];
  logProb: number;
  score: number;
}

/**
 * All continuations of all beams in order of probability. Those among the best `finishing` that end are finished, the
 * best `beamSize` of the others go on, until `beamSize` are finished or maxLength tokens stand there.
 */
function obvious(
  table: Table,
  { beamSize, lengthPenalty, maxLength }: { beamSize: number; lengthPenalty: number; maxLength: number },
  finishing: number,
): Found {
  const finished: Found[] = [];
  const finish = (ids: number[], logProb: number) =>
    finished.push({ ids, logProb, score: logProb / (ids.length + 1) ** lengthPenalty });
  let beams: { ids: number[]; logProb: number }[] = [{ ids: [], logProb: 0 }];
  for (let t = 0; t <= maxLength && finished.length < beamSize; t++) {
    const all = beams.flatMap(({ ids, logProb }) =>
      [...table[ids[t - 1] ?? BOS]].map((p, id) => ({ ids, id, logProb: logProb + p })),
    );
    if (t === maxLength) for (const { ids, id, logProb } of all) if (id === EOS) finish(ids, logProb);
    all.sort((a, b) => b.logProb - a.logProb); // stable: of equals the earlier beam, then the smaller id
    beams = [];
    for (const [rank, { ids, id, logProb }] of all.entries()) {
      if (beams.length === beamSize || finished.length >= beamSize || t === maxLength) break;
      if (id !== EOS) beams.push({ ids: [...ids, id], logProb });
      else if (rank < finishing) finish(ids, logProb);
    }
  }
  return finished.reduce((a, b) => (b.score > a.score ? b : a));
}

/** Weights from 1 to a thousand, squared so that tables are neither flat nor certain; some are equal. */
function randomTable(random: RandomStream, vocab: number): Table {
  return Array.from({ length: vocab }, () => {
    const weights = Array.from({ length: vocab }, (_, id) => (id < EOS ? 0 : (1 + random.nextInt(30)) ** 2));
    const total = weights.reduce((a, b) => a + b, 0);
    return Float32Array.from(weights, (w) => Math.log(w > 0 ? w / total : 1e-9));
  });
}

test('an eos that ranks below the beam does not finish a hypothesis', () => {
  const p: Record<number, Record<number, number>> = {
    1: { 2: 0.2, 3: 0.3, 4: 0.5 },
    3: { 2: 0.7, 3: 0.1, 4: 0.2 },
    4: { 2: 0.2, 3: 0.8 },
  };
  const table = Array.from({ length: 5 }, (_, last) =>
    Float32Array.from({ length: 5 }, (_, id) => Math.log(p[last]?.[id] ?? 1e-9)),
  );
  const [{ ids, logProb }] = beamSearch(stepperOf(table), {
    bos: BOS,
    eos: EOS,
    beamSize: 2,
    lengthPenalty: 1,
    maxLength: 4,
  });
  assert.equal([...ids], [4, 3]);
  close(logProb / 3, -0.424, 1e-3);
});

test('3,000 random tables: what the slow search finds, never worse than when every eos finishes', () => {
  const random = new RandomStream(7, 'beam tables');
  let better = 0;
  for (let i = 0; i < 3000; i++) {
    const table = randomTable(random, 5 + random.nextInt(4));
    const options = {
      beamSize: 1 + random.nextInt(4),
      maxLength: 1 + random.nextInt(6),
      lengthPenalty: [0, 0.6, 1, 1.2][random.nextInt(4)],
    };
    const [found] = beamSearch(stepperOf(table), { bos: BOS, eos: EOS, ...options });
    const expected = obvious(table, options, options.beamSize);
    assert.equal([[...found.ids], found.logProb], [expected.ids, expected.logProb], `table ${i}`);
    const before = obvious(table, options, Number.POSITIVE_INFINITY);
    assert.ok(expected.score >= before.score, `table ${i}: ${expected.score} < ${before.score}`);
    if (expected.score > before.score) better++;
  }
  assert.ok(better > 20, `${better} results are better: the tables do not tell the rules apart`);
});

test.run();
