/** @file How verdicts are reached: made-up runs meet every claim, and one changed value turns one verdict. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  classifyRuns,
  experiments,
  type PresetName,
  type RunRecord,
  type Verdict,
} from '../../src/experiments/index.js';
import { maxOverMin, mean, median, slope } from '../../src/experiments/statistics.js';
import { close } from '../support.js';
import {
  allRuns,
  gradientRun,
  judgeMock,
  LOW_RATE,
  RATE,
  standardRuns,
  trainingRun,
  trainingRuns,
  UNIGRAM,
} from './mock-runs.js';

const test = suite('experiments/claims');
/** The parts whose runs are made up here; what other kinds measure is judged in their own tests. */
const parts = ['fig3', 'fig2', 'fig4', 'fig6', 'tuning'];

function judge(runs: RunRecord[], only = parts, preset: PresetName = 'quick') {
  return judgeMock(runs, only, preset);
}
const verdicts = (runs: RunRecord[]) =>
  Object.fromEntries(judge(runs).map(({ claim, verdict }) => [claim, verdict])) as Record<string, Verdict>;
const expected = Object.fromEntries(judge([]).map((row) => [row.claim, row.expected]));

test('runs as the theory has them give every claim its expected verdict', () => {
  assert.equal(verdicts(allRuns()), expected);
  assert.equal(verdicts(allRuns([1, 2, 3])), expected);
});

test('without runs nothing is judged', () => {
  for (const row of judge([])) {
    assert.is(row.verdict, 'not tested', row.claim);
    assert.ok(row.reason);
    assert.equal(row.runHashes, []);
  }
});

test('every row says how it was judged and by which runs', () => {
  const runs = allRuns([1, 2]);
  const hashes = new Set(runs.map((run) => run.hash));
  for (const row of judge(runs)) {
    assert.ok(row.claim && row.statement && row.figure && row.protocol);
    assert.match(row.command, /^prenorm reproduce --preset quick --only fig\d$/);
    if (row.verdict === 'not tested') continue;
    assert.ok(row.metric && row.threshold && row.perSeed.length > 0 && row.runHashes.length > 0, row.claim);
    assert.is(row.perSeed.length, row.seeds.length, row.claim);
    assert.ok(row.perSeed.every(Number.isFinite), row.claim);
    for (const hash of row.runHashes) assert.ok(hashes.has(hash), row.claim);
    if (row.verdict !== 'holds') assert.ok(row.reason, row.claim);
  }
  const names = experiments.flatMap(({ claims }) => claims.map(({ claim }) => claim));
  assert.is(new Set(names).size, names.length);
});

test('only names the part that is judged', () => {
  const rows = judge(allRuns(), ['fig3']);
  assert.ok(rows.length > 0 && rows.every(({ command }) => command.endsWith('fig3')));
  assert.is(rows.length + judge(allRuns(), ['fig2', 'fig4', 'fig6']).length, judge(allRuns()).length);
});

