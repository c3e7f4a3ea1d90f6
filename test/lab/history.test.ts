/** What a lane has shown: rows in order, snapshots within their room, theory's lines, costs before the run. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstLab } from '../../src/lab/configuration.js';
import { historyBytes, isAbsurd, laneCost, SNAPSHOT_BYTES } from '../../src/lab/cost.js';
import { csvOfRun } from '../../src/lab/csv.js';
import { LaneHistory } from '../../src/lab/history.js';
import type { LaneBeginning } from '../../src/lab/lane.js';
import { type FromLane, LaneHost } from '../../src/lab/lane-host.js';
import { decodeLab } from '../../src/lab/link.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { runLab } from '../../src/lab/run.js';
import { gradientTheory, hiddenTheory } from '../../src/lab/theory.js';
import { LaneTimes } from '../../web/lab/lane-times.js';

const test = suite('lab: history');
const SMALL = decodeLab('1&n=12&l=2&d=16&b=2&t=16&lane=p.post&lane=p.pre');

test('rows come back by step, and a series is one of their numbers', async () => {
  const { lanes } = await runLab(SMALL);
  const { beginning, rows } = lanes[0];
  const history = new LaneHistory(beginning);
  const all = Float64Array.from(rows.flatMap((row) => [...row]));
  const { width } = history.layout;
  history.add(1, all.slice(0, 5 * width));
  history.add(6, all.slice(5 * width));
  // A lane that begins again says the same once more.
  history.add(1, all.slice(0, 2 * width));
  assert.is(history.steps, 12);
  assert.equal([...(history.row(7) ?? [])], [...rows[6]]);
  assert.is(history.row(13), undefined);
  assert.equal(
    [...history.series(history.layout.loss)],
    rows.map((row) => row[0]),
  );
  const nine = rows.slice(3).reduce((sum, row) => sum + row[0], 0) / 9;
  assert.ok(Math.abs((history.loss(12) ?? 0) - nine) < 1e-12);
  assert.is(history.loss(0), undefined);
  const csv = csvOfRun(SMALL, [history, null]).trim().split('\n');
  assert.is(csv[0], '# prenorm lab #1&n=12&l=2&d=16&b=2&t=16&lane=p.post&lane=');
  assert.is(csv.length, 14);
  assert.equal(csv[13].split(',').slice(2).map(Number), [...rows[11]]);
});

test('a series that was asked for before has the steps that came since', async () => {
  const { lanes } = await runLab({ ...SMALL, steps: 200, lanes: [SMALL.lanes[1]] });
  const { beginning, rows } = lanes[0];
  const history = new LaneHistory(beginning);
  for (const [at, row] of rows.entries()) {
    history.add(at + 1, row);
    if (at % 7 === 0) assert.is(history.series(0).at(-1), row[0]);
  }
  for (const place of [0, 1, history.layout.leaving])
    assert.equal(
      [...history.series(place)],
      rows.map((row) => row[place]),
    );
});

test('the speed of a lane is that of the steps heard of, one by one or many at once', () => {
  const times = new LaneTimes();
  assert.is(times.speed(3), null);
  times.note(0, 0);
  times.note(10, 1);
  assert.is(times.speed(3), 10);
  times.note(30, 2);
  times.note(30, 9);
  assert.is(times.speed(3), 15);
  assert.is(times.speed(1.5), 20);
  assert.equal([...times.perStep()], [...Array(10).fill(10), ...Array(20).fill(20)]);
  for (let step = 31; step <= 500; step++) times.note(step, 2 + (step - 30) / 50);
  assert.ok(Math.abs((times.speed(3) ?? 0) - 50) < 1e-9);
  assert.is(times.perStep().length, 500);
  assert.equal([...new LaneTimes().perStep()], []);
});

test('snapshots are thinned when their room is full; the first and the newest stay', () => {
  const shape = { layers: [], width: 4, heads: 1, vocabSize: 3, parameters: 9 };
  const part = () => [new Float32Array(250_000)];
  const beginning = { shape, row: new Float64Array(4), snapshot: { step: 0, attention: part(), texts: [] } };
  const history = new LaneHistory(beginning as unknown as LaneBeginning);
  for (let step = 10; step <= 1000; step += 10) history.addSnapshot({ step, attention: part(), texts: [] });
  const steps = history.snapshots.map(({ step }) => step);
  assert.ok(steps.length * 1e6 <= SNAPSHOT_BYTES, String(steps.length));
  assert.is(steps[0], 0);
  assert.is(steps.at(-1), 1000);
  assert.ok(history.snapshotAt(505).step <= 505);
});

test('theory has its lines for the placements that it speaks about, scaled to the last layer', () => {
  const post = gradientTheory('post', [1, 1, 1], 0.5) ?? [];
  assert.ok(Math.abs(post[2] - 0.5) < 1e-12 && Math.abs(post[0] - 0.5 * (2 / 3)) < 1e-12, String(post));
  assert.equal(gradientTheory('pre', [1, 4, 9], 1), [3, 1.5, 1]);
  assert.is(gradientTheory('rezero', [1], 1), null);
  assert.equal(
    hiddenTheory('pre', 2, 1).map(({ values }) => values),
    [
      [1.5, 2],
      [2.5, 4],
    ],
  );
  assert.equal(hiddenTheory('peri', 2, 1)[0].values, [3, 5]);
  assert.equal(hiddenTheory('post', 2, 1)[0].values, [1.5, 1.5]);
  assert.equal(hiddenTheory('tfixup', 2, 1), []);
});

test('costs are of the real model, and what is absurd is told without building it', async () => {
  const small = await laneCost(laneRecipe(SMALL, 0));
  const wide = await laneCost(laneRecipe(decodeLab('1&l=2&d=128&b=2&t=16&lane='), 0));
  assert.ok(wide.parameters > 20 * small.parameters, `${wide.parameters} ${small.parameters}`);
  assert.ok(
    wide.bytes - small.bytes > 16 * (wide.parameters - small.parameters),
    `${wide.bytes} ${small.bytes}`,
  );
  const first = firstLab();
  assert.not.ok(isAbsurd(first, first.lanes[0]));
  const huge = decodeLab('1&l=24&d=512&lane=');
  assert.ok(isAbsurd(huge, huge.lanes[0]));
  assert.ok(historyBytes({ ...first, steps: 10_000 }, first.lanes[0]) < 60e6);
});

test('a lane trains as far as it may, and an error crosses with its message', async () => {
  const heard: FromLane[] = [];
  const host = new LaneHost((message) => heard.push(message));
  await host.receive({ type: 'start', recipe: laneRecipe(SMALL, 0) });
  await host.receive({ type: 'until', step: 5 });
  const steps = () => heard.reduce((sum, one) => (one.type === 'rows' ? sum + one.rows.length : sum), 0);
  const [ready] = heard;
  assert.is(ready.type, 'ready');
  const width = (ready as Extract<FromLane, { type: 'ready' }>).beginning.row.length;
  assert.is(steps(), 5 * width);
  await host.receive({ type: 'until', step: 100 });
  assert.is(steps(), 12 * width);
  assert.is(heard.at(-1)?.type, 'ended');
  await host.receive({ type: 'ping' });
  assert.is(heard.at(-1)?.type, 'pong');
  await host.receive({
    type: 'keep',
    place: { link: '1', lane: 0 },
    rows: new Float64Array(12 * width),
    time: 0,
  });
  // Node keeps nothing as browsers do, and says so.
  const kept = heard.at(-1) as Extract<FromLane, { type: 'kept' }>;
  assert.match(kept.trouble?.message ?? '', 'this browser keeps nothing for this page');
  assert.is(kept.step, 12);
  await host.receive({ type: 'start', recipe: laneRecipe({ ...SMALL, steps: 20 }, 0), goOn: true });
  await host.receive({ type: 'until', step: 100 });
  assert.is(steps(), 20 * width);
  const ended = heard.at(-1) as Extract<FromLane, { type: 'ended' }>;
  const whole = await runLab({ ...SMALL, steps: 20, lanes: [SMALL.lanes[0]] });
  assert.is(ended.digest, whole.lanes[0].digest, 'more steps are those of a longer run');
  host.close();
  const short = decodeLab(`1&task=text&lane=&own=${'0'.repeat(64)}.3`);
  await host.receive({ type: 'start', recipe: laneRecipe(short, 0, 'abc') });
  const last = heard.at(-1) as Extract<FromLane, { type: 'failed' }>;
  assert.is(last.type, 'failed');
  assert.match(last.error.message, 'one batch of 8 x 32 needs 257');
});

test.run();
