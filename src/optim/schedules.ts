/**
 * @file Learning-rate schedules: functions from the step (1, 2, …) to the rate, made from plain options so
 * that a checkpoint can say which one it was.
 *
 * With a warm-up of T steps every schedule rises linearly, lr(t) = maxLr · t / T for t <= T (paper, eq. 1).
 * The paper's words "no warm-up" (T = 1) have two readings, both here:
 * - literal: `inverseSqrt({ maxLr, warmupSteps: 1 })` is maxLr / sqrt(t), which falls tenfold in 100 steps;
 * - common tail: `inverseSqrt({ maxLr, warmupSteps: 0, tailStart: T0 })` is maxLr · min(1, sqrt(T0 / t)), so
 *   that runs with different warm-ups differ in their warm-up only.
 */
import { checkOptions, checkValue, integer, notNegative, oneOf, optional } from '../checks.js';
import { ConfigError } from '../errors.js';
import { cos64 } from '../runtime/math.js';

/** The learning rate of a step; steps count 1, 2, …. Any function is one. */
export interface Schedule {
  (step: number): number;
  /** What it was made from, defaults filled in: checkpoints carry it. A function of one's own has none. */
  readonly config?: ScheduleConfig;
  /** The step from which the rate is 0 for good, where there is one: a trainer's `steps` may not go beyond it. */
  readonly endsAt?: number;
}

/** Options of `inverseSqrt`. */
export interface InverseSqrtOptions {
  /** The rate at the end of the warm-up. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. */
  warmupSteps: number;
  /** Step where the decay starts (T0). Default: the end of the warm-up, or 1 without one. */
  tailStart?: number;
}

// Made when asked for: bundlers leave them out then where nothing trains.
const warmup = () => ({ maxLr: notNegative, warmupSteps: integer(0) });
const optionalWarmup = () => ({ maxLr: notNegative, warmupSteps: optional(integer(0)) });

function warm(
  config: ScheduleConfig & { warmupSteps: number },
  after: (step: number) => number,
  endsAt?: number,
): Schedule {
  const { maxLr, warmupSteps } = config;
  const schedule = (step: number): number =>
    step < warmupSteps ? (maxLr * step) / warmupSteps : after(step);
  return Object.assign(schedule, { config, endsAt });
}

/** Linear warm-up, then maxLr · min(1, sqrt(T0 / t)) (paper, section 3.2; Vaswani et al. 2017). */
export function inverseSqrt(options: InverseSqrtOptions): Schedule {
  checkOptions('inverseSqrt', options, { ...warmup(), tailStart: optional(integer(1)) });
  const { maxLr, warmupSteps } = options;
  const tailStart = options.tailStart ?? Math.max(1, warmupSteps);
  const config = { kind: 'inverseSqrt', maxLr, warmupSteps, tailStart } as const;
  return warm(config, (t) => maxLr * Math.min(1, Math.sqrt(tailStart / t)));
}

/** @throws ConfigError for a warm-up that goes on beyond the end, where maxLr is never reached */
function checkRise(
  op: string,
  { warmupSteps, totalSteps }: { warmupSteps: number; totalSteps: number },
): void {
  if (warmupSteps <= totalSteps) return;
  throw new ConfigError(`warmupSteps ${warmupSteps} is beyond totalSteps ${totalSteps}`, {
    op,
    expected: `<= ${totalSteps}`,
    actual: warmupSteps,
    hint: 'shorten the warm-up, or raise totalSteps',
  });
}

/** @throws ConfigError for a fall that ends above where it starts */
function checkFall(op: string, { maxLr, minLr = 0 }: { maxLr: number; minLr?: number }): void {
  if (minLr <= maxLr) return;
  throw new ConfigError(`minLr ${minLr} is above maxLr ${maxLr}`, {
    op,
    expected: `<= ${maxLr}`,
    actual: minLr,
    hint: 'the rate falls from maxLr to minLr',
  });
}

/** Linear warm-up, then linearly to 0 at `totalSteps` (the paper's BERT and RAdam runs). */
export function linearDecay(options: {
  /** The rate at the end of the warm-up. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. */
  warmupSteps: number;
  /** Step at which the rate is 0, and from there on. */
  totalSteps: number;
}): Schedule {
  checkOptions('linearDecay', options, { ...warmup(), totalSteps: integer(1) });
  checkRise('linearDecay', options);
  const { maxLr, warmupSteps, totalSteps } = options;
  return warm(
    { kind: 'linearDecay', maxLr, warmupSteps, totalSteps },
    (t) => maxLr * Math.max(0, (totalSteps - t) / Math.max(1, totalSteps - warmupSteps)),
    totalSteps,
  );
}

