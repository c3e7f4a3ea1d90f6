/** @file All experiments in the order of the report, the runs of a preset, and the judgement of all claims. */
import { checkOptions, integer, optional, text } from '../checks.js';
import { ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { log64 } from '../runtime/math.js';
import {
  type Experiment,
  type JudgeContext,
  type PresetName,
  presetNames,
  type Scale,
} from './experiment.js';
import { advice } from './figures/advice.js';
import { curseOfDepth } from './figures/curse-of-depth.js';
import { depth } from './figures/depth.js';
import { fig2 } from './figures/fig2.js';
import { fig3 } from './figures/fig3.js';
import { fig4 } from './figures/fig4.js';
import { fig5 } from './figures/fig5.js';
import { fig6 } from './figures/fig6.js';
import { mechanism } from './figures/mechanism.js';
import { multi30k, multi30kLarge } from './figures/multi30k.js';
import { muon } from './figures/muon.js';
import { ownData } from './figures/own.js';
import { parity } from './figures/parity.js';
import { peri } from './figures/peri.js';
import { placementCurves } from './figures/placements.js';
import { rateTolerance } from './figures/rate-tolerance.js';
import { tan } from './figures/tan.js';
import { theory } from './figures/theory.js';
import { toy } from './figures/toy.js';
import { translationGrid } from './figures/translation-grid.js';
import { tuning } from './figures/tuning.js';
import { vit } from './figures/vit.js';
import { wmt14 } from './figures/wmt14.js';
import { judgedByPart, recordsOfPart } from './judges/asked.js';
import { besideClaim, besideControl } from './judges/controls.js';
import { classifyRuns } from './judges/training.js';
import type { OwnData } from './kinds/own-data.js';
import type { RunSpec } from './kinds/run-kind.js';
import type { ClaimRow, Figure, Results, RunRecord } from './results.js';

/** All experiments, in the order of the report. */
export const experiments: readonly Experiment[] = [
  theory,
  fig3,
  fig2,
  fig4,
  parity,
  fig5,
  fig6,
  tuning,
  mechanism,
  toy,
  placementCurves,
  peri,
  vit,
  advice,
  rateTolerance,
  depth,
  curseOfDepth,
  muon,
  tan,
  ownData,
  multi30k,
  multi30kLarge,
  wmt14,
];

interface PresetText {
  /** What one pays: shown by --help and --dry-run. */
  description: string;
  budgetSeconds: number;
}

const texts: Record<PresetName, PresetText> = {
  quick: {
    description:
      'Fig. 3 statistics, one step of Adam and the warm-up grid of Figs. 2 and 4 on the embedded De-En pairs, one seed',
    budgetSeconds: 300,
  },
  standard: {
    description: 'every figure on the embedded data, four rates, three to five seeds',
    budgetSeconds: 9000,
  },
  field: {
    description:
      "the paper's question asked of what came after: its advice, rates, depth, single layers, Muon, DyT, the tuning of norms",
    budgetSeconds: 9000,
  },
  own: {
    description:
      'the headline claims on your pairs of sentences or your text, with what to do for it: give --data',
    budgetSeconds: 3600,
  },
  multi30k: {
    description: 'translation at depth 6 on your copy of Multi30k De-En: give --data',
    budgetSeconds: 7200,
  },
  paper: {
    description:
      "the paper's IWSLT14 De-En configuration (6+6 layers, d 512, joint BPE 10k) on your copy of the data: give --data",
    budgetSeconds: 14 * 24 * 3600,
  },
};

/** The experiments and runs of one preset. */
export interface Preset extends PresetText {
  name: PresetName;
  scale: Scale;
  /** Rate at which the arms are compared. */
  commonRate: number;
  /** Those that take part, each with its runs; `whole` are all it has, where only some were asked for. */
  experiments: { experiment: Experiment; runs: RunSpec[]; whole?: RunSpec[] }[];
  /** Every run once, in the order of the experiments. */
  runs: RunSpec[];
}

/** What of a preset to run, and on what. */
export interface PresetOptions {
  /** Shifts every seed, for a fresh reproduction. Default 0. */
  seed?: number;
  /** Folder with train.tsv, valid.tsv and test.tsv. Default: the preset's data. */
  data?: string;
  /** What the preset `own` has to know of that folder, from `readOwnData`. Default: nothing, and it has no runs. */
  own?: OwnData;
  /** Names of experiments, kinds or ids of runs. Default: all that are not run on request only. */
  only?: readonly string[];
}

/** Earlier names of parts, still understood by `only`. */
const aliases: Record<string, string[]> = { gradients: ['fig3'], translation: ['fig2', 'fig4', 'fig6'] };

/**
 * The runs of a preset.
 * @throws ConfigError for an unknown key or a value out of range, and for a name in `only` that nothing has.
 */
export function makePreset(name: PresetName, options: PresetOptions = {}): Preset {
  checkOptions<PresetOptions>('makePreset', options, {
    seed: optional(integer(0)),
    data: optional(text),
    own: optional({ wanted: 'what readOwnData gives', holds: isJsonObject }),
    only: optional({ wanted: 'a list of names', holds: Array.isArray }),
  });
  const scale: Scale = { preset: name, seed: options.seed ?? 0, data: options.data, own: options.own };
  const all = experiments
    .map((experiment) => ({ experiment, runs: experiment.runs(scale) }))
    .filter(({ runs }) => runs.length > 0);
  const chosen = options.only?.length
    ? choose(all, options.only)
    : all.filter(({ experiment }) => !experiment.onRequest);
  const runs = new Map<string, RunSpec>();
  for (const spec of chosen.flatMap((part) => part.runs)) runs.set(spec.id, spec);
  return {
    name,
    ...texts[name],
    scale,
    commonRate: translationGrid(scale).commonRate,
    experiments: chosen,
    runs: [...runs.values()],
  };
}

function choose(all: Preset['experiments'], only: readonly string[]): Preset['experiments'] {
  const wanted = new Set(only.flatMap((name) => aliases[name] ?? [name]));
  const names = new Set(
    all.flatMap(({ experiment, runs }) => [experiment.name, ...runs.map(({ id }) => id)]),
  );
  for (const name of wanted) {
    if (names.has(name)) continue;
    throw new ConfigError(`--only does not know "${name}"`, {
      op: 'reproduce',
      expected: all.map(({ experiment }) => experiment.name),
      actual: name,
      hint: `use ${all.map(({ experiment }) => experiment.name).join(', ')}, or the id of a run as --dry-run lists it`,
    });
  }
  return all
    .map(({ experiment, runs: whole }) => {
      const runs = wanted.has(experiment.name) ? whole : whole.filter(({ id }) => wanted.has(id));
      return runs.length < whole.length ? { experiment, runs, whole } : { experiment, runs };
    })
    .filter(({ runs }) => runs.length > 0);
}

/** Whether `name` is a preset. */
export function isPresetName(name: string): name is PresetName {
  return presetNames.includes(name as PresetName);
}

/** The records that belong to an experiment, in the order of its runs. */
function recordsOf(runs: readonly RunSpec[], records: readonly RunRecord[]): RunRecord[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  return runs.flatMap(({ id }) => byId.get(id) ?? []);
}

/**
 * Judges every claim of the experiments that take part; claims without runs are `not tested`. Where only some runs of
 * an experiment were asked for, claims that rest on others were not asked for either and are left out.
 */
export function judgeClaims(
  preset: Pick<Preset, 'experiments' | 'scale'>,
  records: readonly RunRecord[],
  context: JudgeContext,
): ClaimRow[] {
  return preset.experiments.flatMap(({ experiment, runs, whole }) => {
    const own = whole ? recordsOfPart(whole, records) : recordsOf(runs, records);
    return experiment.claims
      .filter(({ presets }) => !presets || presets.includes(context.preset))
      .flatMap((claim): ClaimRow[] => {
        const { statement, paper, figure, protocol } = claim;
        const expected = typeof claim.expected === 'function' ? claim.expected(preset.scale) : claim.expected;
        const alone = judgedByPart(() => claim.judge(own, context));
        if (!alone || (whole && alone.runHashes.length === 0)) return [];
        const beside = besideClaim(claim, own, context);
        // A control that was not asked for may be what leaves such a claim undecided.
        if (!beside && expected === 'not decided') return [];
        const judged = besideControl(alone, beside?.control);
        return [
          {
            claim: claim.claim,
            statement,
            ...(paper ? { paper } : {}),
            figure,
            experiment: experiment.name,
            protocol,
            expected,
            command: `prenorm reproduce --preset ${context.preset} --only ${experiment.name}`,
            ...judged,
            reason: judged.reason ?? (judged.verdict === 'holds' ? undefined : claim.reason),
            nature: claim.nature,
            ...beside,
          },
        ];
      });
  });
}

/** All figures of the experiments that take part. */
export function makeFigures(
  preset: Pick<Preset, 'experiments'>,
  records: readonly RunRecord[],
  context: JudgeContext,
): Figure[] {
  return preset.experiments.flatMap(({ experiment, runs }) =>
    experiment
      .figures(recordsOf(runs, records), context)
      .filter(({ series, heatmap }) => series.length > 0 || heatmap)
      .map((figure) => ({ ...figure, experiment: experiment.name })),
  );
}

/** Verdicts and figures of finished runs; sets progress and status of the records too. */
export function judgeRecords(
  preset: Pick<Preset, 'name' | 'scale' | 'commonRate' | 'experiments'>,
  records: RunRecord[],
): Pick<Results, 'claims' | 'figures' | 'advice'> & { unigramNll: number | null } {
  const unigramNll = records.find((run) => run.unigramNll !== undefined)?.unigramNll ?? null;
  if (unigramNll !== null) classifyRuns(records, unigramNll);
  const { name, commonRate } = preset;
  const context: JudgeContext = { preset: name, commonRate, unigramNll, log: log64 };
  const advice = preset.experiments.flatMap(
    ({ experiment, runs }) => experiment.advice?.(recordsOf(runs, records)) ?? [],
  );
  return {
    unigramNll,
    claims: judgeClaims(preset, records, context),
    figures: makeFigures(preset, records, context),
    ...(advice.length > 0 ? { advice } : {}),
  };
}

/** What was judged in a results file, from its own list; experiments that this version does not have are left out. */
export function recordedPreset(
  results: Pick<Results, 'preset' | 'seed' | 'experiments' | 'runs'>,
): Pick<Preset, 'name' | 'scale' | 'commonRate' | 'experiments'> {
  const { seed } = results;
  const { name, scale, commonRate, ...all } = makePreset(results.preset as PresetName, { seed });
  const specs = new Map(results.runs.map(({ id, config }) => [id, config as unknown as RunSpec]));
  const listed = results.experiments?.flatMap(({ name, runs: ids, partial }) => {
    const experiment = experiments.find((one) => one.name === name);
    const runs = ids.flatMap((id) => specs.get(id) ?? []);
    if (!experiment) return [];
    return [partial ? { experiment, runs, whole: experiment.runs(scale) } : { experiment, runs }];
  });
  return { name, scale, commonRate, experiments: listed ?? all.experiments };
}
