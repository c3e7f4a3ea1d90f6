/** @file Rows about whole training steps: speed, where the time goes, what threads bring. */
import { ARITHMETICS, type Arithmetic } from '../runtime/arithmetic.js';
import { capabilities } from '../runtime/capabilities.js';
import { createRuntime } from '../runtime/init.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import { type KernelTime, KernelTimers } from './kernel-timers.js';
import { type Plan, peakName, peakOf } from './measure-machine.js';
import { buildStep, type Step, type StepName } from './models.js';
import { makeRow, missingRow, type Row } from './row.js';
import { targets } from './targets.js';
import { inTurns, leastDisturbed, type Timed, timed } from './timing.js';

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
    subjects.push({ name, step, work: timedStep(step, 5 * plan.sampleMs), threads: threadsOf(runtime) });
  }
  const times = inTurns(
    subjects.flatMap(({ work }) => [yardstick, work]),
    plan.rounds,
  );
  subjects.forEach(({ name, step, threads }, i) => {
    const [peaks, own] = [times[2 * i], times[2 * i + 1]];
    rows.push(
      makeRow({
        name: stepRow(name),
        unit: 'ms',
        samples: own,
        reference: peakName(ARITHMETICS[arithmetic].build),
        shares: own.map((ms, round) => step.flops / ms / (peak.flops / peaks[round])),
        better: 'higher',
        target: name === 'mt' ? undefined : targets.step[name],
        note: `${(step.flops / 1e6).toFixed(0)} MFLOP of the model, ${threads}`,
      }),
    );
  });
  return rows;
}

function missingStep(name: StepName, note: string): Row {
  const target = name === 'mt' ? undefined : targets.step[name];
  return missingRow({ name: stepRow(name), unit: 'ms', better: 'higher', target, note });
}

/** Samples are whole turns through the step's batches. */
function timedStep(step: Step, sampleMs: number): Timed {
  const { run, repeats } = timed(step.run, sampleMs, WARMUP_MS);
  return { run, repeats: Math.ceil(repeats / step.cycle) * step.cycle };
}

function threadsOf(runtime: Runtime): string {
  const { threads } = withRuntime(runtime, capabilities);
  return `${threads} thread${threads === 1 ? '' : 's'}`;
}

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
    for (let round = 0; round < plan.rounds; round++) {
      const { wall, totals } = leastDisturbed(() => {
        timers.reset();
        const before = performance.now();
        for (let i = 0; i < subject.repeats; i++) subject.run();
        return { wall: performance.now() - before - timers.cost(), totals: timers.totals() };
      });
      walls.push(wall / subject.repeats);
      kernels.push(perStep(totals, subject.repeats));
    }
    rows.push(...splitRows(name, walls, kernels));
    if (name === 'tiny') rows.push(dispatchRow(name, walls, kernels));
  }
  return rows;
}

function perStep(totals: readonly KernelTime[], steps: number): Map<string, number> {
  return new Map(totals.map(({ name, ms }) => [name, ms / steps]));
}

function splitRows(name: StepName, walls: number[], rounds: Map<string, number>[]): Row[] {
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
    });
  const rest = rounds.map((round) =>
    [...round].reduce((sum, [kernel, ms]) => (large.includes(kernel) ? sum : sum + ms), 0),
  );
  return [...large.map((kernel) => row(kernel, times.get(kernel) as number[])), row('other kernels', rest)];
}

function dispatchRow(name: StepName, walls: number[], rounds: Map<string, number>[]): Row {
  const samples = walls.map((wall, i) => {
    const inKernels = [...rounds[i].values()].reduce((sum, ms) => sum + ms, 0);
    return (100 * (wall - inKernels)) / wall;
  });
  return makeRow({
    name: `dispatch ${name}`,
    unit: '%',
    samples,
    better: 'lower',
    target: targets.dispatch,
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
    plan.onProgress(`two threads, ${name}`);
    const base = {
      name: `${stepRow(name)}, two threads`,
      unit: 'ms',
      reference: stepRow(name),
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
    const [single, double] = inTurns(
      steps.map((step) => timedStep(step, 5 * plan.sampleMs)),
      plan.rounds,
    );
    const shares = double.map((ms, i) => single[i] / ms);
    rows.push(makeRow({ ...base, samples: double, shares }));
    two.close();
  }
  return rows;
}
