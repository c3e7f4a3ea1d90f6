/** @file Rows about whole training steps: speed, where the time goes, what threads bring. */
import { ARITHMETICS, type Arithmetic } from '../runtime/arithmetic.js';
import { capabilities } from '../runtime/capabilities.js';
import { createRuntime } from '../runtime/init.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import type { Conditions } from './conditions.js';
import { type KernelTime, KernelTimers } from './kernel-timers.js';
import { beside, type Plan, peakName, peakOf } from './measure-machine.js';
import { buildStep, type Step, type StepName } from './models.js';
import { makeRow, missingRow, type Row } from './row.js';
import { targets } from './targets.js';
import { type Clock, inTurns, leastDisturbed, type Timed, timed, untilNarrow } from './timing.js';

export interface StepOptions {
  arithmetic: Arithmetic;
  threads: number | 'auto';
  seed: number;
}

/** Steps before timing: engines optimise a kernel after some calls. */
const WARMUP_MS = 400;

export const stepRow = (name: StepName): string => `step ${name}`;

/** Milliseconds per update and model FLOPs over the peak loop. */
export async function measureSteps(
  plan: Plan,
  names: readonly StepName[],
  { arithmetic, threads, seed }: StepOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  const peak = await peakOf(ARITHMETICS[arithmetic].build);
  if (!peak) return names.map((name) => missingStep(name, 'relaxed SIMD is not available'));
  plan.onProgress(`whole steps, ${names.join(', ')}`);
  const yardstick = timed(peak.run, plan.sampleMs / 2, 10);
  const subjects: { name: StepName; step: Step; work: Timed; threads: string }[] = [];
  for (const name of names) {
    const runtime = await createRuntime({ arithmetic, threads });
    const step = await buildStep(name, runtime, seed);
    const count = threadsOf(runtime);
    const work = timedStep(step, 5 * plan.sampleMs, count === 1 ? 'processor' : 'wall');
    subjects.push({ name, step, work, threads: `${count} thread${count === 1 ? '' : 's'}` });
  }
  const { times, conditions } = await inTurns(
    subjects.map(({ work }) => beside({ ...yardstick, clock: work.clock }, work)),
    plan,
  );
  subjects.forEach(({ name, step, threads }, i) => {
    const [peaks, own] = times[i];
    rows.push(
      makeRow({
        name: stepRow(name),
        unit: 'ms',
        samples: own,
        reference: peakName(ARITHMETICS[arithmetic].build),
        shares: own.map((ms, round) => step.flops / ms / (peak.flops / peaks[round])),
        better: 'higher',
        target: targets.step[name],
        conditions,
        note: `${(step.flops / 1e6).toFixed(0)} MFLOP of the model, ${threads}`,
      }),
    );
  });
  return rows;
}

function missingStep(name: StepName, note: string): Row {
  return missingRow({
    name: stepRow(name),
    unit: 'ms',
    better: 'higher',
    target: targets.step[name],
    note,
  });
}

/** Samples are whole turns through the step's batches. */
export function timedStep(step: Step, sampleMs: number, clock: Clock = 'processor'): Timed {
  const { run, repeats } = timed(step.run, sampleMs, WARMUP_MS);
  return { run, repeats: Math.ceil(repeats / step.cycle) * step.cycle, clock };
}

const threadsOf = (runtime: Runtime): number => withRuntime(runtime, capabilities).threads;

/** Kernels with less than this part of a step are summed up in one row. */
const SMALL_SHARE = 0.02;

