/** @file Greedy search, sampling and beam search over a stepper. Ties go to the smaller id, everywhere. */
import {
  checkOptions,
  checkValue,
  integer,
  notNegative,
  optional,
  positive,
  type Rules,
  seed,
} from '../checks.js';
import { ConfigError } from '../errors.js';
import { RandomStream } from '../random.js';
import { pow64 } from '../runtime/math.js';
import { draw, ranked } from './draw.js';
import type { BestTokens, Stepper } from './stepper.js';

/** Ids of the marks, and where a search ends. */
export interface SearchOptions {
  /** Id that a sequence begins with. */
  bos: number;
  /** Id that ends it. */
  eos: number;
  /** Most tokens to generate, eos not counted: behind that many only eos may follow. */
  maxLength: number;
}

/** One generated sequence. */
export interface Hypothesis {
  /** Generated ids without bos and eos. */
  ids: Int32Array;
  /** Sum of log-probabilities, eos included. */
  logProb: number;
}

/** One of several, ranked by its score. */
export interface ScoredHypothesis extends Hypothesis {
  /** logProb / length^lengthPenalty, eos counted in the length. */
  score: number;
}

/** Ids must be ones that the stepper knows: another would never come, or read past its table. */
const idRule = (vocabSize: number) => integer(0, vocabSize - 1);

const searchRules = (vocabSize: number): Rules<SearchOptions> => ({
  bos: idRule(vocabSize),
  eos: idRule(vocabSize),
  maxLength: integer(0),
});

/**
 * The most probable token at every step, for each row until its eos.
 * @throws ConfigError for an unknown or missing option or one out of range
 */
export function greedy(stepper: Stepper, options: SearchOptions): Hypothesis[] {
  checkOptions('greedy', options, searchRules(stepper.vocabSize));
  return drained(greedySteps(stepper, options)).map(([{ ids, logProb }]) => ({ ids, logProb }));
}

/** A search that stops behind every step, so that its host may breathe; at the end the hypotheses of each row. */
export type SearchSteps = Generator<void, ScoredHypothesis[][], void>;

/** Where the search for row i ends: every row at `maxLength`, or each at its own. */
type Limits = { maxLength: number | Int32Array };

const limitOf = ({ maxLength }: Limits, row: number): number =>
  typeof maxLength === 'number' ? maxLength : maxLength[row];

/** `stepper.best`, by way of `step` where there is none. */
function bestTokens(stepper: Stepper, next: Int32Array, count: number, also: number): BestTokens {
  if (stepper.best) return stepper.best(next, count, also);
  const { vocabSize, batch } = stepper;
  const logProbs = stepper.step(next);
  const found = {
    ids: new Int32Array(batch * count),
    logProbs: new Float32Array(batch * count),
    also: new Float32Array(batch),
  };
  for (let row = 0; row < batch; row++) {
    const own = logProbs.subarray(row * vocabSize, (row + 1) * vocabSize);
    ranked(own, count).forEach((id, i) => {
      found.ids[row * count + i] = id;
      found.logProbs[row * count + i] = own[id];
    });
    found.also[row] = own[also];
  }
  return found;
}

/** All steps at once. */
export function drained<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** `greedy` step by step; the score is the log-probability. */
export function* greedySteps(
  stepper: Stepper,
  options: Omit<SearchOptions, 'maxLength'> & Limits,
): SearchSteps {
  const rows = stepper.batch;
  const out = Array.from({ length: rows }, () => ({ ids: [] as number[], logProb: 0, done: false }));
  let next = new Int32Array(rows).fill(options.bos);
  const goesOn = (t: number): boolean => out.some(({ done }, row) => !done && t <= limitOf(options, row));
  for (let t = 0; goesOn(t); t++) {
    const best = bestTokens(stepper, next, 1, options.eos);
    next = new Int32Array(rows);
    for (let row = 0; row < rows; row++) {
      const ends = out[row].done || t >= limitOf(options, row);
      const id = ends ? options.eos : best.ids[row];
      next[row] = id;
      if (out[row].done) continue;
      out[row].logProb += ends ? best.also[row] : best.logProbs[row];
      if (id === options.eos) out[row].done = true;
      else out[row].ids.push(id);
    }
    yield;
  }
  return out.map(({ ids, logProb }) => [{ ids: Int32Array.from(ids), logProb, score: logProb }]);
}

