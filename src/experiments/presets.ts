/**
 * @file The registered runs of every preset. Presets change sizes and seeds, never the code path; the numbers
 * here and the claims in claims.ts are fixed before the runs they judge.
 */
import type { NormPlacement } from '../nn/index.js';
import type { GradientsRun, RunSpec, TranslationArm, TranslationData, TranslationRun } from './run-spec.js';

export type PresetName = 'quick' | 'standard' | 'paper';
export const presetNames: readonly PresetName[] = ['quick', 'standard', 'paper'];

export interface Preset {
  name: PresetName;
  /** What one pays: shown by --help and --dry-run. */
  description: string;
  budgetSeconds: number;
  runs: RunSpec[];
  /** Rate at which the arms are compared. */
  commonRate: number;
}

const PLACEMENTS: NormPlacement[] = ['post', 'pre', 'peri'];
const NAMES: Record<string, string> = { post: 'Post-LN', pre: 'Pre-LN', peri: 'Peri-LN' };
export const placementName = (placement: string): string => NAMES[placement] ?? placement;

const DEPTHS = [6, 8, 10, 12, 14];

function gradientRuns(
  setting: GradientsRun['setting'],
  seeds: number[],
  rest: Partial<GradientsRun> = {},
): GradientsRun[] {
  return PLACEMENTS.map((placement) => ({
    kind: 'gradients',
    id: `gradients-${setting}-${placement}`,
    label: `${placementName(placement)}, gradients at initialisation (${setting})`,
    setting,
    placement,
    layers: DEPTHS,
    seeds,
    dModel: 64,
    batches: 1,
    ...rest,
  }));
}

interface TranslationGrid {
  data: TranslationData;
  model: Omit<TranslationRun['model'], 'normPlacement'>;
  steps: number;
  warmupSteps: number;
  evalEvery: number;
  rates: number[];
  seeds: number[];
  placements: NormPlacement[];
  decode: TranslationRun['decode'];
}

/** Every placement with and without warm-up at every rate and seed, on the common tail. */
function translationRuns(grid: TranslationGrid): TranslationRun[] {
  const runs: TranslationRun[] = [];
  for (const seed of grid.seeds) {
    for (const maxLr of [...grid.rates].sort((a, b) => b - a)) {
      for (const placement of grid.placements) {
        for (const warmup of [false, true]) {
          const arm: TranslationArm = { placement, warmup, maxLr };
          runs.push({
            kind: 'translation',
            id: `translation-${placement}-${warmup ? 'warmup' : 'none'}-${maxLr}-s${seed}`,
            label: `${placementName(placement)}, ${warmup ? `warm-up ${grid.warmupSteps}` : 'no warm-up'}, maxLr ${maxLr}`,
            arm,
            seed,
            data: grid.data,
            model: { ...grid.model, normPlacement: placement },
            optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
            schedule: {
              kind: 'inverseSqrt',
              maxLr,
              warmupSteps: warmup ? grid.warmupSteps : 0,
              tailStart: grid.warmupSteps,
            },
            labelSmoothing: 0.1,
            steps: grid.steps,
            evalEvery: grid.evalEvery,
            decode: grid.decode,
          });
        }
      }
    }
  }
  return runs;
}

const UI_DE_EN: TranslationData = { name: 'ui-de-en', vocabSize: 1900, maxTokens: 700 };
const SMALL_MODEL = { dModel: 64, numHeads: 4, dFF: 128, numLayers: 6, dropout: 0, init: 'fairseq' } as const;

export interface PresetOptions {
  /** Shifts every seed, for a fresh reproduction. */
  seed?: number;
  /** Folder with train.tsv, valid.tsv and test.tsv in place of the preset's data. */
  data?: string;
}

/** The runs of a preset. */
export function makePreset(name: PresetName, options: PresetOptions = {}): Preset {
  const base = options.seed ?? 0;
  const seeds = (first: number, count: number) => Array.from({ length: count }, (_, i) => base + first + i);
  const data = (preset: TranslationData): TranslationData =>
    options.data ? { ...preset, name: options.data } : preset;
  const init = (count: number, batches: number, translation = seeds(201, 2)): RunSpec[] => [
    ...gradientRuns('theory', seeds(101, count)),
    ...gradientRuns('toy', seeds(101, count)),
    ...gradientRuns('translation', translation, { batches, data: data(UI_DE_EN) }),
  ];
  if (name === 'quick') {
    return {
      name,
      description:
        'Fig. 3 statistics and the warm-up grid of Figs. 2 and 4 on the embedded De-En pairs, one seed',
      budgetSeconds: 300,
      commonRate: 0.002,
      runs: [
        ...translationRuns({
          data: data(UI_DE_EN),
          model: SMALL_MODEL,
          steps: 700,
          warmupSteps: 200,
          evalEvery: 100,
          rates: [0.002, 0.0005],
          seeds: seeds(11, 1),
          placements: ['post', 'pre'],
          decode: { beamSize: 1, lengthPenalty: 1, sentences: 450 },
        }),
        ...init(10, 4),
      ],
    };
  }
  if (name === 'standard') {
    return {
      name,
      description: 'the same on four rates and three seeds, with Peri-LN, for longer',
      budgetSeconds: 7200,
      commonRate: 0.002,
      runs: [
        ...translationRuns({
          data: data(UI_DE_EN),
          model: SMALL_MODEL,
          steps: 1000,
          warmupSteps: 200,
          evalEvery: 100,
          rates: [0.004, 0.002, 0.001, 0.0005],
          seeds: seeds(11, 3),
          placements: ['post', 'pre', 'peri'],
          decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 450 },
        }),
        ...init(10, 6, seeds(201, 3)),
      ],
    };
  }
  return {
    name,
    description:
      "the paper's IWSLT14 De-En configuration (6+6 layers, d 512, joint BPE 10k) on your copy of the data: give --data",
    budgetSeconds: 14 * 24 * 3600,
    commonRate: 0.001,
    runs: translationRuns({
      data: data({ name: 'iwslt14', vocabSize: 10000, maxTokens: 8192 }),
      model: { dModel: 512, numHeads: 4, dFF: 1024, numLayers: 6, dropout: 0.1, init: 'fairseq' },
      steps: 20000,
      warmupSteps: 4000,
      evalEvery: 1000,
      rates: [0.001, 0.0005],
      seeds: seeds(1, 1),
      placements: ['post', 'pre'],
      decode: { beamSize: 5, lengthPenalty: 1.2, sentences: 6750 },
    }),
  };
}
