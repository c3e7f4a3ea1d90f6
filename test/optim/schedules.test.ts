/** @file Learning-rate schedules against their formulas. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  constant,
  cosine,
  inverseSqrt,
  linearDecay,
  makeSchedule,
  type Schedule,
  type ScheduleConfig,
  stepDecay,
  type WsdOptions,
  wsd,
} from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { close, refusal } from '../support.js';

const test = suite('optim/schedules');
await init();

test('inverse square root: lr(1) = maxLr / T, lr(T) = maxLr, lr(4T) = maxLr / 2', () => {
  for (const T of [1, 7, 400, 4000]) {
    const lr = inverseSqrt({ maxLr: 1e-3, warmupSteps: T });
    assert.is(lr(1), 1e-3 / T);
    assert.is(lr(T), 1e-3);
    assert.is(lr(4 * T), 5e-4);
    if (T > 1) assert.ok(lr(T - 1) < lr(T));
    assert.ok(lr(T + 1) < lr(T));
  }
});

test('"no warm-up", read literally, is maxLr / sqrt(t)', () => {
  const lr = inverseSqrt({ maxLr: 2e-3, warmupSteps: 1 });
  for (const t of [1, 2, 9, 100]) close(lr(t), 2e-3 / Math.sqrt(t), 1e-18);
  assert.is(lr(100), 2e-4);
  assert.equal([1, 5, 50].map(inverseSqrt({ maxLr: 2e-3, warmupSteps: 0 })), [1, 5, 50].map(lr));
});

test('"no warm-up" with a common tail differs from the warmed-up schedule before T0 only', () => {
  const warm = inverseSqrt({ maxLr: 2e-3, warmupSteps: 200, tailStart: 200 });
  const cold = inverseSqrt({ maxLr: 2e-3, warmupSteps: 0, tailStart: 200 });
  for (const t of [1, 50, 199]) {
    assert.is(cold(t), 2e-3);
    assert.ok(warm(t) < cold(t));
  }
  for (const t of [200, 201, 800, 5000]) assert.is(warm(t), cold(t));
});

test('a warm-up shorter than the tail holds the maximal rate in between', () => {
  const lr = inverseSqrt({ maxLr: 1, warmupSteps: 10, tailStart: 100 });
  assert.equal([lr(5), lr(10), lr(99), lr(100), lr(400)], [0.5, 1, 1, 1, 0.5]);
});

test('linear decay reaches 0 at the last step and stays there', () => {
  const lr = linearDecay({ maxLr: 1, warmupSteps: 10, totalSteps: 110 });
  assert.equal([lr(1), lr(10), lr(60), lr(110), lr(111)], [0.1, 1, 0.5, 0, 0]);
  assert.is(linearDecay({ maxLr: 1, warmupSteps: 0, totalSteps: 4 })(1), 0.75);
});

test('cosine: half way down after half of the steps, minLr at the end and after', () => {
  const lr = cosine({ maxLr: 1, minLr: 0.2, warmupSteps: 10, totalSteps: 110 });
  assert.is(lr(10), 1);
  close(lr(60), 0.6, 1e-15);
  close(lr(35), 0.2 + (0.8 * (1 + Math.SQRT1_2)) / 2, 1e-15);
  close(lr(110), 0.2, 1e-15);
  assert.is(lr(1000), lr(110));
  close(cosine({ maxLr: 1, warmupSteps: 0, totalSteps: 10 })(10), 0, 1e-15);
});

test('constant and step decay', () => {
  const flat = constant({ maxLr: 0.5, warmupSteps: 4 });
  assert.equal([flat(1), flat(4), flat(1e6)], [0.125, 0.5, 0.5]);
  assert.is(constant({ maxLr: 0.5 })(1), 0.5);
  const steps = stepDecay({ maxLr: 1, steps: [8, 12], factor: 0.5 });
  assert.equal([1, 7, 8, 11, 12, 99].map(steps), [1, 1, 0.5, 0.5, 0.25, 0.25]);
  close(stepDecay({ maxLr: 1, warmupSteps: 2, steps: [8] })(8), 0.1, 1e-17);
});

test('warm-up, stable, decay: the rate at every boundary', () => {
  const options = { maxLr: 1, warmupSteps: 10, totalSteps: 110, decaySteps: 20 } as const;
  const at = (more: Partial<WsdOptions>, ...steps: number[]) => steps.map(wsd({ ...options, ...more }));
  assert.equal(at({}, 1, 5, 9, 10, 11, 50, 89, 90), [0.1, 0.5, 0.9, 1, 1, 1, 1, 1]);
  assert.equal(at({}, 91, 95, 100, 109, 110, 111, 1e6), [0.95, 0.75, 0.5, 0.05, 0, 0, 0]);
  const half = at({ minLr: 0.5 }, 90, 91, 100, 109, 110, 111, 1e6);
  assert.equal(half, [1, 0.975, 0.75, 0.525, 0.5, 0.5, 0.5]);
  for (const [decayShape, quarter, middle] of [
    ['cosine', (1 + Math.SQRT1_2) / 2, 0.5],
    ['1-sqrt', 0.5, 1 - Math.SQRT1_2],
  ] as const) {
    const [before, start, first, second, end, after] = at({ decayShape }, 89, 90, 95, 100, 110, 111);
    assert.equal([before, start, end, after], [1, 1, 0, 0], decayShape);
    close(first, quarter, 1e-15);
    close(second, middle, 1e-15);
    assert.equal(at({ decayShape, minLr: 0.25 }, 90, 110, 1e6), [1, 0.25, 0.25], decayShape);
  }
  // Nothing between warm-up and decay, nothing but decay, and a floor that is the rate itself.
  assert.equal(at({ decaySteps: 100 }, 9, 10, 11, 60, 110), [0.9, 1, 0.99, 0.5, 0]);
  assert.equal(
    [1, 3, 4].map(wsd({ maxLr: 1, warmupSteps: 0, totalSteps: 4, decaySteps: 4 })),
    [0.75, 0.25, 0],
  );
  assert.equal(at({ minLr: 1 }, 10, 100, 110), [1, 1, 1]);
  // A tenth of all steps is the default, one step at least.
  const byDefault = { maxLr: 1, warmupSteps: 0 };
  assert.equal([94, 95, 96, 104].map(wsd({ ...byDefault, totalSteps: 104 })), [1, 0.9, 0.8, 0]);
  assert.equal([2, 3].map(wsd({ ...byDefault, totalSteps: 3 })), [1, 0]);
});

test('every schedule rises to maxLr at the end of its warm-up and never exceeds it', () => {
  const schedules: Schedule[] = [
    inverseSqrt({ maxLr: 3, warmupSteps: 20 }),
    linearDecay({ maxLr: 3, warmupSteps: 20, totalSteps: 60 }),
    cosine({ maxLr: 3, warmupSteps: 20, totalSteps: 60 }),
    constant({ maxLr: 3, warmupSteps: 20 }),
    stepDecay({ maxLr: 3, warmupSteps: 20, steps: [30] }),
    wsd({ maxLr: 3, warmupSteps: 20, totalSteps: 60 }),
    wsd({ maxLr: 3, warmupSteps: 20, totalSteps: 60, decaySteps: 40, decayShape: '1-sqrt' }),
  ];
  for (const lr of schedules) {
    const values = Array.from({ length: 100 }, (_, i) => lr(i + 1));
    assert.is(Math.max(...values), 3);
    assert.is(values.indexOf(3), 19);
    assert.is(values[9], 1.5);
    assert.ok(values.every((v) => v >= 0));
  }
});

test('a schedule from data equals the one from the function', () => {
  const cases: [ScheduleConfig, Schedule][] = [
    [{ kind: 'inverseSqrt', maxLr: 1, warmupSteps: 3 }, inverseSqrt({ maxLr: 1, warmupSteps: 3 })],
    [
      { kind: 'linearDecay', maxLr: 1, warmupSteps: 3, totalSteps: 9 },
      linearDecay({ maxLr: 1, warmupSteps: 3, totalSteps: 9 }),
    ],
    [
      { kind: 'cosine', maxLr: 1, warmupSteps: 3, totalSteps: 9 },
      cosine({ maxLr: 1, warmupSteps: 3, totalSteps: 9 }),
    ],
    [{ kind: 'constant', maxLr: 1 }, constant({ maxLr: 1 })],
    [{ kind: 'stepDecay', maxLr: 1, steps: [2, 5] }, stepDecay({ maxLr: 1, steps: [2, 5] })],
    [
      { kind: 'wsd', maxLr: 1, warmupSteps: 3, totalSteps: 9 },
      wsd({ maxLr: 1, warmupSteps: 3, totalSteps: 9 }),
    ],
  ];
  for (const [config, schedule] of cases) {
    const made = makeSchedule(JSON.parse(JSON.stringify(config)));
    for (let t = 1; t < 12; t++) assert.is(made(t), schedule(t));
  }
});

test('a schedule says what it was made from, and from which step its rate is 0', () => {
  const warm = { maxLr: 1, warmupSteps: 2 };
  const cases: [Schedule, ScheduleConfig, number | undefined][] = [
    [inverseSqrt(warm), { kind: 'inverseSqrt', ...warm, tailStart: 2 }, undefined],
    [linearDecay({ ...warm, totalSteps: 9 }), { kind: 'linearDecay', ...warm, totalSteps: 9 }, 9],
    [cosine({ ...warm, totalSteps: 9 }), { kind: 'cosine', ...warm, totalSteps: 9, minLr: 0 }, 9],
    [
      cosine({ ...warm, totalSteps: 9, minLr: 0.1 }),
      { kind: 'cosine', ...warm, totalSteps: 9, minLr: 0.1 },
      undefined,
    ],
    [constant({ maxLr: 1 }), { kind: 'constant', maxLr: 1, warmupSteps: 0 }, undefined],
    [
      stepDecay({ ...warm, steps: [7, 5] }),
      { kind: 'stepDecay', ...warm, steps: [7, 5], factor: 0.1 },
      undefined,
    ],
    [
      stepDecay({ ...warm, steps: [7, 5], factor: 0 }),
      { kind: 'stepDecay', ...warm, steps: [7, 5], factor: 0 },
      5,
    ],
    [
      wsd({ ...warm, totalSteps: 9 }),
      { kind: 'wsd', ...warm, totalSteps: 9, decaySteps: 1, decayShape: 'linear', minLr: 0 },
      9,
    ],
    [
      wsd({ ...warm, totalSteps: 9, decaySteps: 4, decayShape: 'cosine', minLr: 0.1 }),
      { kind: 'wsd', ...warm, totalSteps: 9, decaySteps: 4, decayShape: 'cosine', minLr: 0.1 },
      undefined,
    ],
  ];
  for (const [schedule, config, endsAt] of cases) {
    assert.equal(schedule.config, config);
    assert.is(schedule.endsAt, endsAt, config.kind);
    if (endsAt !== undefined) {
      assert.ok(schedule(endsAt - 1) > 0);
      for (const t of [endsAt, endsAt + 1, endsAt + 100]) close(schedule(t), 0, 1e-16);
    } else assert.ok(schedule(1000) > 0);
    // From its own configuration it is made again.
    const made = makeSchedule(JSON.parse(JSON.stringify(schedule.config)));
    for (let t = 1; t < 12; t++) assert.is(made(t), schedule(t));
  }
});

test('unknown kinds, unknown keys and values out of range are refused by name', () => {
  const wrong: [object, string][] = [
    [
      { kind: 'linear', maxLr: 1 },
      'schedule must be one of inverseSqrt, linearDecay, cosine, constant, stepDecay, wsd, got "linear"',
    ],
    [{ kind: 'toString', maxLr: 1 }, 'schedule must be one of'],
    [{ maxLr: 1 }, 'got undefined'],
    [{ kind: 'inverseSqrt', maxLr: 1, warmupStep: 5 }, 'did you mean "warmupSteps"?'],
    [{ kind: 'constant', maxLr: 1, warmup: 5 }, 'unknown key "warmup"'],
    [{ kind: 'stepDecay', maxLr: 1, steps: [2], gamma: 0.5 }, 'unknown key "gamma"'],
    [{ kind: 'cosine', maxLr: 1, warmupSteps: 0, totalStep: 9 }, 'did you mean "totalSteps"?'],
    [{ kind: 'inverseSqrt', maxLr: Number.NaN, warmupSteps: 5 }, 'maxLr must be'],
    [{ kind: 'inverseSqrt', maxLr: -1, warmupSteps: 5 }, 'maxLr must be'],
    [{ kind: 'inverseSqrt', maxLr: 1, warmupSteps: 1.5 }, 'warmupSteps must be'],
    [{ kind: 'inverseSqrt', maxLr: 1 }, 'warmupSteps must be'],
    [{ kind: 'inverseSqrt', maxLr: 1, warmupSteps: 1, tailStart: 0 }, 'tailStart must be'],
    [{ kind: 'linearDecay', maxLr: 1, warmupSteps: 1 }, 'totalSteps must be'],
    [{ kind: 'constant', warmupSteps: 1 }, 'maxLr must be'],
    [{ kind: 'stepDecay', maxLr: 1 }, 'steps must be'],
    [{ kind: 'stepDecay', maxLr: 1, steps: ['8'] }, 'steps must be'],
    [{ kind: 'stepDecay', maxLr: 1, steps: [8], factor: -1 }, 'factor must be'],
    [{ kind: 'wsd', maxLr: 1, warmupSteps: 1 }, 'totalSteps must be'],
    [{ kind: 'wsd', maxLr: 1, warmupSteps: 1, totalSteps: 9, decayStep: 1 }, 'did you mean "decaySteps"?'],
    [{ kind: 'wsd', maxLr: 1, warmupSteps: 1, totalSteps: 9, decaySteps: 0 }, 'decaySteps must be'],
    [
      { kind: 'wsd', maxLr: 1, warmupSteps: 1, totalSteps: 9, decayShape: 'sqrt' },
      'decayShape must be one of linear, cosine, 1-sqrt, got "sqrt"',
    ],
    [{ kind: 'wsd', maxLr: 1, warmupSteps: 1, totalSteps: 9, minLr: 2 }, 'minLr 2 is above maxLr 1'],
    [
      { kind: 'wsd', maxLr: 1, warmupSteps: 6, totalSteps: 9, decaySteps: 4 },
      'warmupSteps 6 and decaySteps 4 are more than totalSteps 9',
    ],
  ];
  for (const [config, says] of wrong) {
    const error = refusal(() => makeSchedule(config as ScheduleConfig));
    assert.is(error.code, 'CONFIG', JSON.stringify(config));
    assert.match(error.message, says);
  }
});

test('a warm-up beyond the end is refused: maxLr would never be reached', () => {
  for (const make of [cosine, linearDecay, wsd]) {
    assert.throws(
      () => make({ maxLr: 0.1, warmupSteps: 10, totalSteps: 5 }),
      /warmupSteps 10 is beyond totalSteps 5/,
    );
  }
});

test.run();