/** Linear warm-up, then half a cosine down to `minLr` at `totalSteps`, and `minLr` (default 0) from there on. */
export function cosine(options: {
  /** The rate at the end of the warm-up. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. */
  warmupSteps: number;
  /** Step at which the rate is `minLr`, and from there on. */
  totalSteps: number;
  /** The rate at the end, at most `maxLr`. Default 0. */
  minLr?: number;
}): Schedule {
  checkOptions('cosine', options, { ...warmup(), totalSteps: integer(1), minLr: optional(notNegative) });
  checkRise('cosine', options);
  checkFall('cosine', options);
  const { maxLr, warmupSteps, totalSteps, minLr = 0 } = options;
  const rate = (t: number): number => {
    const progress = Math.min(1, (t - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return minLr + ((maxLr - minLr) * (1 + cos64(Math.PI * progress))) / 2;
  };
  const config = { kind: 'cosine', maxLr, warmupSteps, totalSteps, minLr } as const;
  return warm(config, rate, minLr > 0 ? undefined : totalSteps);
}

/** Linear warm-up, then maxLr for good. */
export function constant(options: {
  /** The rate after the warm-up. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. Default 0. */
  warmupSteps?: number;
}): Schedule {
  checkOptions('constant', options, optionalWarmup());
  const { maxLr, warmupSteps = 0 } = options;
  return warm({ kind: 'constant', maxLr, warmupSteps }, () => maxLr);
}

/** Constant, times `factor` from each of the given steps on (the paper's Pre-LN runs: 0.1 at epoch 8). */
export function stepDecay(options: {
  /** The rate after the warm-up. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. Default 0. */
  warmupSteps?: number;
  /** Steps from which on the rate is multiplied by `factor` once more. */
  steps: readonly number[];
  /** What the rate is multiplied by. Default 0.1. */
  factor?: number;
}): Schedule {
  checkOptions('stepDecay', options, {
    ...optionalWarmup(),
    steps: {
      wanted: 'a list of positive integers',
      holds: (list) => Array.isArray(list) && list.every(integer(1).holds),
    },
    factor: optional(notNegative),
  });
  const { maxLr, warmupSteps = 0, steps, factor = 0.1 } = options;
  const config = { kind: 'stepDecay', maxLr, warmupSteps, steps: [...steps], factor } as const;
  return warm(
    config,
    (t) => config.steps.reduce((lr, at) => (t >= at ? lr * factor : lr), maxLr),
    factor === 0 && steps.length > 0 ? Math.min(...steps) : undefined,
  );
}

/** Options of `wsd`. */
export interface WsdOptions {
  /** The rate of the stable part. */
  maxLr: number;
  /** Steps of linear rise; 0 for none. */
  warmupSteps: number;
  /** Step at which the decay ends. */
  totalSteps: number;
  /** Steps of the decay, the last before `totalSteps`. Default: a tenth of `totalSteps`, at least 1. */
  decaySteps?: number;
  /** How it falls over p = 0 … 1 of the decay: 1 - p (`linear`), half a cosine, or 1 - sqrt(p). Default `linear`. */
  decayShape?: 'linear' | 'cosine' | '1-sqrt';
  /** The rate at `totalSteps` and after. Default 0. */
  minLr?: number;
}

const decayShapes: { [K in NonNullable<WsdOptions['decayShape']>]: (left: number) => number } = {
  linear: (left) => left,
  cosine: (left) => (1 - cos64(Math.PI * left)) / 2,
  '1-sqrt': (left) => 1 - Math.sqrt(1 - left),
};

/**
 * Warm-up, stable, decay: linear warm-up, then `maxLr` up to step `totalSteps - decaySteps`, then down to `minLr` at
 * `totalSteps`, and `minLr` from there on (Hu et al. 2024, "MiniCPM", section 4; the shape 1 - sqrt(p): Hägele et al.
 * 2024). A checkpoint of the stable part can be resumed with a later `totalSteps` as if it had been so from the start.
 * @throws ConfigError when warm-up and decay do not both fit into `totalSteps`, or `minLr` is above `maxLr`.
 */
export function wsd(options: WsdOptions): Schedule {
  checkOptions('wsd', options, {
    ...warmup(),
    totalSteps: integer(1),
    decaySteps: optional(integer(1)),
    decayShape: optional(oneOf(...Object.keys(decayShapes))),
    minLr: optional(notNegative),
  });
  checkRise('wsd', options);
  checkFall('wsd', options);
  const { maxLr, warmupSteps, totalSteps, decayShape = 'linear', minLr = 0 } = options;
  const decaySteps = options.decaySteps ?? Math.max(1, Math.floor(totalSteps / 10));
  if (warmupSteps + decaySteps > totalSteps) {
    throw new ConfigError(
      `warmupSteps ${warmupSteps} and decaySteps ${decaySteps} are more than totalSteps ${totalSteps}`,
      {
        op: 'wsd',
        expected: `decaySteps <= ${totalSteps - warmupSteps}`,
        actual: decaySteps,
        hint: 'shorten one of them, or raise totalSteps',
      },
    );
  }
  const shape = decayShapes[decayShape];
  const config = { kind: 'wsd', maxLr, warmupSteps, totalSteps, decaySteps, decayShape, minLr } as const;
  const rate = (t: number): number => {
    if (t <= totalSteps - decaySteps) return maxLr;
    return minLr + (maxLr - minLr) * shape(Math.max(0, totalSteps - t) / decaySteps);
  };
  return warm(config, rate, minLr > 0 ? undefined : totalSteps);
}

/** A schedule as data. */
export type ScheduleConfig =
  | ({
      /** Name of a schedule; the other keys are the options of the function of that name. */
      kind: 'inverseSqrt';
    } & InverseSqrtOptions)
  | ({ kind: 'linearDecay' } & Parameters<typeof linearDecay>[0])
  | ({ kind: 'cosine' } & Parameters<typeof cosine>[0])
  | ({ kind: 'constant' } & Parameters<typeof constant>[0])
  | ({ kind: 'stepDecay' } & Parameters<typeof stepDecay>[0])
  | ({ kind: 'wsd' } & WsdOptions);

const makers: { [K in ScheduleConfig['kind']]: (options: never) => Schedule } = {
  inverseSqrt,
  linearDecay,
  cosine,
  constant,
  stepDecay,
  wsd,
};

/**
 * The schedule that a configuration describes.
 * @throws ConfigError for an unknown kind or key.
 */
export function makeSchedule(config: ScheduleConfig): Schedule {
  const { kind, ...options } = config;
  checkValue('schedule', 'schedule', kind, oneOf(...Object.keys(makers)));
  return makers[kind](options as never);
}
