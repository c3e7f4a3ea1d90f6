/**
 * @file Texts and labelled pairs of the pre-training experiment (Fig. 5).
 *
 * Embedded: running text are the verses of Genesis in their order, the last tenth held out; beside them stand German
 * interface messages with their translations, two segments of a row without a next-sentence label. The task to
 * fine-tune on takes pairs that pre-training has not seen: is this English message the translation of that German one?
 * A wrong one is another message of the same part. One's own data is a folder: text.txt (a sentence a line,
 * an empty line between documents), pairs-train.tsv and pairs-dev.tsv (text TAB text TAB label), e.g. MRPC or RTE.
 */
import {
  type LabelledPair,
  type LabelledTokens,
  loadKjv,
  loadUiDeEn,
  type MaskedTexts,
  type Pair,
  parseLabelledPairs,
} from '../../data/index.js';
import { RandomStream } from '../../random.js';
import { divideDocuments, type Sources } from '../../recipe/index.js';
import { decodeText, type MaskedMarks, maskedMarks, trainBPE } from '../../text/index.js';
import { entropy } from '../statistics.js';

export interface BertData {
  /** `kjv+ui-de-en` is embedded; anything else is a folder. */
  name: string;
  /** Size of the BPE; the model has one row more, for the mask. */
  vocabSize: number;
  /** Bound of rows times padded length, of a pre-training batch. */
  maxTokens: number;
  maxLen: number;
  /** Of the embedded training pairs the last so many are kept from pre-training, for the task. */
  taskPairs: number;
  /** A wrong translation is the most alike of so many random messages; 1 for any message. */
  candidates: number;
}

export interface PreparedBert {
  marks: MaskedMarks;
  train: MaskedTexts;
  valid: MaskedTexts;
  /** The task's training part in two: to learn from, and to choose rates on. */
  learn: LabelledTokens[];
  choose: LabelledTokens[];
  dev: LabelledTokens[];
  numClasses: number;
  /** Accuracy on dev of always saying the class most frequent in the training part. */
  majority: number;
  /** Entropy of the training texts' unigram distribution, per token: what a model knows without looking. */
  unigramNll: number;
}

/** What was read. */
export interface RawTexts {
  documents: { train: string[][]; valid: string[][] };
  pairs: { train: Pair[]; valid: Pair[] };
  task: { train: LabelledPair[]; dev: LabelledPair[]; numClasses: number };
}

const EMBEDDED = 'kjv+ui-de-en';
/** Held-out message pairs that enter the validation loss: as many rows as verses, nearly. */
const VALID_PAIRS = 150;

/** The texts of a pre-training and its task. */
export function readBert(data: BertData, sources: Sources): Promise<RawTexts> {
  return data.name === EMBEDDED ? embedded(data) : folder(data.name, sources);
}

/** The same as tokens. */
export function prepareBert(data: BertData, raw: RawTexts): PreparedBert {
  const corpus = [...raw.documents.train.flat(), ...raw.pairs.train.flat()];
  const bpe = trainBPE(corpus, { vocabSize: data.vocabSize });
  const texts = (part: 'train' | 'valid'): MaskedTexts => ({
    documents: raw.documents[part].map((document) => document.map((sentence) => bpe.encode(sentence))),
    pairs: raw.pairs[part].map(([a, b]) => [bpe.encode(a), bpe.encode(b)] as const),
  });
  const tokens = (pairs: readonly LabelledPair[]): LabelledTokens[] =>
    pairs.map(({ first, second, label }) => ({
      first: bpe.encode(first),
      second: bpe.encode(second),
      label,
    }));
  const { train, dev, numClasses } = raw.task;
  // The last fifth chooses; pairs of one sentence stand beside each other, so the cut divides none but one.
  const cut = train.length - Math.floor(train.length / 5);
  const counts = Array.from(
    { length: numClasses },
    (_, c) => train.filter(({ label }) => label === c).length,
  );
  const most = counts.indexOf(Math.max(...counts));
  const known = texts('train');
  return {
    marks: maskedMarks(bpe),
    train: known,
    valid: texts('valid'),
    learn: tokens(train.slice(0, cut)),
    choose: tokens(train.slice(cut)),
    dev: tokens(dev),
    numClasses,
    majority: dev.filter(({ label }) => label === most).length / dev.length,
    unigramNll: entropy(
      [...known.documents.flat(), ...(known.pairs ?? []).flat()].flatMap((ids) => [...ids]),
    ),
  };
}

async function embedded(data: BertData): Promise<RawTexts> {
  const verses = (await loadKjv()).split('\n').filter((verse) => verse.trim() !== '');
  const cut = verses.length - Math.floor(verses.length / 10);
  const { train, valid } = await loadUiDeEn();
  const kept = train.length - data.taskPairs;
  return {
    documents: { train: [verses.slice(0, cut)], valid: [verses.slice(cut)] },
    pairs: { train: train.slice(0, kept), valid: valid.slice(0, VALID_PAIRS) },
    task: {
      train: translationTask(train.slice(kept), 'train', data.candidates),
      dev: translationTask(valid, 'dev', data.candidates),
      numClasses: 2,
    },
  };
}

async function folder(name: string, sources: Sources): Promise<RawTexts> {
  const read = async (file: string) => {
    const path = sources.join(sources.resolve(name), file);
    return { path, text: decodeText(await sources.read(path), path) };
  };
  const { path, text } = await read('text.txt');
  const { train: documents, valid = [] } = divideDocuments(text, path, 0.1);
  const pairs = async (file: string, classes?: readonly string[]) => {
    const found = await read(file);
    return parseLabelledPairs(found.text, found.path, classes);
  };
  const train = await pairs('pairs-train.tsv');
  const dev = await pairs('pairs-dev.tsv', train.classes);
  return {
    documents: { train: documents, valid },
    pairs: { train: [], valid: [] },
    task: { train: train.pairs, dev: dev.pairs, numClasses: train.classes.length },
  };
}

/** Every German message twice: with its translation (class 1), and with another's that looks most like it (class 0). */
export function translationTask(pairs: readonly Pair[], part: string, candidates: number): LabelledPair[] {
  const random = new RandomStream(0, `task:${part}`);
  const words = pairs.map(([, english]) => new Set(english.match(/[A-Za-z]+|\{\d+\}/g)));
  return pairs.flatMap(([german, english], i) => {
    let wrong = '';
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < candidates; k++) {
      const j = random.nextInt(pairs.length);
      const other = pairs[j][1];
      if (other === english || pairs[j][0] === german) continue;
      const common = [...words[j]].filter((word) => words[i].has(word)).length;
      const union = words[i].size + words[j].size - common;
      const length = Math.abs(other.length - english.length) / Math.max(other.length, english.length);
      const score = (union > 0 ? common / union : 0) - length;
      if (score > best) [best, wrong] = [score, other];
    }
    const right = { first: german, second: english, label: 1 };
    return wrong === '' ? [right] : [right, { first: german, second: wrong, label: 0 }];
  });
}
