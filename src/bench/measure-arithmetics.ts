/** @file Rows about whole steps in int12: beside strict and relaxed floats, with two threads, and how much of it is int12. */
import { capabilities } from '../runtime/capabilities.js';
import { createRuntime } from '../runtime/init.js';
import { withRuntime } from '../runtime/runtime.js';
import { type Plan, peakOf } from './measure-machine.js';
import { measureThreads, stepRow, timedStep } from './measure-steps.js';
import { buildStep, type StepName } from './models.js';
import { MultiplyAddCounter } from './multiply-adds.js';
import { makeRow, missingRow, type Row } from './row.js';
import { targets } from './targets.js';
import { inTurns, type Timed } from './timing.js';

type Shape = Exclude<StepName, 'mt'>;

/** Steps in the three arithmetics in turns, on one thread; then int12 with two. */
export async function measureArithmetics(plan: Plan, names: readonly Shape[], seed: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    plan.onProgress(`int12 beside floats, ${name}`);
    rows.push(...(await besideFloats(plan, name, seed)), await shareOfInt12(name, seed));
  }
  const large = names.filter((name) => name !== 'tiny');
  rows.push(...(await measureThreads(plan, large, { arithmetic: 'int12', threads: 2, seed })));
  return rows;
}

async function besideFloats(plan: Plan, name: Shape, seed: number): Promise<Row[]> {
  const arithmetics = (await peakOf('relaxed'))
    ? (['strict', 'int12', 'relaxed'] as const)
    : (['strict', 'int12'] as const);
  const items: Timed[] = [];
  let note = '';
  for (const arithmetic of arithmetics) {
    const runtime = await createRuntime({ arithmetic, threads: 1 });
    items.push(timedStep(await buildStep(name, runtime, seed), 5 * plan.sampleMs));
    if (arithmetic === 'int12') note = `micro-kernel ${withRuntime(runtime, capabilities).microKernel}`;
  }
  const { times, conditions } = await inTurns(
    [
      {
        items,
        judged: ([strict, int12, relaxed]) => [strict / int12, ...(relaxed ? [relaxed / int12] : [])],
      },
    ],
    plan,
  );
  const [strict, int12, relaxed] = times[0];
  const base = { unit: 'ms', better: 'higher', conditions } as const;
  const row = `${stepRow(name)}, int12`;
  const besideRelaxed = {
    ...base,
    name: `${row} beside relaxed`,
    reference: `${stepRow(name)}, relaxed`,
    target: targets.int12.relaxed,
  };
  return [
    makeRow({
      ...base,
      name: `${row} beside strict`,
      reference: stepRow(name),
      samples: int12,
      shares: int12.map((ms, i) => strict[i] / ms),
      target: targets.int12.strict[name],
      note,
    }),
    relaxed
      ? makeRow({ ...besideRelaxed, samples: relaxed, shares: int12.map((ms, i) => relaxed[i] / ms) })
      : missingRow({ ...besideRelaxed, note: 'relaxed SIMD is not available' }),
  ];
}

/** Of all multiply-adds of matrix products of a step, those in int12. */
async function shareOfInt12(name: Shape, seed: number): Promise<Row> {
  const runtime = await createRuntime({ arithmetic: 'int12', threads: 1 });
  const counter = new MultiplyAddCounter(runtime);
  const step = await buildStep(name, runtime, seed);
  step.run(); // what is set up once is no part of a step
  counter.take();
  step.run();
  const { all, int12 } = counter.take();
  return makeRow({
    name: `${stepRow(name)}: multiply-adds in int12`,
    unit: '%',
    samples: [(100 * int12) / all],
    better: 'higher',
    target: name === 'tiny' ? undefined : targets.int12.multiplyAdds,
    note: `${(all / 1e6).toFixed(0)} million in all`,
  });
}