/** A change to one run, and the verdicts that must turn. */
const find = (runs: RunRecord[], id: string) => runs.find((run) => run.id === id) as RunRecord;
const changes: [name: string, change: (runs: RunRecord[]) => void, turned: Record<string, Verdict>][] = [
  [
    'Post-LN without warm-up learns a quarter of the way',
    (runs) => (find(runs, `translation-post-none-${RATE}-s1`).finalValidNll = 5.49),
    // A rate that lets Post-LN learn at the common one is no rescue by a lower one.
    { 'post-needs-warmup': 'does not hold', 'lower-rate-rescues-post': 'not decided' },
  ],
  [
    'Post-LN with warm-up stays behind at the common rate',
    (runs) => (find(runs, `translation-post-warmup-${RATE}-s1`).finalValidNll = 4.31),
    { 'warmup-rescues-post': 'does not hold' },
  ],
  [
    'Pre-LN without warm-up stays behind',
    (runs) => (find(runs, `translation-pre-none-${RATE}-s1`).finalValidNll = 4.31),
    { 'pre-trains-without-warmup': 'does not hold' },
  ],
  [
    'Pre-LN without warm-up diverges',
    (runs) => (find(runs, `translation-pre-none-${RATE}-s1`).finalValidNll = undefined),
    { 'pre-trains-without-warmup': 'does not hold' },
  ],
  [
    'the lower rate does not help',
    (runs) => (find(runs, `translation-post-none-${LOW_RATE}-s1`).finalValidNll = 5.6),
    { 'lower-rate-rescues-post': 'does not hold' },
  ],
  [
    "Post-LN's gradient falls at the largest depth",
    (runs) => scaleDepth(runs, 'toy', 'post', 14, 0.7),
    { 'post-gradient-flat': 'does not hold' },
  ],
  [
    "Pre-LN's gradient does not fall",
    (runs) => scaleDepth(runs, 'toy', 'pre', 14, 1.4),
    { 'pre-gradient-falls': 'does not hold' },
  ],
  [
    "Pre-LN's gradient falls, but unevenly",
    (runs) => scaleDepth(runs, 'toy', 'pre', 10, 1.16),
    { 'pre-gradient-falls': 'does not hold' },
  ],
  [
    'the ratio is off at one depth',
    (runs) => {
      const { measured } = find(runs, 'law-last-layer-pre-32');
      measured!['w2@10'] = (measured!['w2@10'] as number[]).map((v) => 1.04 * v);
    },
    { 'pre-post-ratio': 'does not hold' },
  ],
  [
    'one layer leaves its bounds',
    (runs) => setHidden(runs, 'theory', 'pre', 14, 3, 8),
    { 'hidden-norms': 'does not hold' },
  ],
  [
    "Post-LN's hidden states are larger",
    (runs) => {
      for (const L of [6, 8, 10, 12, 14])
        for (let l = 0; l < L; l++) setHidden(runs, 'theory', 'post', L, l, 1.6);
    },
    { 'hidden-norms': 'does not hold' },
  ],
  [
    "Peri-LN's last hidden state is 6 % larger",
    (runs) => setHidden(runs, 'theory', 'peri', 8, 7, 17 * 1.06),
    { 'peri-hidden-linear': 'does not hold' },
  ],
  ['the Pre-LN profile is flat after all', (runs) => flatten(runs, 6), { 'pre-profile-flat': 'holds' }],
  [
    'one layer of twelve is off the law',
    (runs) => {
      for (const point of points(runs, 'toy', 'pre')) if (point.numLayers === 12) point.encoder[4].w2 *= 1.3;
    },
    { 'pre-profile-law': 'does not hold' },
  ],
];

const points = (runs: RunRecord[], setting: string, placement: string) =>
  find(runs, `gradients-${setting}-${placement}`).points as NonNullable<RunRecord['points']>;

function scaleDepth(runs: RunRecord[], setting: string, placement: string, L: number, factor: number): void {
  for (const point of points(runs, setting, placement)) {
    if (point.numLayers === L) for (const layer of point.encoder) layer.w2 *= factor;
  }
}

function setHidden(
  runs: RunRecord[],
  setting: string,
  placement: string,
  L: number,
  l: number,
  value: number,
): void {
  for (const point of points(runs, setting, placement))
    if (point.numLayers === L) point.encoder[l].hidden = value;
}

function flatten(runs: RunRecord[], L: number): void {
  for (const point of points(runs, 'toy', 'pre')) {
    if (point.numLayers === L) for (const layer of point.encoder) layer.w2 = point.encoder[L - 1].w2;
  }
}

for (const [name, change, turned] of changes) {
  test(`${name}: that verdict turns and no other`, () => {
    const runs = allRuns();
    change(runs);
    assert.equal(verdicts(runs), { ...expected, ...turned });
  });
}

test('seeds that disagree leave a claim undecided', () => {
  const runs = allRuns([1, 2, 3]);
  find(runs, `translation-post-none-${RATE}-s2`).finalValidNll = 4.5;
  const row = judge(runs).find(({ claim }) => claim === 'post-needs-warmup')!;
  assert.is(row.verdict, 'not decided');
  assert.equal(row.seeds, [1, 2, 3]);
  row.perSeed.forEach((p, i) => {
    close(p, [0.05, 0.75, 0.05][i], 1e-12);
  });
});

