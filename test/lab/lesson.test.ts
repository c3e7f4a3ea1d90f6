/**
 * The lesson judges a run by the run's own numbers: the same answer is right in one run and wrong in another, and no
 * sentence claims what a run has not shown.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstLab, type LabConfiguration, type LaneConfiguration } from '../../src/lab/configuration.js';
import { layoutOf } from '../../src/lab/layout.js';
import {
  fadingOf,
  type LessonHistory,
  type LessonLane,
  lastLayersOf,
  lessonLab,
  nearestOf,
  rolesOf,
  standingOf,
  withRate,
} from '../../src/lab/lesson.js';
import { decodeLab } from '../../src/lab/link.js';
import { type LaneResult, runLab } from '../../src/lab/run.js';
import * as words from '../../web/lab/lesson-words.js';

const test = suite('lab: lesson');
const circumstances: words.Circumstances = {
  roles: { post: 0, warmed: 1, pre: 2 },
  token: 'letter',
  layers: 6,
};

function laneOf({ beginning, rows, end }: LaneResult): LessonLane & { history: LessonHistory } {
  const layout = layoutOf(beginning.shape);
  const row = (step: number) => (step === 0 ? beginning.row : rows[step - 1]);
  return { history: { beginning, layout, steps: rows.length, row }, end };
}

async function train(steps: number, ...lanes: Partial<LaneConfiguration>[]) {
  const [like] = firstLab().lanes;
  const lab: LabConfiguration = { ...firstLab(), steps, lanes: lanes.map((lane) => ({ ...like, ...lane })) };
  return (await runLab(lab)).lanes.map(laneOf);
}

/** A history in which nothing but losses is known. */
function withLosses(losses: readonly number[], frequencies = 3): LessonLane {
  const layers = [{ stack: 'encoder' as const, number: 1, blocks: ['attention', 'ffn'] as const }];
  const shape = { layers, width: 8, heads: 1, vocabSize: 9, parameters: 1 };
  const layout = layoutOf(shape);
  const row = (step: number) => new Float64Array(layout.width).fill(losses[step - 1]);
  const beginning = { shape, references: { nothing: 4, frequencies } };
  return { history: { beginning, layout, steps: losses.length, row }, end: 'done' };
}

test('which layer fades is read from the run: the first at the usual rate, none at a sixth of it', async () => {
  const [fast, slow] = await train(12, { placement: 'post' }, { placement: 'post', maxLr: 0.0005 });
  const faded = fadingOf(fast.history);
  assert.is(faded?.layer, 1);
  assert.ok(faded && faded.step <= 10 && faded.share < 0.01, JSON.stringify(faded));
  const kept = fadingOf(slow.history);
  assert.is(kept?.layer, null);
  assert.ok(kept && kept.share > 0.01, JSON.stringify(kept));

  const judge = (found: typeof faded, answer: number | null) =>
    words.faded(found, answer, true, circumstances);
  assert.equal(
    [judge(faded, 1), judge(faded, null), judge(kept, 1), judge(kept, null)].map(({ met }) => met),
    [true, false, false, true],
  );
  assert.match(judge(faded, 3).text, new RegExp(`At step ${faded?.step} .* of layer 6’s`));
  assert.is(words.faded(kept, 1, false, circumstances).met, null, 'nothing is said before the run has ended');
});

test('the last layers are compared at step 1, and the number is another with another seed', async () => {
  const ratios: number[] = [];
  for (const seed of [1, 4]) {
    const [post, pre] = await train(1, { placement: 'post', seed }, { placement: 'pre', seed });
    const found = lastLayersOf(post.history, pre.history);
    assert.ok(found && found.theory > 0.2 && found.theory < 0.6, JSON.stringify(found));
    assert.ok(found.measured > found.theory / 2 && found.measured < 2 * found.theory, JSON.stringify(found));
    ratios.push(found.measured);
    const nearest = nearestOf(words.shares, found.measured);
    assert.is(nearest, 0.5);
    assert.is(words.compared(found, true, 0.5, nearest).met, true);
    assert.is(words.compared(found, true, 2, nearest).met, false);
    assert.is(words.compared(found, false, 0.5, nearest).met, null, 'another step is shown');
    assert.match(words.compared(found, true, 0.5, nearest).text, new RegExp(found.measured.toFixed(2)));
  }
  assert.is.not(ratios[0].toFixed(2), ratios[1].toFixed(2));
});

