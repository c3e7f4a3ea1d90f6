/** @file What came of a job: a result that can be one of its run, or the error that it failed with. */
import type { Job } from 'bullmq';
import { EnvironmentError } from '../../errors.js';
import { fromWire } from '../../wire-error.js';
import { resultFault } from '../results-shape.js';
import { canonical } from '../run-store.js';
import type { RunJob, RunResult } from './job.js';

/** What is wrong with a result, as far as one sees without repeating it; undefined when nothing is. */
export function faultOf(result: unknown, { job }: { job: RunJob }): string | undefined {
  const fault = resultFault(result);
  if (fault !== undefined) return fault;
  const { record } = result as RunResult;
  const { label: _, ...wanted } = job.spec;
  const { label: __, ...config } = record.config;
  const isSame = JSON.stringify(canonical(wanted)) === JSON.stringify(canonical(config));
  if (record.id !== job.spec.id || !isSame) return 'it is of another run';
  if ((record.dataHash ?? null) !== job.dataHash) return 'it is of other data';
  return undefined;
}

/** An error as the text by which a job has failed: its class and its words, as BullMQ's tools show them. */
export const failureText = (error: unknown): string => {
  const { name = 'Error', message = String(error) } = error as Partial<Error>;
  return `${name}: ${message}`;
};

/** The error that a job has failed with, as it was thrown. */
export function failureOf({ failedReason = '', processedBy, stacktrace }: Job): Error {
  if (failedReason.startsWith('job stalled')) {
    return new EnvironmentError('every worker that began this run was lost before its end', {
      hint: 'look for what ends them: memory, mostly; a longer --lock where machines are slow',
    });
  }
  const [, name = 'Error', message = failedReason] = /^(\w+): (.*)$/s.exec(failedReason) ?? [];
  const where = processedBy ? `${message} (worker ${processedBy})` : message;
  return fromWire({ name, message: where, fields: {}, stack: stacktrace?.at(-1) });
}
