/** @file Every claim with a bar has a control that has to fail it, and a control that does not costs the claim its verdict. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClaimRow, experiments, type Results, type RunRecord } from '../../src/experiments/index.js';
import { besideClaim, besideControl } from '../../src/experiments/judges/controls.js';
import { equivalence } from '../../src/experiments/judges/equivalence.js';
import { bySeed, everyRun, type Judged } from '../../src/experiments/judges/judged.js';
import { fourNumbers, inFourNumbers } from '../../src/report/wording.js';
import { allRuns, judgeMock, mockContext, RATE } from './mock-runs.js';

const test = suite('experiments/controls');
const claims = experiments.flatMap((experiment) => experiment.claims);

/** Claims without a control, and why: a claim joins this list only with a reason that stands beside it everywhere. */
const uncontrolled: Record<string, RegExp> = {
  'post-profile-zipf-6': /both sides of the bar/,
  'post-profile-zipf-12': /both sides of the bar/,
  'pre-profile-flat': /fails its bar itself/,
  'warmup-length-order': /fails its bar itself/,
  'sgd-needs-warmup': /fails its bar itself/,
  'post-needs-warmup-any-init': /fails its bar itself/,
  'final-quality': /overfit/,
  'bert-fine-tuning-rises-faster': /gate/,
  'pre-needs-less-tuning-everywhere': /fails its bar itself/,
  'norm-tuning-frozen': /only a bug/,
  'norm-tuning-count': /only a bug/,
  'lambda-ends': /only a bug/,
  'norm-shift-tracks-data': /no arm/,
  'cyclic-gain': /without a bar/,
  'lambda-gain': /without a bar/,
  'pre-warmup-removable': /fails its bar itself/,
  'frozen-gains-hurt': /fails its bar itself/,
  'lns-bears-rates': /fails its bar itself/,
  'fsr-lower-out-of-domain': /fails its bar itself/,
  'lambda-falls-with-fsr': /fails its bar itself/,
  'multi30k-parity': /one seed/,
  'multi30k-large-parity': /one seed/,
  'wmt14-pre-trains-0.0015': /weeks/,
  'wmt14-pre-trains-0.0007': /weeks/,
};

test('a claim has a control, or stands in the list of those without one, with its reason', () => {
  const without = claims.flatMap(({ claim, control }) => ('none' in control ? [[claim, control.none]] : []));
  assert.equal(without.map(([claim]) => claim).sort(), Object.keys(uncontrolled).sort());
  for (const [claim, reason] of without) assert.match(reason!, uncontrolled[claim!]!, claim);
  for (const { claim, control } of claims)
    if ('factor' in control) assert.ok(control.factor.length > 5 && control.factor.length < 60, claim);
});

test('a claim that fails its own bar is not expected to hold', () => {
  for (const { claim, control, expected } of claims) {
    if ('none' in control && control.none.includes('fails its bar itself'))
      assert.is(expected, 'does not hold', claim);
  }
});

test('controls of runs as the theory has them fail, and a control that meets the bar leaves its claim undecided', () => {
  const rows = judgeMock(allRuns(), ['fig3', 'fig2', 'fig4', 'fig6']);
  const controlled = rows.filter(({ control }) => control);
  assert.ok(controlled.length > 10);
  for (const { claim, control } of controlled) assert.is(control!.verdict, 'does not hold', claim);
  const runs = allRuns();
  // Post-LN trains without warm-up as Pre-LN does: then that Pre-LN does says nothing.
  runs.find(({ id }) => id === `translation-post-none-${RATE}-s1`)!.finalValidNll = 3.4;
  const row = judgeMock(runs, ['fig4']).find(({ claim }) => claim === 'pre-trains-without-warmup')!;
  assert.is(row.control!.verdict, 'holds');
  assert.is(row.verdict, 'not decided');
  assert.match(row.reason!, /control \(Post-LN in place of Pre-LN\) meets the same bar/);
});

test('a control whose runs were not there is left out, and one that some seeds meet says so', () => {
  const judged = (good: boolean[]): Judged => ({
    seeds: good.map((_, i) => i),
    perSeed: good.map(Number),
    metric: 'm',
    threshold: 't',
    ...bySeed(good),
    runHashes: [],
  });
  const claim = (good: boolean[] | null) => ({
    control: {
      factor: 'another arm',
      judge: (runs: readonly RunRecord[]) =>
        good
          ? judged(good)
          : everyRun(
              runs,
              '',
              '',
              () => 0,
              () => true,
            ),
    },
  });
  const context = mockContext();
  assert.equal(besideClaim(claim(null), [], context), {});
  const some = besideClaim(claim([true, false]), [], context)!.control!;
  assert.is(some.verdict, 'not decided');
  assert.match(besideControl(judged([true]), some).reason!, /in some seeds$/);
  assert.is(besideControl(judged([false]), some).verdict, 'does not hold');
  const none = besideClaim(claim([false, false]), [], context)!.control!;
  assert.is(besideControl(judged([true]), none).verdict, 'holds');
  assert.is(besideControl(judged([true]), undefined).verdict, 'holds');
});

test('equivalence looks both ways, and needs five seeds', () => {
  const of = (...differences: number[]) => equivalence(differences, 0.05).verdict;
  assert.is(of(0.01, -0.01, 0.02, 0, -0.02), 'holds');
  assert.is(of(-0.31, -0.3, -0.29, -0.3, -0.3), 'does not hold');
  assert.is(of(0.31, 0.3, 0.29, 0.3, 0.3), 'does not hold');
  assert.is(of(0.01, -0.2, 0.2, 0, -0.02), 'not decided');
  assert.is(of(0, 0, 0, 0), 'not tested');
  // scipy.stats.t.ppf(0.95, 4) = 2.132: the interval of these is 0.04 ± 2.132 · 0.01 / sqrt(5).
  const [, low, high] = equivalence([0.03, 0.03, 0.04, 0.05, 0.05], 0.05).compared!;
  assert.ok(Math.abs(low!.values[0]! - (0.04 - 2.132 * Math.sqrt(0.0001 / 5))) < 1e-12);
  assert.ok(Math.abs(high!.values[0]! - (0.04 + 2.132 * Math.sqrt(0.0001 / 5))) < 1e-12);
});

test('the headline is four numbers', () => {
  const row = (nature: ClaimRow['nature'], verdict: ClaimRow['verdict'], expected = verdict) =>
    ({ nature, verdict, expected }) as ClaimRow;
  const rows = [
    row('identity', 'holds'),
    row('law', 'holds'),
    row('law', 'holds', 'does not hold'),
    row('training', 'does not hold'),
    row('training', 'not tested'),
    row('law', 'not decided'),
  ];
  assert.equal(
    fourNumbers(rows).map(({ number }) => number),
    ['1 of 1', '1 of 2', '1 of 1', '2'],
  );
  assert.is(
    inFourNumbers(rows),
    'As registered: identities 1 of 1, laws 1 of 2, training claims 1 of 1; undecided 2.',
  );
  assert.equal(fourNumbers([row(undefined, 'holds')]), []);
});

test('every recorded control of the quick preset has failed its bar', () => {
  const { claims: rows } = JSON.parse(readFileSync('docs/results/quick.json', 'utf8')) as Results;
  for (const { claim, control, uncontrolled: why, verdict } of rows) {
    assert.ok(control || why || verdict === 'not tested', `${claim} has neither a control nor a reason`);
    if (control && verdict === 'holds') assert.is(control.verdict, 'does not hold', claim);
  }
});

test.run();