test('Post-LN without warm-up stays at one rate and trains at another; with another seed it does not yet', async () => {
  const lane = { placement: 'post', seed: 4 } as const;
  const all = await train(68, lane, { ...lane, maxLr: 0.001 }, { ...lane, maxLr: 0.001, seed: 2 });
  const [stays, trains, slower] = all.map((one) => standingOf(one));
  assert.equal(
    [stays?.is, trains?.is, slower?.is],
    ['at', 'trained', 'learning'],
    JSON.stringify([stays, trains, slower]),
  );
  const judge = (at: typeof stays, rate: number, ended = true) =>
    words.trained(at, ended, rate, trains, 0.003, circumstances);
  assert.is(judge(stays, 0.003).met, false);
  assert.match(judge(stays, 0.003).text, /^3\.\d\d, wanted 2\.52\.$/);
  assert.is(judge(slower, 0.001).met, false);
  assert.is(judge(trains, 0.001).met, true);
  assert.match(judge(trains, 0.001).text, /Lane 2 did at 0\.003, with warm-up/);
  assert.is(judge(trains, 0.001, false).met, null);
  // What lane 2 has not done is not said of it.
  assert.not.match(words.trained(trains, true, 0.001, stays, 0.003, circumstances).text, /Lane 2/);
});

test('Pre-LN is broken by what its own loss says', () => {
  const judge = (lane: LessonLane, ended = true) => words.broken(standingOf(lane), ended, 0.1, circumstances);
  assert.is(judge(withLosses([2.1, 2.1])).met, false);
  assert.is(judge(withLosses([2.8, 2.8])).met, false, 'below letter frequencies by more than 0.15');
  assert.is(judge(withLosses([2.9, 2.9])).met, true);
  assert.is(judge(withLosses([3.4, 3.4])).met, true);
  assert.is(judge({ ...withLosses([2.1]), end: 'diverged' }).met, true);
  assert.match(judge({ ...withLosses([2.1]), end: 'diverged' }).lead, /diverges at step 2/);
  assert.is(judge(withLosses([2.9]), false).met, null);
});

test('a standing is a mean of nine steps against letter frequencies', () => {
  assert.is(standingOf({ history: null, end: null }), null);
  assert.is(standingOf(withLosses([])), null);
  const falling = withLosses([9, ...Array.from({ length: 9 }, () => 2)]);
  assert.equal(standingOf(falling), { loss: 2, frequencies: 3, step: 10, is: 'trained' });
  assert.is(standingOf(falling, 9)?.loss, (9 + 8 * 2) / 9);
  const kinds = [3.16, 3.14, 2.86, 2.84, 2.5].map((loss) => standingOf(withLosses([loss]))?.is);
  assert.equal(kinds, ['above', 'at', 'at', 'learning', 'trained']);
});

test('the end of step 2 says where the lane is, and never that Post-LN cannot train', () => {
  const says = (loss: number, guess: number | null) =>
    words.outcome(standingOf(withLosses([loss])), guess, 1, 'letter');
  assert.match(
    says(3.05, 2.25),
    /stays where letter frequencies.*Your line is at 2\.25; lane 1 is at 3\.05\./,
  );
  assert.match(says(2.2, null), /well below letter frequencies all the same\. Lane 1 is at 2\.20\./);
  const everything = [0, 1, 2, 3, 4].map((step) => words.task(step, circumstances)).join(' ');
  assert.not.match(everything, /cannot|never|impossible/i);
  assert.match(everything, /Post-LN can train without warm-up/);
});

test('the lesson finds its lanes wherever they are, and sets them up where one is missing', () => {
  const lab = decodeLab('#1&lane=&lane=p.post,w.50&lane=p.post');
  assert.equal(rolesOf(lab), { post: 2, warmed: 1, pre: 0 });
  const without = decodeLab('#1&task=reverse&s=7&lane=&lane=p.peri');
  assert.is(rolesOf(without), null);
  const set = lessonLab(without);
  assert.equal(rolesOf(set), { post: 0, warmed: 1, pre: 2 });
  assert.equal([set.task, set.lanes[0].seed, set.lanes[3].seed], ['reverse', 7, 7]);
  const lower = withRate(set, 0, 0.001);
  assert.equal(
    lower.lanes.map(({ maxLr }) => maxLr),
    [0.001, 0.003, 0.003, 0.003],
  );
  assert.is(set.lanes[0].maxLr, 0.003);
});

test.run();
