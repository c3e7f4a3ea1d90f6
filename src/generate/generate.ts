/** @file A language model continues texts: as an iterator of text, or the whole at once. */
import {
  abortSignal,
  checkOptions,
  checkValue,
  fraction,
  integer,
  notNegative,
  optional,
  positive,
  type Rule,
  type Rules,
  seed,
} from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { CausalLM } from '../nn/models.js';
import { pause } from '../train/pause.js';
import { hasLoneSurrogate } from '../utf8.js';
import { checkCodec, type TextCodec } from './codec.js';
import { Continuation, type Generated, type Piece } from './continuation.js';

/** How a text goes on. */
export interface GenerateOptions {
  /** Most tokens to generate. Default 100. */
  maxNewTokens?: number;
  /** Below 1 keeps to what is probable, above 1 strays; 0 always takes the most probable token. Default 1. */
  temperature?: number;
  /** Draw among the k most probable only. Default: all. */
  topK?: number;
  /** Draw among the fewest most probable whose probabilities sum to p; above 0, at most 1. Default 1. */
  topP?: number;
  /** Draw among those at least p times as probable as the most probable. Default 0. */
  minP?: number;
  /**
   * Divides the positive logits of the tokens that the model sees already and multiplies the negative (Keskar et al.
   * 2019); above 1 repeats less. Default 1.
   */
  repetitionPenalty?: number;
  /**
   * Equal seeds give equal text, everywhere. Each prompt draws from the beginning of a stream of its own, so that equal
   * prompts give equal texts unless there is a seed for each. Default 0.
   */
  seed?: number | readonly number[];
  /** A string, or several, that ends the text; neither it nor what follows is yielded. Default: none. */
  stop?: string | readonly string[];
  /** Ends the text when aborted, with the reason 'aborted'. */
  signal?: { readonly aborted: boolean };
  /** Id that ends the text, or several; null for none. Default: the tokenizer's `eosIds`, else its `eosId`, where it has one. */
  eos?: number | readonly number[] | null;
  /** Tokens that the model sees at once, at most. Default: its maxSeqLen. */
  context?: number;
}

/** A text, or its ids. */
export type Prompt = string | ArrayLike<number>;

const stopRule: Rule = {
  wanted: 'a string that is not empty and has no half of a character, or several',
  holds: (value) =>
    (Array.isArray(value) ? value : [value]).every(
      (stop) => typeof stop === 'string' && stop !== '' && !hasLoneSurrogate(stop),
    ),
};
const topP: Rule = {
  wanted: 'a number above 0, at most 1',
  holds: (value) => typeof value === 'number' && value > 0 && value <= 1,
};
const nullable = ({ wanted, holds }: Rule): Rule => ({
  wanted: `${wanted}, or null`,
  holds: (value) => value === null || holds(value),
});

const oneOrMore = ({ wanted, holds }: Rule): Rule => ({
  wanted: `${wanted}, or a list of them`,
  holds: (value) => (Array.isArray(value) ? value : [value]).every(holds),
});

const seeds = (count: number | null): Rule => ({
  wanted: `${seed.wanted}${count === null ? '' : ', or one for each of the prompts'}`,
  holds: (value) =>
    seed.holds(value) ||
    (count !== null && Array.isArray(value) && value.length === count && value.every(seed.holds)),
});

/** @param count number of prompts, null for a single one */
const rules = (vocabSize: number, maxSeqLen: number, count: number | null): Rules<GenerateOptions> => ({
  maxNewTokens: optional(integer(0)),
  temperature: optional(notNegative),
  topK: optional(integer(1)),
  topP: optional(topP),
  minP: optional(fraction),
  repetitionPenalty: optional(positive),
  seed: optional(seeds(count)),
  stop: optional(stopRule),
  signal: optional(abortSignal),
  eos: optional(nullable(oneOrMore(integer(0, vocabSize - 1)))),
  context: optional(integer(1, maxSeqLen)),
});

/**
 * Continues a prompt. Yields text as soon as it is certain, never half a character; returns the whole with the reason it
 * ended. Of several prompts it yields `{ index, text }`, and each is what it would be alone. Without a tokenizer prompts
 * are ids, and ids are yielded. Dropout is off. It lets the host breathe between tokens and uses the weights of the
 * moment; a text beyond the context goes on from its last half (docs/api.md).
 * @throws ConfigError for an unknown option or one out of range, or what is no language model or no tokenizer
 * @throws DataError for an empty prompt
 */
export function generate(
  model: LibraryModel,
  tokenizer: TextCodec,
  prompt: Prompt,
  options?: GenerateOptions,
): AsyncGenerator<string, Generated, undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: TextCodec,
  prompts: readonly Prompt[],
  options?: GenerateOptions,
): AsyncGenerator<{ index: number; text: string }, Generated[], undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: null,
  prompt: ArrayLike<number>,
  options?: GenerateOptions,
): AsyncGenerator<number, Generated<null>, undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: null,
  prompts: readonly ArrayLike<number>[],
  options?: GenerateOptions,
): AsyncGenerator<{ index: number; id: number }, Generated<null>[], undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompt: string,
  options?: GenerateOptions,
): AsyncGenerator<string, Generated, undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompts: readonly string[],
  options?: GenerateOptions,
): AsyncGenerator<{ index: number; text: string }, Generated[], undefined>;
export function generate(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompt: Prompt | readonly Prompt[],
  options: GenerateOptions = {},
): AsyncGenerator<never, never, undefined> {
  const { run, several } = begin('generate', model, tokenizer, prompt, options);
  const shown = (piece: Piece): unknown => {
    if (several) return piece;
    return 'text' in piece ? piece.text : piece.id;
  };
  return pieces(run, options.signal, shown, () =>
    several ? run.results() : run.results()[0],
  ) as AsyncGenerator<never, never, undefined>;
}

