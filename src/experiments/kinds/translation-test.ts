/**
 * @file What is done with the test set once a translation run is over: decoding and scoring. The fuller test decodes
 * with the weights of the best validation NLL and with the mean of the last evaluations' weights, greedily and by beam
 * search, and scores BLEU cased and detokenised as well as lower-cased and tokenised, as most papers print it.
 */
import type { Pair } from '../../data/index.js';
import { DataError } from '../../errors.js';
import { translateAll } from '../../generate/translate.js';
import type { StateDict, Transformer } from '../../nn/index.js';
import type { OpenedPairs } from '../../recipe/index.js';
import {
  BLEU,
  type BLEUOptions,
  type BLEUScore,
  lowercase,
  pairedBootstrap,
  repeatedLoopShare,
  tokenizeWords,
  type WordLanguage,
} from '../../text/index.js';
import { averageCheckpoints } from '../../train/index.js';
import type { RunRecord } from '../results.js';
import type { TranslationRun } from './run-spec.js';

/** What a test reads of the pairs. */
export type TestData = Pick<OpenedPairs, 'tokenizer' | 'texts' | 'pairs'>;

/** BLEU with its 95 % bootstrap interval, and the share of hypotheses that end in a repeated loop. */
export function scoreTranslations(
  hypotheses: readonly string[],
  references: readonly string[],
  options: BLEUOptions = {},
): BLEUScore & { low: number; high: number; loops: number } {
  const bleu = BLEU(hypotheses, [references], options);
  const resampling = { ...options, samples: 1000, seed: 0 };
  const { low, high } = pairedBootstrap(hypotheses, undefined, [references], resampling);
  return { ...bleu, low, high, loops: repeatedLoopShare(hypotheses) };
}

/** BLEU of tokens in small letters, which is not comparable with the cased score. */
export function scoreLowerTokens(
  hypotheses: readonly string[],
  references: readonly string[],
  language: WordLanguage,
): ReturnType<typeof scoreTranslations> {
  const tokens = (text: string): string => lowercase(tokenizeWords(text, language));
  return scoreTranslations(hypotheses.map(tokens), references.map(tokens), { tokenize: 'none' });
}

/** Decodes with the weights as they are. */
export function decodeTest(
  model: Transformer,
  run: TranslationRun,
  data: TestData,
): Pick<RunRecord, 'bleu' | 'samples'> {
  const { beamSize, lengthPenalty } = decoding(run);
  const { sources, pairs } = testPart(run, data);
  return scored(translateAll(model, sources, data.tokenizer, { beamSize, lengthPenalty }), run, pairs);
}

const decoding = (run: TranslationRun) => run.decode as NonNullable<TranslationRun['decode']>;

function testPart(run: TranslationRun, data: TestData): { sources: Int32Array[]; pairs: readonly Pair[] } {
  const { sentences } = decoding(run);
  const { texts, pairs } = data;
  if (!texts.test || !pairs.test) {
    throw new DataError('there is no test part to decode', {
      op: run.id,
      hint: 'put test.tsv beside train.tsv',
    });
  }
  return {
    sources: pairs.test.slice(0, sentences).map(({ source }) => source),
    pairs: texts.test.slice(0, sentences),
  };
}

function scored(
  hypotheses: readonly string[],
  run: TranslationRun,
  pairs: readonly Pair[],
): Pick<RunRecord, 'bleu' | 'samples'> {
  const { beamSize, lengthPenalty } = decoding(run);
  const { score, low, high, signature, brevityPenalty, loops } = scoreTranslations(
    hypotheses,
    pairs.map(([, target]) => target),
  );
  return {
    bleu: {
      score,
      low,
      high,
      signature,
      brevityPenalty,
      sentences: pairs.length,
      decoding: beamSize > 1 ? `beam ${beamSize}, length penalty ${lengthPenalty}` : 'greedy',
      loops,
    },
    samples: pairs
      .slice(0, 12)
      .map(([source, reference], i) => ({ source, reference, hypothesis: hypotheses[i] })),
  };
}

/** The weights of one evaluation. */
export interface EvaluatedWeights {
  step: number;
  validNll: number;
  weights: StateDict;
}

/** Of a run's evaluations, the one with the lowest validation NLL and the last few. */
export class KeptWeights {
  #best: EvaluatedWeights | undefined;
  readonly #last: EvaluatedWeights[] = [];

  /** @param average how many of the last evaluations to keep */
  constructor(readonly average: number) {}

  /** Evaluations in the order of their steps; of equal ones the earlier is the best. */
  add(evaluation: EvaluatedWeights): void {
    if (!this.#best || evaluation.validNll < this.#best.validNll) this.#best = evaluation;
    this.#last.push(evaluation);
    if (this.#last.length > this.average) this.#last.shift();
  }

  get best(): EvaluatedWeights {
    return this.#best as EvaluatedWeights;
  }

  /** Mean of the last ones, summed in their order. */
  mean(): StateDict {
    return averageCheckpoints(this.#last.map(({ weights }) => weights));
  }
}

/** Names of the measurements of `fullTest`: which weights, which search, which BLEU. */
export const testScoreName = (
  weights: 'best' | 'average',
  search: 'greedy' | 'beam',
  flavour: 'cased 13a' | 'lowercase tokenized',
): string => `BLEU ${weights}, ${search}, ${flavour}`;

/**
 * The fuller test. `measured` holds for every combination [BLEU, low, high, brevity penalty, loop share]; the record's
 * own `bleu` is that of the best weights, beam search, cased. Leaves the best weights in the model.
 * @param evaluate validation NLL of the model as it stands
 */
export function fullTest(
  model: Transformer,
  run: TranslationRun,
  data: TestData,
  kept: KeptWeights,
  evaluate: () => number,
): Pick<RunRecord, 'bleu' | 'samples' | 'measured'> {
  const { language } = run.fullTest as NonNullable<TranslationRun['fullTest']>;
  const { beamSize, lengthPenalty } = decoding(run);
  const { sources, pairs } = testPart(run, data);
  const references = pairs.map(([, target]) => target);
  let hypotheses: string[] = [];
  const measured: NonNullable<RunRecord['measured']> = {};
  const row = (score: ReturnType<typeof scoreTranslations>): number[] => {
    return [score.score, score.low, score.high, score.brevityPenalty, score.loops];
  };
  for (const which of ['average', 'best'] as const) {
    model.loadStateDict(which === 'best' ? kept.best.weights : kept.mean());
    measured[`valid NLL ${which}`] = evaluate();
    for (const search of ['greedy', 'beam'] as const) {
      const size = search === 'greedy' ? 1 : beamSize;
      hypotheses = translateAll(model, sources, data.tokenizer, { beamSize: size, lengthPenalty });
      measured[testScoreName(which, search, 'cased 13a')] = row(scoreTranslations(hypotheses, references));
      measured[testScoreName(which, search, 'lowercase tokenized')] = row(
        scoreLowerTokens(hypotheses, references, language),
      );
    }
  }
  measured['best step'] = kept.best.step;
  // The last ones are those of the best weights by beam search.
  return { ...scored(hypotheses, run, pairs), measured };
}