/** Where the time of a step goes, kernel by kernel, in runs of their own because timing costs something. */
export async function measureSplit(
  plan: Plan,
  names: readonly StepName[],
  { arithmetic, seed }: StepOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    plan.onProgress(`split by kernel, ${name}`);
    const runtime = await createRuntime({ arithmetic, threads: 1 });
    const timers = new KernelTimers(runtime);
    const step = await buildStep(name, runtime, seed);
    const subject = timedStep(step, 5 * plan.sampleMs);
    const walls: number[] = [];
    const kernels: Map<string, number>[] = [];
    const round = (): number[] => {
      const { wall, totals } = leastDisturbed(() => {
        timers.reset();
        const before = performance.now();
        for (let i = 0; i < subject.repeats; i++) subject.run();
        return { wall: performance.now() - before - timers.cost(), totals: timers.totals() };
      });
      walls.push(wall / subject.repeats);
      kernels.push(perStep(totals, subject.repeats));
      return [inKernels(kernels[kernels.length - 1]) / walls[walls.length - 1]];
    };
    const conditions = await untilNarrow([round], plan);
    rows.push(...splitRows(name, walls, kernels, conditions));
    if (name === 'tiny') rows.push(dispatchRow(name, walls, kernels, conditions));
  }
  return rows;
}

function perStep(totals: readonly KernelTime[], steps: number): Map<string, number> {
  return new Map(totals.map(({ name, ms }) => [name, ms / steps]));
}

const inKernels = (kernels: Map<string, number>): number =>
  [...kernels.values()].reduce((sum, ms) => sum + ms, 0);

function splitRows(
  name: StepName,
  walls: number[],
  rounds: Map<string, number>[],
  conditions: Conditions,
): Row[] {
  const names = [...new Set(rounds.flatMap((kernels) => [...kernels.keys()]))];
  const times = new Map(names.map((kernel) => [kernel, rounds.map((round) => round.get(kernel) ?? 0)]));
  const total = walls.reduce((sum, ms) => sum + ms, 0);
  const large = names.filter(
    (kernel) => (times.get(kernel) as number[]).reduce((sum, ms) => sum + ms, 0) >= SMALL_SHARE * total,
  );
  const row = (label: string, samples: number[]): Row =>
    makeRow({
      name: `${stepRow(name)}: ${label}`,
      unit: 'ms',
      samples,
      reference: stepRow(name),
      shares: samples.map((ms, i) => ms / walls[i]),
      better: 'lower',
      conditions,
    });
  const rest = rounds.map((round) =>
    [...round].reduce((sum, [kernel, ms]) => (large.includes(kernel) ? sum : sum + ms), 0),
  );
  return [...large.map((kernel) => row(kernel, times.get(kernel) as number[])), row('other kernels', rest)];
}

function dispatchRow(
  name: StepName,
  walls: number[],
  rounds: Map<string, number>[],
  conditions: Conditions,
): Row {
  const samples = walls.map((wall, i) => (100 * (wall - inKernels(rounds[i]))) / wall);
  return makeRow({
    name: `dispatch ${name}`,
    unit: '%',
    samples,
    better: 'lower',
    target: targets.dispatch,
    conditions,
    note: 'part of a step outside kernels',
  });
}

/** Speed with two threads over speed with one. */
export async function measureThreads(
  plan: Plan,
  names: readonly StepName[],
  { arithmetic, seed }: StepOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    const step = arithmetic === 'strict' ? stepRow(name) : `${stepRow(name)}, ${arithmetic}`;
    plan.onProgress(`two threads, ${step}`);
    const base = {
      name: `${step}, two threads`,
      unit: 'ms',
      reference: step,
      better: 'higher',
      target: name === 'small' || name === 'base' ? targets.twoThreads : undefined,
    } as const;
    const one = await createRuntime({ arithmetic, threads: 1 });
    const two = await createRuntime({ arithmetic, threads: 2 });
    const { threads, threadsReason } = withRuntime(two, capabilities);
    if (threads !== 2) {
      rows.push(missingRow({ ...base, note: `not available: ${threadsReason}` }));
      continue;
    }
    const steps = [await buildStep(name, one, seed), await buildStep(name, two, seed)];
    const items = steps.map((one) => timedStep(one, 5 * plan.sampleMs, 'wall'));
    const { times, conditions } = await inTurns([{ items, judged: ([a, b]) => [a / b] }], plan);
    const [single, double] = times[0];
    const shares = double.map((ms, i) => single[i] / ms);
    rows.push(makeRow({ ...base, samples: double, shares, conditions }));
    two.close();
  }
  return rows;
}
