/** @file Data from a module of one's own. */
import { anything, checkOptions, integer, optional, type Rules, text } from '../../checks.js';
import type { BatchSource } from '../../data/index.js';
import { DataError } from '../../errors.js';
import { Sha256 } from '../../io/sha256.js';
import { encodeBytes } from '../../utf8.js';
import type { ModuleData } from '../data-recipe.js';
import type { TextCodec } from '../tokenizers.js';
import type { DataKind } from './kind.js';

/** What `dataset()` of a data module gives back, or promises. */
export interface ModuleDataset {
  /** Endless, resumable batches that the model reads. */
  data: BatchSource<unknown>;
  /** Batches to validate with. */
  validation?: Iterable<unknown>;
  tokenizer?: TextCodec;
  /** Tokens to train on. */
  tokens?: number;
  /** SHA-256 of all content: a run goes on with the data it began with. Default: that of the first batch. */
  sha256?: string;
  /** Rows are this long; generation reads as many tokens at once. */
  seqLen?: number;
}

const datasetRules: Rules<ModuleDataset> = {
  data: anything,
  validation: optional({
    wanted: 'batches',
    holds: (value) => typeof (value as Iterable<unknown>)?.[Symbol.iterator] === 'function',
  }),
  tokenizer: optional({
    wanted: 'a tokenizer: vocabSize, encode(), decode()',
    holds: (value) => typeof (value as TextCodec)?.encode === 'function',
  }),
  tokens: optional(integer(0)),
  sha256: optional(text),
  seqLen: optional(integer(1)),
};

/** A module. */
export const moduleKind: DataKind<ModuleData, { sha256: string; made: ModuleDataset }> = {
  kind: 'module',
  rules: {
    url: {
      wanted: 'the address of a module',
      holds: (url) => (typeof url === 'string' && url !== '') || url instanceof URL,
    },
    options: optional(anything),
  },
  contentKeys: ['url'],
  models: ['causalLM', 'transformer', 'maskedLM', 'textClassifier', 'pairClassifier', 'visionTransformer'],
  defaults: {},
  async read({ url, options }, sources) {
    const path = sources.canRead && typeof url === 'string' ? sources.moduleUrl(url) : String(url);
    const made = await load(path, options);
    return { made, sha256: made.sha256 ?? firstBatchHash(made.data) };
  },
  async open(_, { made, sha256 }) {
    const { data, validation, tokenizer, tokens, seqLen } = made;
    const held = validation && [...validation];
    return {
      sha256,
      tokenizer: tokenizer ?? null,
      tokens: tokens ?? null,
      sizes: {
        ...(tokenizer ? { vocabSize: tokenizer.vocabSize } : {}),
        ...(seqLen === undefined ? {} : { maxSeqLen: seqLen }),
      },
      heldOut: held?.length ? ['valid'] : [],
      train: () => data,
      evaluation: () => held ?? [],
      numExamples: () => null,
      oldHashes: () => (made.sha256 === undefined ? [] : [made.sha256]),
    };
  },
};

async function load(path: string, options: unknown): Promise<ModuleDataset> {
  let loaded: { dataset?: unknown; default?: unknown };
  try {
    loaded = await import(/* @vite-ignore */ /* webpackIgnore: true */ path);
  } catch (cause) {
    throw new DataError('the module of the data could not be loaded', {
      path,
      hint: 'give an absolute address, e.g. new URL("./dataset.js", import.meta.url).href',
      cause,
    });
  }
  const make = loaded.dataset ?? loaded.default;
  let made: ModuleDataset | null;
  try {
    made = typeof make === 'function' ? await make(options ?? {}) : null;
  } catch (cause) {
    throw new DataError(`dataset() of the module failed: ${(cause as Error)?.message}`, { path, cause });
  }
  const calls = ['next', 'state', 'restore'];
  const source = made?.data as Record<string, unknown> | undefined;
  if (made && calls.every((call) => typeof source?.[call] === 'function')) {
    checkOptions<ModuleDataset>(path, made, datasetRules);
    return made;
  }
  throw new DataError(
    'the module must export dataset(), which returns an object with `data`, a BatchSource: next(), state(), restore()',
    {
      path,
    },
  );
}

/** Of whatever arrays and plain values a batch has, in the order of their names. */
function firstBatchHash(data: BatchSource<unknown>): string {
  const cursor = { ...data.state() };
  const batch = data.next() as Record<string, unknown>;
  data.restore(cursor);
  const hash = new Sha256();
  for (const key of Object.keys(batch).sort()) {
    const value = batch[key];
    hash.update(encodeBytes(`${key}:`));
    if (ArrayBuffer.isView(value))
      hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else hash.update(encodeBytes(JSON.stringify(value) ?? ''));
  }
  return hash.hex();
}
