/** The parts of examples/browser that need no page: the curve, and time in words. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Point {
  step: number;
  loss: number;
  validNll?: number;
}
interface CurveOf {
  steps: number[];
  losses: number[];
  smoothed: number[];
  add(point: Point): void;
  heldPoints(): [number, number][];
  heldAt(index: number): number | null;
  csv(): string;
}
interface PaceOf {
  stepsPerSecond: number;
  add(step: number, now: number): void;
  secondsLeft(steps: number): number | null;
}
const folder = '../../examples/browser/src';
const { Curve } = (await import(`${folder}/curve.js`)) as {
  Curve: { new (): CurveOf; from(losses: number[], points?: [number, number][]): CurveOf };
};
const { Pace, duration } = (await import(`${folder}/pace.js`)) as {
  Pace: new (step: number, now: number) => PaceOf;
  duration(seconds: number): string;
};

const test = suite('examples: browser page');

test('the smoothed line begins at the first loss, follows a fall, and averages noise away', () => {
  const noise = (i: number) => (i % 2 === 0 ? 0.2 : -0.2);
  const losses = Array.from({ length: 400 }, (_, i) => (i < 20 ? 5 - i / 8 : 2.5) + noise(i));
  const { smoothed } = Curve.from(losses);
  assert.is(smoothed[0], losses[0]);
  assert.ok(Math.abs(smoothed[30] - 2.5) < 0.5, `${smoothed[30]} ten steps after the fall`);
  const late = smoothed.slice(300);
  assert.ok(Math.max(...late) - Math.min(...late) < 0.04, 'the noise of 0.4 is still in it');
  assert.ok(late.every((value) => Math.abs(value - 2.5) < 0.03));
});

test('a curve that goes on step by step is the one that is restored as a whole', () => {
  const losses = [4, 3, 2.5, 2.25, 2.125];
  const whole = Curve.from(losses, [
    [2, 3.1],
    [5, 2.2],
    [9, 1], // of a step that the checkpoint does not have
  ]);
  const grown = new Curve();
  for (const [i, loss] of losses.entries()) {
    grown.add({ step: i + 1, loss, validNll: i === 1 ? 3.1 : i === 4 ? 2.2 : undefined });
  }
  assert.equal(whole, grown);
  assert.equal(whole.heldPoints(), [
    [2, 3.1],
    [5, 2.2],
  ]);
  assert.equal(
    [0, 1, 3, 4].map((i) => whole.heldAt(i)),
    [null, 3.1, 3.1, 2.2],
  );
  const lines = whole.csv().split('\n');
  assert.is(lines[0], 'step,loss,smoothed,unseen_text');
  assert.is(lines[1], '1,4,4,');
  assert.match(lines[2], /^2,3,3\.\d+,3\.1$/);
  assert.is(lines.length, losses.length + 2);
});

test('time left is judged by the last twenty seconds, and not at once', () => {
  const pace = new Pace(100, 0);
  pace.add(102, 400);
  assert.is(pace.secondsLeft(200), null);
  for (let t = 1; t <= 30; t++) pace.add(100 + 10 * t, t * 1000);
  assert.is(pace.secondsLeft(500), 10);
  for (let t = 31; t <= 60; t++) pace.add(400 + (t - 30), t * 1000);
  assert.ok(Math.abs(pace.stepsPerSecond - 1) < 1e-9, 'the fast steps of long ago count no more');
});

test('durations as one says them', () => {
  const said = [3, 12, 48, 57, 62, 130, 3000, 6000, 7200, 100_000, 400_000].map(duration);
  assert.equal(said, [
    'a few seconds',
    '10 seconds',
    '50 seconds',
    '1 minute',
    '1 minute',
    '2 minutes',
    '50 minutes',
    '2 hours',
    '2 hours',
    '28 hours',
    '5 days',
  ]);
});

test.run();