async function* pieces(
  run: Continuation,
  signal: GenerateOptions['signal'],
  shown: (piece: Piece) => unknown,
  results: () => unknown,
): AsyncGenerator<unknown, unknown, undefined> {
  try {
    while (!run.done) {
      for (const piece of signal?.aborted ? run.abort() : run.step()) yield shown(piece);
      await pause();
    }
  } finally {
    run.release();
  }
  return results();
}

/**
 * The same as `generate`, all at once: the text, why it ended, and the ids.
 * @throws ConfigError, DataError as `generate`
 */
export function generateText(
  model: LibraryModel,
  tokenizer: TextCodec,
  prompt: Prompt,
  options?: GenerateOptions,
): Promise<Generated>;
export function generateText(
  model: LibraryModel,
  tokenizer: TextCodec,
  prompts: readonly Prompt[],
  options?: GenerateOptions,
): Promise<Generated[]>;
export function generateText(
  model: LibraryModel,
  tokenizer: null,
  prompt: ArrayLike<number>,
  options?: GenerateOptions,
): Promise<Generated<null>>;
export function generateText(
  model: LibraryModel,
  tokenizer: null,
  prompts: readonly ArrayLike<number>[],
  options?: GenerateOptions,
): Promise<Generated<null>[]>;
export function generateText(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompt: string,
  options?: GenerateOptions,
): Promise<Generated>;
export function generateText(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompts: readonly string[],
  options?: GenerateOptions,
): Promise<Generated[]>;
export async function generateText(
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompt: Prompt | readonly Prompt[],
  options: GenerateOptions = {},
): Promise<unknown> {
  const { run, several } = begin('generateText', model, tokenizer, prompt, options);
  try {
    while (!run.done) {
      if (options.signal?.aborted) run.abort();
      else run.step();
      await pause();
    }
  } finally {
    run.release();
  }
  return several ? run.results() : run.results()[0];
}

/** One prompt without a pause, for whoever must not let the weights change meanwhile. @internal */
export function generateNow(
  op: string,
  model: CausalLM,
  tokenizer: TextCodec | null,
  prompt: Prompt,
  options: GenerateOptions,
): Generated<string | null> {
  const { run } = begin(op, model, tokenizer, prompt, options);
  try {
    while (!run.done) run.step();
  } finally {
    run.release();
  }
  return run.results()[0];
}

/** Checks everything; nothing is computed yet. */
function begin(
  op: string,
  model: LibraryModel,
  tokenizer: TextCodec | null,
  prompt: Prompt | readonly Prompt[],
  options: GenerateOptions,
): { run: Continuation; several: boolean } {
  if (!(model instanceof CausalLM)) {
    throw new ConfigError('only a CausalLM continues a text', { op, expected: 'CausalLM', actual: model });
  }
  checkCodec(op, tokenizer);
  const { vocabSize, maxSeqLen } = model.config;
  const several = Array.isArray(prompt) && typeof prompt[0] !== 'number' && prompt.length > 0;
  const prompts = (several ? prompt : [prompt]) as readonly Prompt[];
  checkOptions(op, options, rules(vocabSize, maxSeqLen, several ? prompts.length : null));
  const { stop = [], context = maxSeqLen, seed: given = 0 } = options;
  const { eos = tokenizer?.eosIds ?? tokenizer?.eosId ?? null } = options;
  if (!tokenizer && stop.length > 0) {
    throw new ConfigError('without a tokenizer there is no text in which `stop` could come', {
      op,
      hint: 'use `eos`, an id',
    });
  }
  const begun = prompts.map((one, i) => {
    return promptIds(op, several ? `prompts[${i}]` : 'the prompt', one, tokenizer, vocabSize);
  });
  const run = new Continuation(model, tokenizer, begun, {
    maxNewTokens: options.maxNewTokens ?? 100,
    filters: { temperature: options.temperature ?? 1, ...kept(options) },
    repetitionPenalty: options.repetitionPenalty ?? 1,
    seeds: prompts.map((_, i) => (typeof given === 'number' ? given : given[i])),
    stops: typeof stop === 'string' ? [stop] : stop,
    eos: new Set(typeof eos === 'number' ? [eos] : eos),
    context,
  });
  return { run, several };
}

const kept = ({ topK, topP, minP }: GenerateOptions) => ({ topK, topP, minP });

function promptIds(
  op: string,
  name: string,
  prompt: Prompt,
  tokenizer: TextCodec | null,
  vocabSize: number,
): number[] {
  if (typeof prompt === 'string' && !tokenizer) {
    throw new ConfigError(`${name} must be ids, because there is no tokenizer`, { op, actual: prompt });
  }
  if (typeof prompt !== 'string' && typeof prompt?.length !== 'number') {
    throw new ConfigError(`${name} must be a text or ids`, { op, expected: 'a text or ids', actual: prompt });
  }
  const ids = Array.from(typeof prompt === 'string' ? (tokenizer as TextCodec).encode(prompt) : prompt);
  if (ids.length === 0) throw new DataError(`${name} is empty`, { op, hint: 'give one character at least' });
  const rule = integer(0, vocabSize - 1);
  ids.forEach((id, i) => {
    checkValue(op, `${name}[${i}]`, id, rule);
  });
  return ids;
}