/** From where, how long and how freely to sample. */
export interface SampleOptions {
  /** Ids to start from; at least one. */
  prompt: ArrayLike<number>;
  /** Tokens to draw, fewer when `eos` comes. */
  length: number;
  /** Equal seeds draw equal tokens. */
  seed: number;
  /** Below 1 sharpens, above 1 flattens. Default 1. */
  temperature?: number;
  /** Sample among the k most probable only. Default: all. */
  topK?: number;
  /** Stop at this id. Default: none. */
  eos?: number;
}

/** @throws ConfigError for what `sample` does not take. */
function checkSample(op: string, options: SampleOptions, vocabSize: number): void {
  checkOptions<SampleOptions>(op, options, {
    prompt: { wanted: 'ids, at least one', holds: (ids) => ((ids as ArrayLike<number>)?.length ?? 0) > 0 },
    length: integer(0),
    seed,
    temperature: optional(positive),
    topK: optional(integer(1)),
    eos: optional(idRule(vocabSize)),
  });
  const { prompt } = options;
  for (let i = 0; i < prompt.length; i++) checkValue(op, `prompt[${i}]`, prompt[i], idRule(vocabSize));
}

/**
 * Draws a continuation of the prompt, reproducibly. The stepper must have one row.
 * @throws ConfigError for an unknown or missing option or one out of range, or a stepper of several rows
 */
export function sample(stepper: Stepper, options: SampleOptions): Int32Array {
  checkSample('sample', options, stepper.vocabSize);
  const { temperature = 1, topK = stepper.vocabSize, prompt } = options;
  if (stepper.batch !== 1) {
    throw new ConfigError(`the stepper must have one row, it has ${stepper.batch}`, {
      op: 'sample',
      expected: 1,
      actual: stepper.batch,
    });
  }
  const random = new RandomStream(options.seed, 'sample');
  const [before, last] = [Int32Array.from(prompt).subarray(0, -1), prompt[prompt.length - 1]];
  if (stepper.read) stepper.read(before);
  else for (const id of before) stepper.step(Int32Array.of(id));
  let logProbs = new Float32Array(stepper.step(Int32Array.of(last)));
  const out: number[] = [];
  while (out.length < options.length) {
    const id = draw(logProbs, { temperature, topK }, random.nextFloat());
    if (id === options.eos) break;
    out.push(id);
    if (out.length < options.length) logProbs = new Float32Array(stepper.step(Int32Array.of(id)));
  }
  return Int32Array.from(out);
}

/** How many hypotheses are kept per row, and how they are ranked. */
export interface BeamOptions extends SearchOptions {
  /** Hypotheses kept per row. */
  beamSize: number;
  /** Scores are logProb / length^penalty, eos counted in the length; the paper uses 1.2. Default 1, as fairseq's. */
  lengthPenalty?: number;
}

interface Beam {
  ids: number[];
  logProb: number;
}

const beamRules = (vocabSize: number): Rules<BeamOptions> => ({
  ...searchRules(vocabSize),
  beamSize: integer(1),
  lengthPenalty: optional(notNegative),
});

/**
 * Beam search for every row of the stepper at once; returns the best hypothesis of each. At every step the candidates
 * of a sentence are ranked; one that ends counts as finished when it is among the best `beamSize`, and the best
 * `beamSize` that do not end go on. A sentence is done with `beamSize` finished hypotheses (as in fairseq).
 * @throws ConfigError for an unknown or missing option or one out of range
 */
export function beamSearch(stepper: Stepper, options: BeamOptions): Hypothesis[] {
  checkOptions<BeamOptions>('beamSearch', options, beamRules(stepper.vocabSize));
  return drained(beamSteps(stepper, options)).map(([{ ids, logProb }]) => ({ ids, logProb }));
}

/** How many hypotheses to give. */
export interface NBestOptions extends BeamOptions {
  /** Hypotheses to give per row, at most `beamSize`. */
  nBest: number;
}

/**
 * The same search as `beamSearch`; returns the `nBest` finished hypotheses of each row, best first, of equal scores the
 * one that ended first. There are fewer when the search ended with fewer.
 * @throws ConfigError for an unknown or missing option or one out of range
 */
