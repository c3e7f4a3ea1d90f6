/** @file The table of run kinds, and carrying out one run in this process. Where and how many at once is the caller's business. */
import { checkValue, either, integer, notNegative, oneOf, positive, type Rule, text } from '../../checks.js';
import { ConfigError, checkKeys } from '../../errors.js';
import { isJsonObject } from '../../json.js';
import { normPlacements } from '../../nn/placement-names.js';
import { noFiles } from '../../recipe/index.js';
import { markOf } from '../../runtime/arithmetic.js';
import { currentRuntime } from '../../runtime/runtime.js';
import type { RunRecord } from '../results.js';
import { amplificationKind } from './amplification.js';
import { bertKind } from './bert.js';
import { gradientsKind } from './gradients.js';
import { growthKind } from './growth.js';
import { lawKind, lawNames } from './law.js';
import { layerDropKind } from './layer-drop.js';
import { markovKind } from './markov.js';
import { normTuningKind } from './norm-tuning.js';
import { placementKind } from './placement.js';
import { recipeKind } from './recipe.js';
import type { RunEnvironment, RunKind, RunSpec } from './run-kind.js';
import { toyKind } from './toy.js';
import { translationKind } from './translation.js';

/** All kinds. */
export const runKinds: readonly RunKind[] = [
  gradientsKind,
  lawKind,
  amplificationKind,
  translationKind,
  bertKind as RunKind,
  toyKind,
  markovKind,
  placementKind,
  layerDropKind,
  growthKind as RunKind,
  normTuningKind as RunKind,
  recipeKind as RunKind,
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

/**
 * The kind of a specification that may come from a file.
 * @throws ConfigError for a member that its kind does not have or lacks, and for a recipe that is none.
 */
export function checkSpec(spec: RunSpec): RunKind {
  const kind = kindOf(spec);
  const op = `a run of kind ${spec.kind}`;
  checkKeys(op, spec, ['kind', 'id', 'label', ...kind.keys.map((key) => key.replace('?', ''))]);
  const missing = kind.keys.find((key) => !key.endsWith('?') && !(key in spec));
  if (missing) throw new ConfigError(`"${missing}" is missing`, { op, expected: kind.keys, hint: 'give it' });
  checkMembers(op, spec);
  kind.check?.(spec);
  return kind;
}

const object: Rule = { wanted: 'an object', holds: isJsonObject };

/** Sizes beyond any experiment's: a file that asks for more would compute for hours, and could not be stopped meanwhile. */
const MEMBERS: Readonly<Record<string, Rule>> = {
  id: text,
  label: text,
  placement: oneOf(...normPlacements),
  setting: oneOf('theory', 'toy', 'translation'),
  law: oneOf(...lawNames),
  norm: oneOf('layer', 'rms'),
  activation: oneOf('relu', 'gelu'),
  lr: notNegative,
  maxLr: notNegative,
  r: positive,
  eps: positive,
  measureEvery: integer(1),
  batchSize: integer(1, 4096),
  cycles: integer(1, 1000),
  recipe: object,
  source: object,
  tuning: object,
  sizes: object,
  data: object,
  firstSteps: object,
  fineTuning: either({ wanted: 'null', holds: (value) => value === null }, object),
  seeds: integer(0),
  layers: integer(1, 1000),
  numLayers: integer(1, 1000),
  dModel: integer(1, 4096),
  batches: integer(0, 10_000),
  rows: integer(1, 4096),
};

/**
 * The members of a specification that kinds share, before anything is computed.
 * @throws ConfigError
 */
function checkMembers(op: string, spec: RunSpec): void {
  for (const [key, one] of Object.entries(MEMBERS)) {
    const value = (spec as unknown as Record<string, unknown>)[key];
    if (value === undefined) continue;
    const isList = key === 'seeds' || key === 'layers' || (key === 'dModel' && spec.kind === 'law');
    const list = {
      wanted: `a list, each of it ${one.wanted}`,
      holds: (given: unknown) => Array.isArray(given) && given.length > 0 && given.every(one.holds),
    };
    checkValue(op, key, value, isList ? list : one);
  }
}

/** One run from its specification; equal specifications and data give equal records, timing aside. */
export async function executeRun(
  spec: RunSpec,
  environment: Partial<RunEnvironment> = {},
): Promise<RunRecord> {
  const started = performance.now();
  const whole: RunEnvironment = { onProgress() {}, sources: noFiles, ...environment };
  const kind = checkSpec(spec);
  const dataHash = await kind.dataHash?.(spec, whole.sources, whole.tokenizers);
  const outcome = await kind.execute(spec, whole);
  return {
    ...outcome,
    ...markOf(currentRuntime().arithmetic),
    ...(dataHash ? { dataHash } : {}),
    seconds: (performance.now() - started) / 1000,
  };
}
