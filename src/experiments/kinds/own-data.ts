/**
 * @file One's own data before anything is run on it: pairs of sentences or a plain text, how long its longest line is, and
 * whether what is held out is enough for the registered margin.
 *
 * How much is enough: the mean NLL of n held-out sentences has a standard error that falls as 1 / sqrt(n). It is taken from
 * the losses of a model that knows how frequent each token is, and no more (a ratio estimate over sentences). Two standard
 * errors have to fit into the margin, and fewer than 100 sentences do not tell their own spread. Arms are compared on the same sentences, so their differences vary less: the number
 * errs on the safe side.
 */
import { DataError } from '../../errors.js';
import { type OpenedPairs, type OpenedText, openData, type Sources } from '../../recipe/index.js';
import { log64 } from '../../runtime/math.js';

/** What counts as a difference on one's own data, in nats per token. */
export const OWN_MARGIN = 0.1;
/** Fewer sentences than these do not tell their own spread. */
const LEAST = 100;
/** Tokens of a batch of pairs, unless the longest line needs more. */
const MAX_TOKENS = 700;
const VOCAB = 1900;
/** Characters of a window of text, the sentence of a text. */
const WINDOW = 64;

/** What `reproduce --data` knows of a folder before it runs anything. */
export interface OwnData {
  /** Pairs of sentences, or a text. */
  kind: 'pairs' | 'text';
  /** Folder or file. */
  source: string;
  /** Sentences, or windows of a text, that are held out. */
  heldOut: number;
  /** As many are needed for the margin. */
  needed: number;
  /** All sentences, or windows. */
  examples: number;
  /** Bound of a batch of pairs; 0 of a text. */
  maxTokens: number;
  /** Standard error of the mean NLL over what is held out, in nats. */
  standardError: number;
}

/** Tokenizer of own data. */
export const ownTokenizer = {
  pairs: { kind: 'bpe', vocabSize: VOCAB },
  text: { kind: 'chars' },
} as const;

/** The NLL of every token as its frequency in `train` has it; one more is counted of each, so that none is impossible. */
function unigram(train: readonly ArrayLike<number>[], vocabSize: number): (id: number) => number {
  const counts = new Float64Array(vocabSize).fill(1);
  let total = vocabSize;
  for (const ids of train) {
    for (let i = 0; i < ids.length; i++) counts[ids[i]]++;
    total += ids.length;
  }
  return (id) => -log64(counts[id] / total);
}

/** Standard error of the mean NLL per token over sentences: that of a ratio of two sums. */
function standardErrorOf(sentences: readonly ArrayLike<number>[], nll: (id: number) => number): number {
  const sums = sentences.map((ids) => {
    let sum = 0;
    for (let i = 0; i < ids.length; i++) sum += nll(ids[i]);
    return { sum, tokens: ids.length };
  });
  const tokens = sums.reduce((all, one) => all + one.tokens, 0);
  const mean = sums.reduce((all, one) => all + one.sum, 0) / tokens;
  const squares = sums.reduce((all, { sum, tokens: n }) => all + (sum - mean * n) * (sum - mean * n), 0);
  return Math.sqrt((squares * sums.length) / Math.max(1, sums.length - 1)) / tokens;
}

interface Measured {
  train: readonly ArrayLike<number>[];
  heldOut: readonly ArrayLike<number>[];
  vocabSize: number;
}

/** Sentences that have to be held out so that two standard errors fit into the margin. */
export function sentencesNeeded({ train, heldOut, vocabSize }: Measured): {
  needed: number;
  standardError: number;
} {
  const standardError = standardErrorOf(heldOut, unigram(train, vocabSize));
  const ratio = (2 * standardError) / OWN_MARGIN;
  const needed = Math.ceil(heldOut.length * ratio * ratio);
  return { needed: needed < LEAST ? LEAST : needed, standardError };
}

async function readPairs(source: string, sources: Sources): Promise<OwnData> {
  const recipe = { data: { kind: 'pairs', source }, tokenizer: ownTokenizer.pairs } as const;
  const opened = (await openData(recipe, { sources })) as OpenedPairs;
  const { eosId, vocabSize } = opened.tokenizer;
  const targets = (part: OpenedPairs['pairs']['train'] = []) => part.map(({ target }) => [...target, eosId]);
  const [train, heldOut] = [targets(opened.pairs.train), targets(opened.pairs.valid)];
  const longest = Object.values(opened.pairs)
    .flat()
    .reduce((most, { source: from, target }) => Math.max(most, from.length + target.length + 1), 0);
  return {
    kind: 'pairs',
    source,
    heldOut: heldOut.length,
    examples: train.length + heldOut.length,
    maxTokens: Math.max(MAX_TOKENS, longest),
    ...sentencesNeeded({ train, heldOut, vocabSize }),
  };
}

async function readText(source: string, sources: Sources): Promise<OwnData> {
  const recipe = { data: { kind: 'text', source }, tokenizer: ownTokenizer.text } as const;
  const opened = (await openData(recipe, { sources })) as OpenedText;
  const held = opened.evaluation('valid', WINDOW) as { targets: Int32Array; seqLen: number }[];
  const heldOut = held.flatMap(({ targets, seqLen }) =>
    Array.from({ length: targets.length / seqLen }, (_, row) =>
      targets.subarray(row * seqLen, (row + 1) * seqLen).filter((id) => id >= 0),
    ),
  );
  const train = [opened.ids];
  return {
    kind: 'text',
    source,
    heldOut: heldOut.length,
    examples: Math.floor(opened.ids.length / WINDOW) + heldOut.length,
    maxTokens: 0,
    ...sentencesNeeded({ train, heldOut, vocabSize: opened.sizes.vocabSize as number }),
  };
}

/**
 * What lies in a folder: train.tsv (and valid.tsv, test.tsv) is pairs, text.txt a text.
 * @throws DataError where there is neither, or what is there cannot be read
 */
export async function readOwnData(source: string, sources: Sources): Promise<OwnData> {
  const path = sources.resolve(source);
  if (sources.exists(sources.join(path, 'train.tsv'))) return readPairs(source, sources);
  if (sources.exists(sources.join(path, 'text.txt'))) return readText(source, sources);
  throw new DataError('there is neither train.tsv (pairs of sentences) nor text.txt (a text) in it', {
    op: '--data',
    path,
    hint: 'make the folder of your own files with `prenorm prepare`',
  });
}

/**
 * Stops where what is held out is too little for the margin.
 * @throws DataError that says how many sentences are needed
 */
export function refuseTooSmall({ kind, source, heldOut, needed, examples }: OwnData): void {
  if (heldOut >= needed) return;
  const share = heldOut / examples;
  const least = Number.isFinite(needed) ? needed : LEAST;
  const inAll = Math.ceil(least / (share > 0 ? share : 0.1));
  const unit = kind === 'pairs' ? 'sentences' : `windows of ${WINDOW} characters`;
  throw new DataError(
    `${heldOut} ${unit} are held out of ${examples}, too few for a margin of ${OWN_MARGIN} nats: it needs ${least} ${unit} held out, some ${inAll} in all`,
    {
      op: '--data',
      path: source,
      expected: least,
      actual: heldOut,
      hint:
        kind === 'pairs'
          ? 'bring more pairs, or a larger valid.tsv; `prenorm train` trains on what there is'
          : 'bring a longer text; `prenorm train` trains on what there is',
    },
  );
}
