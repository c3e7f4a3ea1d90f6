/** @file The parts of the benchmark that need nothing but this package, by name. */
import { measureArithmetics } from './measure-arithmetics.js';
import { measureDecoding } from './measure-decoding.js';
import { measureGemm, measureMemoryBound } from './measure-kernels.js';
import { measureCopies, measurePeaks, type Plan } from './measure-machine.js';
import { measureSplit, measureSteps, measureThreads, type StepOptions } from './measure-steps.js';
import { type StepName, stepNames } from './models.js';
import type { Row } from './row.js';

export interface Part {
  name: string;
  measure(plan: Plan, options: StepOptions): Promise<Row[]>;
}

const models = (plan: Plan): readonly StepName[] => (plan.quick ? ['tiny', 'small'] : stepNames);

export const parts: readonly Part[] = [
  { name: 'peak', measure: measurePeaks },
  { name: 'copy', measure: measureCopies },
  { name: 'gemm', measure: measureGemm },
  { name: 'memory', measure: (plan, { arithmetic }) => measureMemoryBound(plan, arithmetic) },
  { name: 'steps', measure: (plan, options) => measureSteps(plan, models(plan), options) },
  {
    name: 'split',
    measure: (plan, options) => measureSplit(plan, plan.quick ? ['tiny'] : stepNames, options),
  },
  {
    name: 'threads',
    measure: (plan, options) =>
      measureThreads(plan, plan.quick ? ['small'] : ['tiny', 'small', 'base'], options),
  },
  {
    name: 'int12',
    measure: (plan, { seed }) =>
      measureArithmetics(plan, plan.quick ? ['tiny'] : ['tiny', 'small', 'base'], seed),
  },
  { name: 'decoding', measure: measureDecoding },
];