test('the lower rate is the best of all lower ones', () => {
  const runs = [...allRuns(), trainingRun('post', false, 0.001, 5.8)];
  assert.is(verdicts(runs)['lower-rate-rescues-post'], 'holds');
  const none = allRuns().filter((run) => !run.id.includes(`-${LOW_RATE}-`));
  assert.is(verdicts(none)['lower-rate-rescues-post'], 'not tested');
});

const status = (nll: number | undefined) => {
  const run = trainingRun('pre', false, RATE, nll);
  const runs = [trainingRun('post', true, LOW_RATE, 4), trainingRun('post', true, RATE, 5), run];
  classifyRuns(runs, UNIGRAM);
  return [run.status, run.progress];
};

test('progress is measured from the unigram level to the best Post-LN with warm-up; bars are 0.25 and 0.85', () => {
  assert.equal(status(6), ['failed', 0]);
  assert.equal(status(4), ['trained', 1]);
  assert.equal(status(3), ['trained', 1.5]);
  assert.equal(status(5.5), ['behind', 0.25]);
  assert.is(status(5.5 + 1e-9)[0], 'failed');
  assert.is(status(4.3 - 1e-9)[0], 'trained');
  assert.is(status(4.3 + 1e-6)[0], 'behind');
  assert.equal(status(7), ['failed', -0.5]);
});

test('a run on a bar has reached it', () => {
  const at = (p: number) => {
    const run = trainingRun('pre', false, RATE, 20 - 20 * p);
    classifyRuns([trainingRun('post', true, RATE, 0), run], 20);
    return [run.status, run.progress];
  };
  assert.equal(
    [at(0.25), at(0.85)],
    [
      ['behind', 0.25],
      ['trained', 0.85],
    ],
  );
});

test('no number, or one more than 1 above the unigram level, is diverged', () => {
  for (const nll of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 7 + 1e-9]) {
    assert.equal(status(nll), ['diverged', undefined]);
  }
});

test('a diverged Post-LN run counts as one that did not train', () => {
  const runs = allRuns();
  find(runs, `translation-post-none-${RATE}-s1`).finalValidNll = undefined;
  const row = judge(runs).find(({ claim }) => claim === 'post-needs-warmup')!;
  assert.equal([row.verdict, row.perSeed], ['holds', [Number.NEGATIVE_INFINITY]]);
});

test('progress is relative to the reference of the same seed', () => {
  const runs = [...trainingRuns(1), ...trainingRuns(2)];
  for (const run of runs) if (run.seed === 2) run.finalValidNll = (run.finalValidNll as number) + 1;
  classifyRuns(runs, UNIGRAM);
  close(find(runs, `translation-post-warmup-${LOW_RATE}-s1`).progress as number, 1, 1e-12);
  close(find(runs, `translation-post-warmup-${LOW_RATE}-s2`).progress as number, 1, 1e-12);
  close(find(runs, `translation-post-warmup-${RATE}-s2`).progress as number, 0.8, 1e-12);
});

test('where no reference learnt anything, runs are measured and claims not tested, with that reason', () => {
  const runs = trainingRuns();
  for (const run of runs) if (run.id.includes('post-warmup')) run.finalValidNll = 6.2;
  find(runs, `translation-pre-none-${RATE}-s1`).finalValidNll = 6.5;
  const rows = judge(runs, ['fig2', 'fig4', 'fig6']);
  assert.ok(runs.every((run) => run.status === 'measured' && run.progress === undefined));
  for (const row of rows) assert.is(row.verdict, 'not tested');
  assert.match(rows[0].reason as string, 'no Post-LN run with warm-up');
});

const standard = (runs: RunRecord[]) =>
  Object.fromEntries(judge(runs, parts.slice(1), 'standard').map((row) => [row.claim, row.verdict]));
const standardExpected = Object.fromEntries(
  judge([], parts.slice(1), 'standard').map((row) => [row.claim, row.expected]),
);

test('standard: runs as expected give every claim its expected verdict', () => {
  assert.equal(standard(standardRuns()), standardExpected);
});

