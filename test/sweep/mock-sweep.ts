/** @file Runs of a sweep, made up. */
import type { RunRecord } from '../../src/experiments/index.js';
import { labelOf, shortNames, sweptFields } from '../../src/sweep/fields.js';
import type { SweepResults } from '../../src/sweep/results.js';
import { bestRun, measureOf, settingsOf } from '../../src/sweep/standings.js';

export interface MockRun {
  lr?: number;
  seed?: number;
  placement?: string;
  numLayers?: number;
  vocabSize?: number;
  source?: string;
  validation?: number;
  metric?: string;
  tokenizerHash?: string;
  /** Of the best evaluation. */
  best?: number;
  bits?: number;
  diverged?: boolean;
}

export function mockSweepRun(id: string, run: MockRun): RunRecord {
  const { lr = 0.1, seed = 1, placement = 'pre', numLayers = 2, vocabSize = 300, source = 'kjv' } = run;
  const { validation = 0.1, metric, best, bits, diverged = false, tokenizerHash = 't' } = run;
  const recipe = {
    model: { kind: 'causalLM', dModel: 16, numLayers, normPlacement: placement },
    data: { kind: 'text', source, validation },
    tokenizer: { kind: 'bpe', vocabSize },
    optimizer: { kind: 'adamw', lr },
    steps: 20,
    seed,
    ...(metric && { metric }),
  };
  return {
    id,
    experiment: 'recipe',
    label: id,
    placement,
    seed,
    config: { kind: 'recipe', id, label: id, recipe },
    status: diverged ? 'diverged' : 'measured',
    ...(best !== undefined && !diverged && { finalValidNll: best + 0.01 }),
    steps: 20,
    seconds: 1.5,
    hash: id.repeat(8).slice(0, 64),
    dataHash: 'd',
    tokenizerHash,
    measured: {
      ...(best !== undefined && { best, bestStep: 10, bestValidNll: best }),
      ...(bits !== undefined && { bestBitsPerByte: bits }),
    },
    curve: [1, 10, 20].map((step) => ({
      step,
      lr,
      trainLoss: 5 - step / 10,
      ...(step > 1 && { validNll: (best ?? 3) + 1 / step }),
      gradNorm: 1,
    })),
  };
}

export function mockSweep(runs: readonly RunRecord[], more: Partial<SweepResults> = {}): SweepResults {
  const fields = sweptFields(runs.map(({ config }) => config.recipe as object));
  const short = shortNames(fields.map(({ name }) => name));
  const labelled = runs.map((run) => ({
    ...run,
    label: labelOf(run.config.recipe as object, fields, short),
  }));
  const measure = measureOf(labelled);
  return {
    format: 'prenorm-sweep',
    version: 1,
    name: 'rates',
    folder: '.',
    command: 'npx prenorm sweep rates.json --out runs/rates',
    prenorm: '0.0.0',
    kernelHash: 'k',
    conformance: 'c',
    environment: { runtime: 'Node', platform: 'linux', cpu: 'cpu', cores: 2, processes: 2 },
    seconds: 12,
    fields,
    measure,
    settings: settingsOf(labelled, fields, measure),
    best: bestRun(labelled, measure)?.id ?? null,
    failed: [],
    runs: labelled,
    ...more,
  };
}
