/** @file A file of one's own that a trained model is judged by: read as the kind of data that such models train on. */
import { ConfigError } from '../../errors.js';
import { encodeBytes } from '../../utf8.js';
import type { DataRecipe, TextData } from '../data-recipe.js';
import { noFiles, type Sources } from '../sources.js';
import type { TextCodec } from '../tokenizers.js';
import type { OpenedData } from './kind.js';
import type { ReadMasked } from './masked.js';
import { dataKind } from './table.js';
import { textToJudge } from './text.js';

/** Stands for the file in a recipe; a name of embedded data would mean those. */
const SOURCE = 'file';

/** What a file is judged with: what is known of the trained model. */
export interface Judge {
  /** The kind of the model, as recipes name it. */
  kind: string;
  config: { maxSeqLen?: number; numSegments?: number; multiLabel?: boolean };
  tokenizer: TextCodec | null;
  /** Names of the classes in the order of their numbers; null for models that do not classify. */
  labels: readonly string[] | null;
  /** The recipe's data, whose options hold where the file is of the same kind. */
  data?: DataRecipe;
}

/** What comes of the file: its examples are the part `valid`. */
export type OwnFile = Pick<OpenedData, 'evaluation' | 'numExamples' | 'textBytes'> & Partial<OpenedData>;

/**
 * Reads a file as held-out data of a trained model: text for a causalLM, source TAB target for a transformer, text TAB
 * label (text TAB text TAB label for a model of pairs) for a classifier, sentences in documents for a maskedLM.
 * @param path of the file, for messages
 * @throws ConfigError for other kinds of models; DataError for what is no such file
 */
export async function openOwnFile(bytes: Uint8Array, path: string, judge: Judge): Promise<OwnFile> {
  const { kind, config, tokenizer, labels } = judge;
  const wanted = kindFor(judge, bytes);
  if (wanted === undefined || tokenizer === null) {
    throw new ConfigError(
      `a ${kind}${tokenizer === null ? ' without a tokenizer' : ''} cannot be judged by a file of texts`,
      {
        path,
        expected: 'a causalLM, a maskedLM, a transformer or a textClassifier',
        actual: kind,
        hint: 'leave out --input',
      },
    );
  }
  const { maxSeqLen = 64 } = config;
  const options: Partial<DataRecipe> = judge.data?.kind === wanted ? judge.data : {};
  if (wanted === 'text') {
    const { batchSize = 16, seqLen = maxSeqLen } = options as Partial<TextData>;
    const content = await dataKind({ kind: 'text' }).read(
      { kind: 'text', source: SOURCE },
      sources(bytes, path),
    );
    return textToJudge((content as unknown as { whole: string }).whole, path, tokenizer, {
      batchSize,
      seqLen,
    });
  }
  const { contentKeys } = dataKind({ kind: wanted } as DataRecipe);
  const rest = Object.fromEntries(Object.entries(options).filter(([key]) => !contentKeys.includes(key)));
  const data = {
    kind: wanted,
    source: SOURCE,
    // What is left to the data was decided by the data of the training, and the model is that long.
    ...(wanted === 'pairs' ? {} : { maxLen: maxSeqLen }),
    ...rest,
  } as unknown as DataRecipe;
  const own = dataKind(data);
  if (wanted === 'masked') {
    const all = { ...data, validation: 0 } as DataRecipe;
    const { parts, ...read } = (await own.read(all, sources(bytes, path))) as unknown as ReadMasked;
    const held: ReadMasked = { ...read, parts: { train: [], valid: parts.train } };
    return own.open(data, held, async () => tokenizer);
  }
  const train = wanted === 'pairs' ? undefined : labelLines(labels ?? [], wanted);
  return own.open(data, await own.read(data, sources(bytes, path, train)), async () => tokenizer);
}

type OwnKind = 'text' | 'pairs' | 'labelledTexts' | 'labelledPairs' | 'masked';

function kindFor({ kind, config, data }: Judge, bytes: Uint8Array): OwnKind | undefined {
  if (kind === 'causalLM') return 'text';
  if (kind === 'transformer') return 'pairs';
  if (kind === 'maskedLM') return 'masked';
  if (kind !== 'textClassifier' && kind !== 'pairClassifier') return undefined;
  if (data?.kind === 'labelledTexts' || data?.kind === 'labelledPairs') return data.kind;
  // One that knows pairs reads single texts too: the first line says which they are.
  return config.numSegments === 2 && tabsOfFirst(bytes) > 1 ? 'labelledPairs' : 'labelledTexts';
}

function tabsOfFirst(bytes: Uint8Array): number {
  let tabs = 0;
  for (const byte of bytes) {
    if (byte === 10) break;
    if (byte === 9) tabs++;
  }
  return tabs;
}

/** A training part that says which classes there are, in their order; nothing is learned from it. */
function labelLines(labels: readonly string[], kind: 'labelledTexts' | 'labelledPairs'): string {
  const before = kind === 'labelledPairs' ? '-\t-' : '-';
  return labels.map((label) => `${before}\t${label}\n`).join('');
}

/** A folder whose parts are all that one file, but for the training part where another is given. */
function sources(bytes: Uint8Array, path: string, train?: string): Sources {
  const training = `${path} `;
  return {
    ...noFiles,
    canRead: true,
    resolve: () => path,
    exists: (name) => !name.endsWith('test.tsv'),
    join: (_, part) =>
      part === 'train.tsv' && train !== undefined ? training : part === 'test.tsv' ? part : path,
    read: async (name) => (name === training ? encodeBytes(train as string) : bytes),
  };
}