export function nBestSearch(stepper: Stepper, options: NBestOptions): ScoredHypothesis[][] {
  checkOptions<NBestOptions>('nBestSearch', options, {
    ...beamRules(stepper.vocabSize),
    nBest: integer(1, options?.beamSize ?? 1),
  });
  const { nBest, ...search } = options;
  return drained(beamSteps(stepper, search)).map((all) => all.slice(0, nBest));
}

/** Beam search step by step; all finished hypotheses of each row, best first. */
export function* beamSteps(stepper: Stepper, options: Omit<BeamOptions, 'maxLength'> & Limits): SearchSteps {
  const { beamSize, lengthPenalty = 1, bos, eos } = options;
  const sentences = stepper.batch;
  const score = (logProb: number, length: number): number => logProb / pow64(length, lengthPenalty);
  const finished: (Beam & { score: number })[][] = Array.from({ length: sentences }, () => []);
  // Live rows of the stepper, grouped by sentence; a finished sentence leaves the batch.
  let live: { sentence: number; beam: Beam }[] = Array.from({ length: sentences }, (_, sentence) => ({
    sentence,
    beam: { ids: [], logProb: 0 },
  }));
  let next = new Int32Array(sentences).fill(bos);
  for (let t = 0; live.length > 0; t++) {
    // A candidate of a sentence is among the best of its row.
    const count = Math.min(2 * beamSize, stepper.vocabSize);
    const best = bestTokens(stepper, next, count, eos);
    const chosen: { sentence: number; beam: Beam; row: number; id: number }[] = [];
    for (let from = 0; from < live.length; ) {
      const { sentence } = live[from];
      let to = from;
      while (to < live.length && live[to].sentence === sentence) to++;
      const done = finished[sentence];
      const finish = ({ ids }: Beam, logProb: number) =>
        done.push({ ids, logProb, score: score(logProb, ids.length + 1) });
      if (t === limitOf(options, sentence)) {
        for (let row = from; row < to; row++) finish(live[row].beam, live[row].beam.logProb + best.also[row]);
        from = to;
        continue;
      }
      let kept = 0;
      const found = candidates(best, count, live, from, to, 2 * beamSize);
      for (const [rank, { row, id, logProb }] of found.entries()) {
        if (kept === beamSize || done.length >= beamSize) break;
        const { beam } = live[row];
        if (id === eos) {
          if (rank < beamSize) finish(beam, logProb);
        } else {
          chosen.push({ sentence, beam: { ids: [...beam.ids, id], logProb }, row, id });
          kept++;
        }
      }
      if (done.length >= beamSize) {
        for (let i = chosen.length - 1; i >= 0 && chosen[i].sentence === sentence; i--) chosen.pop();
      }
      from = to;
    }
    live = chosen.map(({ sentence, beam }) => ({ sentence, beam }));
    next = Int32Array.from(chosen, ({ id }) => id);
    if (live.length > 0) stepper.reorder(Int32Array.from(chosen, ({ row }) => row));
    yield;
  }
  return finished.map((done) => {
    const order = done.map((hypothesis, i) => ({ hypothesis, i }));
    order.sort((a, b) => b.hypothesis.score - a.hypothesis.score || a.i - b.i);
    return order.map(({ hypothesis: { ids, logProb, score } }) => ({
      ids: Int32Array.from(ids),
      logProb,
      score,
    }));
  });
}

/** The best continuations of one sentence's beams, best first. */
function candidates(
  { ids, logProbs }: BestTokens,
  perRow: number,
  live: readonly { beam: Beam }[],
  from: number,
  to: number,
  count: number,
): { row: number; id: number; logProb: number }[] {
  const best: { row: number; id: number; logProb: number }[] = [];
  for (let row = from; row < to; row++) {
    const before = live[row].beam.logProb;
    for (let i = row * perRow; i < (row + 1) * perRow; i++) {
      const logProb = before + logProbs[i];
      if (best.length === count && logProb <= best[count - 1].logProb) continue;
      let at = best.length;
      while (at > 0 && best[at - 1].logProb < logProb) at--;
      best.splice(at, 0, { row, id: ids[i], logProb });
      if (best.length > count) best.pop();
    }
  }
  return best;
}
