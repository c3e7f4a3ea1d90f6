/**
 * @file How sure a BLEU score is: bootstrap resampling of segments (Koehn, 2004), with the interval and the
 * p value that sacreBLEU's `--paired-bs` reports. Only the random numbers differ: they come from RandomStream,
 * so that a seed gives the same interval on every engine.
 */
import { checkOptions, integer, optional, seed as seedRule } from '../checks.js';
import { RandomStream } from '../random.js';
import {
  addStatistics,
  type BLEUOptions,
  bleuRules,
  type References,
  readOptions,
  STATISTICS,
  scoreStatistics,
  segmentStatistics,
  signatureOf,
} from './bleu.js';

/** BLEU's options, and how it is resampled. */
export interface BootstrapOptions extends BLEUOptions {
  /** Resamples. Default 1000. */
  samples?: number;
  /** Seed of the resamples. Default 12345, as sacreBLEU's, though the numbers drawn are others. */
  seed?: number;
}

/** A score with its 95 % interval. */
export interface BootstrapInterval {
  /** On the segments as they are. */
  score: number;
  /** Mean over the resamples. */
  mean: number;
  /** 2.5 % of the resamples lie below. */
  low: number;
  /** 2.5 % lie above. */
  high: number;
}

/** The interval of system A; with a system B also the latter's, the difference's, and the p value. */
export interface BootstrapResult extends BootstrapInterval {
  /** System B. */
  other?: BootstrapInterval;
  /** A minus B, resampled together. */
  difference?: BootstrapInterval;
  /** Chance of a difference at least this large, either way, if the two were equally good. */
  pValue?: number;
  /** In sacreBLEU's form, with `bs` and `seed`. */
  signature: string;
}

/**
 * BLEU of system A with a 95 % interval and, when a system B is given, a paired test of their difference.
 * Needs `await init()` first.
 * @param systemA (segments)
 * @param systemB (segments), undefined for none
 * @param references (translators, segments)
 * @throws DataError, ConfigError as `BLEU` does; ConfigError for bad `samples` or `seed`
 */
export function pairedBootstrap(
  systemA: readonly string[],
  systemB: readonly string[] | undefined,
  references: References,
  options: BootstrapOptions = {},
): BootstrapResult {
  const op = 'pairedBootstrap';
  checkOptions(op, options, { ...bleuRules, samples: optional(integer(1)), seed: optional(seedRule) });
  const { samples = 1000, seed = 12345, ...bleuOptions } = options;
  const settings = readOptions(op, bleuOptions, false);
  const a = segmentStatistics(op, systemA, references, settings);
  const b = systemB === undefined ? undefined : segmentStatistics(op, systemB, references, settings);
  const scoreOf = (rows: readonly Float64Array[], chosen?: Int32Array) => {
    const sum = new Float64Array(STATISTICS);
    for (let i = 0; i < rows.length; i++) addStatistics(sum, rows[chosen === undefined ? i : chosen[i]]);
    return scoreStatistics(sum, settings, '').score;
  };

  const stream = new RandomStream(seed, 'bleu.bootstrap');
  const chosen = new Int32Array(a.rows.length);
  const scoresA = new Float64Array(samples);
  const scoresB = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    for (let i = 0; i < chosen.length; i++) chosen[i] = stream.nextInt(chosen.length);
    scoresA[s] = scoreOf(a.rows, chosen);
    if (b !== undefined) scoresB[s] = scoreOf(b.rows, chosen);
  }
  const signature = signatureOf(settings, a.numRefs, [`bs:${samples}`, `seed:${seed}`]);
  const score = scoreOf(a.rows);
  const result: BootstrapResult = { ...interval(score, scoresA), signature };
  if (b === undefined) return result;
  const scoreB = scoreOf(b.rows);
  const differences = scoresA.map((value, s) => value - scoresB[s]);
  result.other = interval(scoreB, scoresB);
  result.difference = interval(score - scoreB, differences);
  result.pValue = pValue(score - scoreB, differences);
  return result;
}

/** The middle 95 %: a fortieth is cut off at each end. */
function interval(score: number, samples: Float64Array): BootstrapInterval {
  const sorted = Float64Array.from(samples).sort();
  const cut = Math.floor(sorted.length / 40);
  return { score, mean: mean(samples), low: sorted[cut], high: sorted[sorted.length - 1 - cut] };
}

/**
 * The resampled distances, shifted to where they would lie if the systems were equal, against the real one.
 * sacreBLEU counts only larger distances, which gives two identical systems a p value of 0.001; here it is 1.
 */
function pValue(difference: number, samples: Float64Array): number {
  const distances = samples.map(Math.abs);
  const centre = mean(distances);
  const beyond = distances.filter((distance) => distance - centre >= Math.abs(difference)).length;
  return (beyond + 1) / (distances.length + 1);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
