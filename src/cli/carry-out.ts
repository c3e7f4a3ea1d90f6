/** @file Carries out the runs of a command that are not there yet, keeps each when it is done, and shows how far it is. */
import { dirname } from 'node:path';
import type { RunRecord, RunSpec } from '../experiments/index.js';
import { formatDuration } from '../report/wording.js';
import { tell } from '../terminal/write.js';
import { interruptSignal, oneLine } from './errors.js';
import { type RunExecutor, runPool } from './pool.js';
import { type ProgressBar, progressBars } from './progress.js';
import type { RunStore } from './run-store.js';
import type { EngineOptions } from './start.js';

/** Runs of one arithmetic, and where they are kept. */
export interface RunGroup {
  store: RunStore;
  specs: readonly RunSpec[];
}

export interface CarryOutOptions extends Pick<EngineOptions, 'threads'> {
  /** What the whole is called. */
  name: string;
  processes: number;
  /** Keep the runs that are finished already. */
  resume?: boolean;
  /** No progress. */
  quiet?: boolean;
  /** A run that fails is noted, and the others go on; else it ends all. */
  goOn?: boolean;
  /** Default: on local processes. */
  execute?: RunExecutor;
  /** Where that is, in words; what it has taken on goes on after an interruption. */
  where?: string;
}

export interface CarriedOut {
  /** By the ids of the runs. */
  records: Map<string, RunRecord>;
  /** What kept a run from being carried out, by its id. */
  failed: Map<string, Error>;
  /** Seconds of runs that were there. */
  earlier: number;
}

/** All records, stored one by one; null when interrupted. */
export async function carryOut(
  groups: readonly RunGroup[],
  { name, processes, resume, quiet, goOn, threads, execute = runPool, where }: CarryOutOptions,
): Promise<CarriedOut | null> {
  const signal = interruptSignal();
  const all = groups.flatMap(({ specs }) => specs);
  const records = new Map<string, RunRecord>();
  const failed = new Map<string, Error>();
  for (const { store, specs } of resume ? groups : []) {
    for (const spec of specs) {
      const record = await store.read(spec);
      if (record) records.set(spec.id, record);
    }
  }
  const earlier = [...records.values()].reduce((sum, { seconds }) => sum + seconds, 0);
  const missing = groups.map(({ store, specs }) => ({
    store,
    specs: specs.filter(({ id }) => !records.has(id)),
  }));
  const bars = progressBars({ quiet });
  const toDo = all.length - records.size;
  bars.log(
    `${name}: ${toDo} of ${all.length} runs to do on ${where ?? `${processes} processes`}; results go to ${dirname(groups[0].store.folder)}`,
  );
  const active = new Map<string, ProgressBar>();
  const ended = (id: string): string => {
    active.get(id)?.stop();
    return `${String(records.size + failed.size).padStart(3)}/${all.length}`;
  };
  try {
    for (const { store, specs } of missing) {
      if (specs.length === 0) continue;
      const engine = { arithmetic: store.arithmetic, threads };
      await execute(
        specs,
        { processes, engine, signal, folder: store.names },
        {
          onProgress(spec, progress) {
            if (!active.has(spec.id)) active.set(spec.id, bars.add(spec.label, progress.total));
            active.get(spec.id)?.update(progress.done, progress.text);
          },
          async onDone(spec, record, machine) {
            records.set(spec.id, await store.write(spec, record, machine));
            bars.log(`${ended(spec.id)} ${summary(record)}${machine ? `, ${machine.worker}` : ''}`);
          },
          async onPutAside(spec, why) {
            records.delete(spec.id);
            await store.remove(spec);
            bars.warn(`${spec.label}: ${why}; it is carried out again`);
          },
          onNote: bars.warn,
          ...(goOn && {
            onFailed(spec: RunSpec, error: Error) {
              failed.set(spec.id, error);
              bars.warn(`${ended(spec.id)} ${spec.label}: ${oneLine(error.message)}`);
            },
          }),
        },
      );
    }
  } catch (error) {
    bars.stop();
    if (!signal.aborted) throw error;
    const rest = where ? `; ${where} works on, and the same command picks up the rest` : '';
    tell(`interrupted; ${records.size} of ${all.length} runs are kept, go on with --resume${rest}\n`);
    return null;
  }
  bars.stop();
  return { records, failed, earlier };
}

function summary(record: RunRecord): string {
  const nll = record.finalValidNll === undefined ? '' : `, valid NLL ${record.finalValidNll.toFixed(3)}`;
  const diverged = record.status === 'diverged' ? ', diverged' : '';
  return `${record.label}${nll}${diverged}, ${formatDuration(record.seconds)}`;
}
