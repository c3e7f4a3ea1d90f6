/** @file Translations of sentences by beam search, in batches of similar length. */
import {
  abortSignal,
  checkOptions,
  integer,
  notNegative,
  oneOf,
  optional,
  type Rules,
  text as textRule,
} from '../checks.js';
import { brief, ConfigError, DataError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { Transformer } from '../nn/models.js';
import { pause } from '../train/pause.js';
import type { TextCodec } from './codec.js';
import { beamSteps, drained, greedySteps, type ScoredHypothesis } from './search.js';
import { encodeSource, type MarkedCodec } from './source.js';
import { translationStepper } from './stepper.js';

/** How to search. */
export interface TranslateOptions {
  /** Hypotheses kept per sentence; 1 is greedy. Default 5. */
  beamSize?: number;
  /** Scores are logProb / length^penalty. Default 1.2, the paper's. */
  lengthPenalty?: number;
  /** Hypotheses to give per sentence, at most `beamSize`. Default 1. */
  nBest?: number;
  /** Most tokens of a translation. Default: 10 more than twice its source, its end counted. */
  maxNewTokens?: number;
  /** Sentences at once. Default 16, greedily 64. */
  batchSize?: number;
  /** Rejects with an AbortError when aborted. */
  signal?: { readonly aborted: boolean };
}

/** One of the translations of a sentence. */
export interface ScoredTranslation extends ScoredHypothesis {
  text: string;
}

/** A sentence's translations. */
export interface Translation {
  /** The best. */
  text: string;
  /** The `nBest` best, best first; none for an empty sentence. */
  hypotheses: ScoredTranslation[];
}

const rules = (beamSize: number): Rules<TranslateOptions> => ({
  beamSize: optional(integer(1)),
  lengthPenalty: optional(notNegative),
  nBest: optional(integer(1, beamSize)),
  maxNewTokens: optional(integer(1)),
  batchSize: optional(integer(1)),
  signal: optional(abortSignal),
});

/**
 * The sentences that are not empty, as an encoder reads them.
 * @param name what to call sentence i in errors
 * @throws DataError for one that the model cannot read whole
 */
function encodeSentences(
  op: string,
  model: Transformer,
  tokenizer: MarkedCodec,
  sentences: readonly string[],
  name: (i: number) => string,
): { full: number[]; sources: Int32Array[] } {
  const { maxSeqLen } = model.config;
  const full = [...sentences.keys()].filter((i) => sentences[i].trim() !== '');
  const sources = full.map((i) => {
    const ids = encodeSource(tokenizer, sentences[i]);
    if (ids.length <= maxSeqLen) return ids;
    throw new DataError(
      `a sentence of ${ids.length} tokens is longer than the model's maxSeqLen ${maxSeqLen}`,
      { op, path: name(i), expected: maxSeqLen, actual: ids.length, hint: 'split it' },
    );
  });
  return { full, sources };
}

/** What a search over encoded sentences takes. */
export interface SourceSearch {
  /** Hypotheses kept per source; 1 is greedy. */
  beamSize: number;
  /** Scores are logProb / length^penalty. */
  lengthPenalty: number;
  /** Hypotheses to give per source, at most `beamSize`. Default 1. */
  nBest?: number;
  /** Most tokens of a translation. Default: 10 more than twice the source, see `defaultLimit`. */
  maxNewTokens?: number;
  /** Sources at once. Default 16, greedily 64. */
  batch?: number;
  /**
   * Whether the default of `maxNewTokens` follows each source, so that no result depends on the others, or the longest of
   * a batch. Default `source`, in translateAll `batch`.
   */
  defaultLimit?: 'source' | 'batch';
}

/**
 * Translations of encoded sources, in batches of similar length, in the order given; stops behind every step.
 * @param onDone is told how many are done, after every batch
 */
export function* translateSteps(
  model: Transformer,
  sources: readonly Int32Array[],
  tokenizer: MarkedCodec,
  options: SourceSearch,
  onDone: (sources: number) => void = () => {},
): Generator<void, ScoredHypothesis[][], void> {
  const { beamSize, lengthPenalty, nBest = 1, maxNewTokens, defaultLimit = 'source' } = options;
  const order = sources.map((_, i) => i).sort((a, b) => sources[a].length - sources[b].length || a - b);
  const out = new Array<ScoredHypothesis[]>(sources.length);
  const size = options.batch ?? (beamSize > 1 ? 16 : 64);
  for (let from = 0; from < order.length; from += size) {
    const rows = order.slice(from, from + size);
    const lengths = Int32Array.from(rows, (i) => sources[i].length);
    const longestRow = Math.max(1, ...lengths);
    const source = new Int32Array(rows.length * longestRow).fill(tokenizer.padId);
    rows.forEach((i, row) => {
      source.set(sources[i], row * longestRow);
    });
    const room = model.config.maxSeqLen - 2;
    const search = {
      bos: tokenizer.bosId,
      eos: tokenizer.eosId,
      maxLength: lengths.map((length) =>
        Math.min(maxNewTokens ?? 2 * (defaultLimit === 'batch' ? longestRow : length) + 10, room),
      ),
    };
    const stepper = translationStepper(model, source, lengths);
    try {
      const found = yield* beamSize > 1
        ? beamSteps(stepper, { ...search, beamSize, lengthPenalty })
        : greedySteps(stepper, search);
      rows.forEach((i, row) => {
        out[i] = found[row].slice(0, nBest);
      });
      onDone(from + rows.length);
    } finally {
      stepper.release?.();
    }
  }
  return out;
}

/**
 * Translations of encoded sources at once, the best of each as text. Their default limit is that of the longest source in
 * a batch: the results of the registered experiments were made so.
 * @throws ConfigError for an unknown option or one out of range
 */
export function translateAll(
  model: Transformer,
  sources: readonly Int32Array[],
  tokenizer: MarkedCodec,
  options: SourceSearch,
): string[] {
  checkOptions<SourceSearch>('translateAll', options, searchRules(options?.beamSize));
  const found = drained(translateSteps(model, sources, tokenizer, { defaultLimit: 'batch', ...options }));
  return found.map(([{ ids }]) => tokenizer.decode(ids));
}

const searchRules = (beamSize: number): Rules<SourceSearch> => ({
  beamSize: integer(1),
  lengthPenalty: notNegative,
  nBest: optional(integer(1, beamSize)),
  maxNewTokens: optional(integer(1)),
  batch: optional(integer(1)),
  defaultLimit: optional(oneOf('source', 'batch')),
});

/** @throws ConfigError for an unknown option or one out of range. @internal */
export function checkTranslateOptions(options: TranslateOptions): void {
  checkOptions('translate', options, rules((options as TranslateOptions | null)?.beamSize ?? 5));
}

/**
 * Translates sentences by beam search; an empty sentence gives an empty translation. Dropout is off. It lets the host
 * breathe between steps and uses the weights of the moment.
 * @throws ConfigError for an unknown option or one out of range, or what is no Transformer or no tokenizer
 * @throws DataError naming the sentence that is longer than the model's maxSeqLen
 * @throws DOMException AbortError when the signal is aborted
 */
export async function translate(
  model: LibraryModel,
  tokenizer: MarkedCodec | TextCodec | null,
  sentences: readonly string[],
  options: TranslateOptions = {},
): Promise<Translation[]> {
  checkTranslation('translate', model, tokenizer);
  checkTranslateOptions(options);
  if (!Array.isArray(sentences)) throw noSentences(sentences, 'sentences');
  sentences.forEach((sentence, i) => {
    if (!textRule.holds(sentence)) throw noSentences(sentence, `sentences[${i}]`);
  });
  const { signal } = options;
  const [whole, marked] = [model as Transformer, tokenizer as MarkedCodec];
  const steps = sentenceSteps(whole, marked, sentences, options, (i) => `sentences[${i}]`);
  try {
    for (;;) {
      if (signal?.aborted) throw new DOMException('the translation was aborted', 'AbortError');
      const { done, value } = steps.next();
      if (done) return value;
      await pause();
    }
  } finally {
    steps.return([]);
  }
}

/** `translate` step by step, with names for the sentences in errors, e.g. lines of a file. @internal */
export function* sentenceSteps(
  model: Transformer,
  tokenizer: MarkedCodec,
  sentences: readonly string[],
  options: TranslateOptions,
  name: (i: number) => string,
  onDone?: (sentences: number) => void,
): Generator<void, Translation[], void> {
  const { beamSize = 5, lengthPenalty = 1.2, nBest, maxNewTokens, batchSize: batch } = options;
  const { full, sources } = encodeSentences('translate', model, tokenizer, sentences, name);
  const search = { beamSize, lengthPenalty, nBest, maxNewTokens, batch };
  const found = yield* translateSteps(model, sources, tokenizer, search, onDone);
  return placed(sentences.length, full, found, tokenizer);
}

function placed(
  count: number,
  full: readonly number[],
  found: readonly ScoredHypothesis[][],
  tokenizer: MarkedCodec,
): Translation[] {
  const out: Translation[] = Array.from({ length: count }, () => ({ text: '', hypotheses: [] }));
  full.forEach((sentence, i) => {
    const hypotheses = found[i].map((one) => ({ text: tokenizer.decode(one.ids), ...one }));
    out[sentence] = { text: hypotheses[0].text, hypotheses };
  });
  return out;
}

/** @throws ConfigError for what does not translate */
function checkTranslation(op: string, model: LibraryModel, tokenizer: MarkedCodec | TextCodec | null): void {
  if (!(model instanceof Transformer)) {
    throw new ConfigError('only a Transformer translates', { op, expected: 'Transformer', actual: model });
  }
  const { encode, decode, bosId, eosId, padId }: Partial<MarkedCodec> = tokenizer ?? {};
  const marks = [bosId, eosId, padId].every((id) => Number.isInteger(id));
  if (typeof encode === 'function' && typeof decode === 'function' && marks) return;
  const wanted = 'a tokenizer with encode, decode, padId, bosId and eosId';
  throw new ConfigError(`tokenizer must be ${wanted}`, { op, expected: wanted, actual: tokenizer });
}

const noSentences = (actual: unknown, name: string): DataError =>
  new DataError(
    `${name} must be ${name === 'sentences' ? 'a list of texts' : 'a text'}, got ${brief(actual)}`,
    {
      op: 'translate',
      actual,
    },
  );
