/**
 * @file Claims of an experiment of which only some runs were asked for: one is judged when it rests on these alone. In
 * place of the others stand records that know their specification; a judge may pass over them, but not read what came
 * out of them.
 */

import type { RunSpec } from '../kinds/run-kind.js';
import { kindOf } from '../kinds/run-kinds.js';
import type { TranslationRun } from '../kinds/run-spec.js';
import type { RunRecord } from '../results.js';
import type { Judged } from './judged.js';

class NotAsked extends Error {}

/** The record, but for members that `missing` names: who reads one is stopped. */
const without = (record: RunRecord, missing: (key: string | symbol) => boolean): RunRecord =>
  new Proxy(record, {
    get(target, key) {
      if (missing(key)) throw new NotAsked();
      return Reflect.get(target, key);
    },
  });

function standIn(spec: RunSpec): RunRecord {
  const {
    id,
    label,
    kind,
    arm,
    placement = arm?.placement,
  } = spec as TranslationRun & { placement?: string };
  const [seed] = kindOf(spec).seeds(spec);
  const known = { id, label, experiment: kind, placement, seed, config: { ...spec } };
  return without(known as unknown as RunRecord, (key) => Reflect.get(known, key) === undefined);
}

/** Whether a run is what progress is measured by: Post-LN with warm-up on the common grid. */
const isReference = ({ kind, arm }: TranslationRun): boolean =>
  kind === 'translation' && arm.placement === 'post' && arm.warmup && arm.variant === undefined;

/** A record for every run of the experiment. Progress is known where all that it is measured by was asked for. */
export function recordsOfPart(whole: readonly RunSpec[], records: readonly RunRecord[]): RunRecord[] {
  const asked = new Map(records.map((record) => [record.id, record]));
  const missing = whole.filter(({ id }) => !asked.has(id)) as TranslationRun[];
  const unscaled = new Set(missing.filter(isReference).map(({ recipe }) => recipe.seed));
  return whole.map((spec) => {
    const record = asked.get(spec.id);
    if (!record) return standIn(spec);
    return unscaled.has(record.seed) ? without(record, (key) => key === 'progress') : record;
  });
}

/** The judgement, or undefined when it rests on a run that was not asked for. */
export function judgedByPart(judge: () => Judged): Judged | undefined {
  try {
    return judge();
  } catch (error) {
    if (error instanceof NotAsked) return undefined;
    throw error;
  }
}
