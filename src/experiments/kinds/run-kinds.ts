/** @file The table of run kinds, and carrying out one run in this process. Where and how many at once is the caller's business. */
import { ConfigError } from '../../errors.js';
import { noFiles } from '../../recipe/index.js';
import type { RunRecord } from '../results.js';
import { bertKind } from './bert.js';
import { gradientsKind } from './gradients.js';
import { growthKind } from './growth.js';
import { lawKind } from './law.js';
import { normTuningKind } from './norm-tuning.js';
import { placementKind } from './placement.js';
import type { RunEnvironment, RunKind, RunSpec } from './run-kind.js';
import { toyKind } from './toy.js';
import { translationKind } from './translation.js';

/** All kinds. */
export const runKinds: readonly RunKind[] = [
  gradientsKind,
  lawKind,
  translationKind,
  bertKind as RunKind,
  toyKind,
  placementKind,
  growthKind as RunKind,
  normTuningKind as RunKind,
];

/**
 * The kind that carries out a specification.
 * @throws ConfigError for a kind that is not in the table.
 */
export function kindOf(spec: Pick<RunSpec, 'kind'>): RunKind {
  const found = runKinds.find(({ kind }) => kind === spec.kind);
  if (found) return found;
  const known = runKinds.map(({ kind }) => kind);
  throw new ConfigError(`there is no kind of run "${spec.kind}"`, {
    op: 'executeRun',
    expected: known,
    actual: spec.kind,
    hint: `use one of ${known.join(', ')}`,
  });
}

/** One run from its specification; equal specifications and data give equal records, timing aside. */
export async function executeRun(
  spec: RunSpec,
  environment: Partial<RunEnvironment> = {},
): Promise<RunRecord> {
  const started = performance.now();
  const whole = { onProgress() {}, sources: noFiles, ...environment };
  const kind = kindOf(spec);
  const dataHash = await kind.dataHash?.(spec, whole.sources);
  const outcome = await kind.execute(spec, whole);
  return {
    ...outcome,
    ...(dataHash ? { dataHash } : {}),
    seconds: (performance.now() - started) / 1000,
  };
}