const at = (runs: RunRecord[], id: string, nll: number | undefined) => {
  for (const run of runs) if (run.id.startsWith(`translation-${id}-s`)) run.finalValidNll = nll;
};
const standardChanges: [
  name: string,
  change: (runs: RunRecord[]) => void,
  turned: Record<string, Verdict>,
][] = [
  [
    'the literal schedule learns',
    (runs) => at(runs, `post-none-${RATE}-literal`, 5),
    { 'post-needs-warmup-literal': 'does not hold' },
  ],
  [
    'the full warm-up is the best at both rates',
    (runs) => at(runs, `post-none-${RATE / 2}-short`, 4.5),
    { 'warmup-length-order': 'holds' },
  ],
  [
    'SGD does worse without warm-up',
    (runs) => at(runs, 'post-none-0.2-sgd', 5.2),
    { 'sgd-needs-warmup': 'holds' },
  ],
  [
    'SGD learns nothing at all',
    (runs) => {
      for (const rate of [0.1, 0.2]) at(runs, `post-warmup-${rate}-sgd`, 5.9);
    },
    { 'sgd-needs-warmup': 'not tested' },
  ],
  [
    'warm-up rescues it under one initialisation',
    (runs) => at(runs, `post-warmup-${RATE / 2}-init-torch`, 4.2),
    { 'post-needs-warmup-any-init': 'not decided' },
  ],
  [
    'the step decay fails',
    (runs) => at(runs, `pre-none-${RATE}-step`, 5),
    { 'pre-trains-on-step-decay': 'does not hold' },
  ],
  [
    'RAdam rescues Post-LN',
    (runs) => at(runs, `post-none-${RATE}-radam-default`, 4.2),
    { 'radam-rescues-post': 'holds' },
  ],
  [
    'RAdam rescues Post-LN, and so does Adam under its schedule',
    (runs) => {
      at(runs, `post-none-${RATE}-radam-default`, 4.2);
      at(runs, `post-none-${RATE}-adam-linear`, 4.2);
    },
    // RAdam's other claim loses its control too: Post-LN's optimizers now differ by less.
    { 'radam-rescues-post': 'not decided' },
  ],
  [
    'RAdam differs from Adam for Pre-LN',
    (runs) => at(runs, `pre-none-${RATE}-radam`, 3),
    { 'radam-is-adam-for-pre': 'does not hold' },
  ],
  [
    'the small rate is the best of all',
    (runs) => at(runs, `post-none-${RATE / 10}-small`, 4),
    { 'small-rate-between': 'does not hold' },
  ],
  [
    'Peri-LN diverges',
    (runs) => at(runs, `peri-none-${RATE}`, undefined),
    { 'peri-trains-without-warmup': 'does not hold' },
  ],
  [
    'Pre-LN fails in one cell of the grid',
    (runs) => at(runs, `pre-warmup-${RATE / 2}`, 5.9),
    { 'pre-needs-less-tuning': 'does not hold' },
  ],
  [
    'Pre-LN is as good at the lowest rate as elsewhere',
    (runs) => {
      at(runs, `pre-warmup-${LOW_RATE}`, 3.6);
      at(runs, `pre-none-${LOW_RATE}`, 3.6);
    },
    { 'pre-needs-less-tuning-everywhere': 'holds' },
  ],
];
for (const [name, change, turned] of standardChanges) {
  test(`standard, ${name}: that verdict turns and no other`, () => {
    const runs = standardRuns();
    change(runs);
    assert.equal(standard(runs), { ...standardExpected, ...turned });
  });
}

test('gradient runs are left alone by the classification', () => {
  const run = gradientRun('toy', 'post');
  classifyRuns([run], UNIGRAM);
  assert.equal([run.status, run.progress], ['measured', undefined]);
});

test('the statistics under the verdicts', () => {
  assert.is(mean([1, 2, 6]), 3);
  assert.equal([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  const unsorted = [3, 1, 2];
  median(unsorted);
  assert.equal(unsorted, [3, 1, 2]);
  close(slope([0, 1, 2, 3], [1, 3, 5, 7]), 2, 1e-12);
  close(slope([1, 2, 3], [2, 1, 3]), 0.5, 1e-12);
  assert.is(maxOverMin([2, 8, 4]), 4);
});

test.run();
