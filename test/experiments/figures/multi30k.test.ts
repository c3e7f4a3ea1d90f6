/** Multi30k's claims flip with the value they rest on; its runs, and the paper's, go through the same code. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Pair, PairSplits } from '../../../src/data/index.js';
import {
  executeRun,
  experiments,
  judgeClaims,
  KeptWeights,
  makePreset,
  multi30kBars,
  multi30kRuns,
  type RunRecord,
  scoreLowerTokens,
  type TranslationRun,
  testScoreName,
} from '../../../src/experiments/index.js';
import { makeSchedule } from '../../../src/optim/index.js';
import { init } from '../../../src/runtime/init.js';
import { memorySources } from '../../support.js';

const test = suite('experiments/figures/multi30k');
await init();

const PLATEAU = { 2000: 2.001, 2500: 2 };

/** A record of an arm, as a run would leave it. */
function record(
  run: TranslationRun,
  nll: number,
  score: number,
  curve: Record<number, number> = PLATEAU,
): RunRecord {
  return {
    id: run.id,
    experiment: 'translation',
    label: run.label,
    placement: run.arm.placement,
    seed: run.recipe.seed,
    config: { ...run } as unknown as Record<string, unknown>,
    status: 'measured',
    finalValidNll: nll,
    steps: run.recipe.steps,
    seconds: 1,
    hash: run.id,
    bleu: {
      score,
      low: score - 1,
      high: score + 1,
      signature: '',
      brevityPenalty: 1,
      sentences: 1000,
      decoding: 'beam 5, length penalty 1.2',
      loops: 0,
    },
    curve: Object.entries(curve).map(([step, validNll]) => ({
      step: Number(step),
      lr: 1,
      trainLoss: 1,
      validNll,
    })),
  };
}

const [pre, warm, none] = multi30kRuns();
const preset = makePreset('multi30k', { data: 'x', only: ['multi30k'] });

function verdicts(records: RunRecord[]): Record<string, string> {
  const context = { preset: 'multi30k' as const, commonRate: 0.002, unigramNll: 6, log: Math.log };
  const rows = judgeClaims(preset, records, context);
  return Object.fromEntries(rows.map(({ claim, verdict }) => [claim.replace('multi30k-', ''), verdict]));
}

const arms = (changes: { none?: [number, number]; pre?: [number, number] } = {}) => [
  record(pre, ...(changes.pre ?? ([2, 30] as [number, number]))),
  record(warm, 2, 30),
  record(none, ...(changes.none ?? ([5.9, 0.1] as [number, number]))),
];

test('every claim holds where it should, and flips with the value it rests on', () => {
  assert.equal(verdicts(arms()), { 'post-needs-warmup': 'holds', 'pre-trains': 'holds', parity: 'holds' });
  // Either measure makes it a failure, and neither makes it none.
  assert.is(verdicts(arms({ none: [2.4, 24.9] }))['post-needs-warmup'], 'holds');
  assert.is(verdicts(arms({ none: [2.6, 29] }))['post-needs-warmup'], 'holds');
  assert.is(verdicts(arms({ none: [2.4, 25.1] }))['post-needs-warmup'], 'does not hold');
  assert.is(verdicts(arms({ pre: [2, 28.9] }))['pre-trains'], 'does not hold');
  assert.is(verdicts(arms({ pre: [2, 28.9] })).parity, 'does not hold');
  assert.is(verdicts(arms({ pre: [2, 33] }))['pre-trains'], 'holds');
  assert.is(verdicts(arms({ pre: [2, 33] })).parity, 'does not hold');
});

test('parity waits for a plateau of both, and no verdict rests on few sentences or a missing arm', () => {
  const [a, b, c] = arms();
  const falling = record(pre, 2, 30, { 2000: 2.02, 2500: 2 });
  assert.is(verdicts([falling, b, c]).parity, 'not tested');
  assert.is(verdicts([falling, b, c])['pre-trains'], 'holds');
  const few: RunRecord = { ...a, bleu: { ...(a.bleu as NonNullable<typeof a.bleu>), sentences: 999 } };
  assert.is(verdicts([few, b, c])['pre-trains'], 'not tested');
  assert.is(verdicts([a, c])['post-needs-warmup'], 'not tested');
  assert.equal(new Set(Object.values(verdicts([]))), new Set(['not tested']));
  const diverged: RunRecord = { ...c, status: 'diverged', finalValidNll: undefined, bleu: undefined };
  assert.is(verdicts([a, b, diverged])['post-needs-warmup'], 'holds');
});

test('the arms differ in placement and warm-up only, and share the tail', () => {
  const strip = ({ id: _i, label: _l, arm: _a, recipe, ...rest }: TranslationRun) => {
    const { schedule: _s, model, ...same } = recipe;
    return { ...rest, recipe: { ...same, model: { ...model, normPlacement: 'post' } } };
  };
  for (const size of ['small', 'large'] as const) {
    const [a, b, c] = multi30kRuns({ size });
    assert.equal(strip(a), strip(b));
    assert.equal(strip(b), strip(c));
    const rates = [a, b, c].map((run) => makeSchedule(run.recipe.schedule));
    const { tailStart, maxLr } = c.recipe.schedule as { tailStart: number; maxLr: number };
    for (const t of [tailStart, 2 * tailStart, c.recipe.steps])
      assert.is(new Set(rates.map((lr) => lr(t))).size, 1);
    assert.equal(
      rates.map((lr) => lr(1)),
      [maxLr, maxLr / tailStart, maxLr],
    );
  }
  assert.is(multi30kBars.twinBleu, 1);
});

test('kept weights: the best evaluation, the earlier of equals, and the mean of the last', () => {
  const kept = new KeptWeights(2);
  const add = (step: number, validNll: number) =>
    kept.add({ step, validNll, weights: new Map([['w', { shape: [1], data: Float32Array.of(step) }]]) });
  add(1, 3);
  add(2, 1);
  add(3, 1);
  add(5, 2);
  assert.is(kept.best.step, 2);
  assert.equal([...(kept.mean().get('w')?.data ?? [])], [4]);
});

test('the second BLEU is of tokens in small letters', () => {
  const references = ["The dog doesn't see it, does it?"];
  const lower = scoreLowerTokens(["the DOG doesn 't see it , does it ?"], references, 'en');
  assert.is(Math.round(lower.score), 100);
  assert.match(lower.signature, /tok:none/);
});

const sentences = (n: number, from: number): [string, string][] =>
  Array.from({ length: n }, (_, i) => [`ein Satz Nummer ${i + from}`, `a sentence number ${i + from}`]);
const tiny: PairSplits = { train: sentences(12, 0), valid: sentences(3, 50), test: sentences(2, 60) };
/** A few words, because the paper's models are large. */
const words: PairSplits = {
  train: [
    ['a b', 'c'],
    ['b', 'd c'],
    ['a', 'c'],
  ],
  valid: [['a', 'd']],
  test: [['b', 'c']],
};

/** A folder that holds them. */
const sourcesOf = (folder: string, splits: PairSplits) =>
  memorySources(
    Object.fromEntries(
      Object.entries(splits).map(([part, pairs]) => [
        `${folder}/${part}.tsv`,
        pairs.map((pair: Pair) => `${pair.join('\t')}\n`).join(''),
      ]),
    ),
  );

/** The run as it is registered, but for its steps. */
const short = (run: TranslationRun): TranslationRun => ({
  ...run,
  recipe: { ...run.recipe, steps: 2, evalEvery: 1 },
});
const isTranslation = (run: { kind: string }): run is TranslationRun => run.kind === 'translation';

test('multi30k: two steps through the same code, with every score of the fuller test', async () => {
  const two = await executeRun(short(pre), { sources: sourcesOf('multi30k', tiny) });
  assert.is(two.steps, 2);
  assert.match(two.hash, /^[0-9a-f]{64}$/);
  const measured = two.measured as Record<string, number | number[]>;
  for (const weights of ['best', 'average'] as const) {
    assert.ok(Number.isFinite(measured[`valid NLL ${weights}`]));
    for (const search of ['greedy', 'beam'] as const) {
      for (const flavour of ['cased 13a', 'lowercase tokenized'] as const) {
        const row = measured[testScoreName(weights, search, flavour)] as number[];
        assert.is(row.length, 5);
        assert.ok(row.every(Number.isFinite));
      }
    }
  }
  assert.is(two.bleu?.score, (measured[testScoreName('best', 'beam', 'cased 13a')] as number[])[0]);
  assert.is(
    measured['best step'],
    two.curve?.reduce((a, b) => ((b.validNll ?? 9) < (a.validNll ?? 9) ? b : a)).step,
  );
  const again = await executeRun(short(pre), { sources: sourcesOf('multi30k', tiny) });
  assert.equal({ ...again, seconds: 0 }, { ...two, seconds: 0 });
});

test('paper: every model of IWSLT14 and WMT14 takes two steps through the same code', async () => {
  const runs = [undefined, ['wmt14']].flatMap((only) =>
    makePreset('paper', { data: 'x', only }).runs.filter(isTranslation),
  );
  const model = ({ recipe: { model, data, tokenizer, accumulate = 1 } }: TranslationRun) => {
    const { dModel, dFF, numHeads, numLayers } = model;
    const { vocabSize } = tokenizer as { vocabSize: number };
    return [dModel, dFF, numHeads, numLayers, vocabSize, data.maxTokens, accumulate].join(' ');
  };
  assert.equal([...new Set(runs.map(model))], ['512 1024 4 6 10000 8192 1', '512 2048 8 6 37000 16384 16']);
  const distinct = new Map(runs.map((run) => [`${model(run)} ${run.arm.placement}`, run]));
  assert.is(distinct.size, 4);
  for (const run of distinct.values()) {
    const spec: TranslationRun = { ...run, recipe: { ...run.recipe, steps: 2, evalEvery: 2 } };
    const two = await executeRun(spec, { sources: sourcesOf('x', words) });
    assert.is(two.steps, 2, run.id);
    assert.ok(two.curve?.every(({ trainLoss }) => Number.isFinite(trainLoss)));
    assert.is(two.bleu?.sentences, 1);
    assert.match(two.bleu?.decoding ?? '', /^beam [45], length penalty (1\.2|0\.6)$/);
  }
});

test('what is large or needs other data takes part only when it is named', () => {
  const names = (only?: string[]) =>
    makePreset('multi30k', { data: 'x', only }).experiments.map(({ experiment }) => experiment.name);
  assert.equal(names(), ['multi30k']);
  assert.equal(names(['multi30k-large']), ['multi30k-large']);
  assert.ok(experiments.filter(({ onRequest }) => onRequest).length >= 2);
  assert.not.ok(makePreset('paper', { data: 'x' }).runs.some(({ id }) => id.startsWith('wmt14')));
});

test.run();
