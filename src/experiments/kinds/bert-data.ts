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
  type MaskedTexts,
  type Pair,
  parseLabelledPairs,
} from '../../data/index.js';
import { DataError } from '../../errors.js';
import { RandomStream } from '../../random.js';
import { log64 } from '../../runtime/math.js';
import { type MaskedMarks, maskedMarks, trainBPE } from '../../text/index.js';
import type { RunEnvironment, RunInputs } from './run-kind.js';

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

interface RawTexts {
  documents: { train: string[][]; valid: string[][] };
  pairs: { train: Pair[]; valid: Pair[] };
  task: { train: LabelledPair[]; dev: LabelledPair[]; numClasses: number };
}

const EMBEDDED = 'kjv+ui-de-en';
/** What `prepareBert` reads. */
export const bertInputs = ({ name }: Pick<BertData, 'name'>): RunInputs =>
  name === EMBEDDED
    ? { pairs: ['ui-de-en'], texts: ['kjv'] }
    : { texts: ['text.txt', 'pairs-train.tsv', 'pairs-dev.tsv'].map((file) => `${name}/${file}`) };

/** Held-out message pairs that enter the validation loss: as many rows as verses, nearly. */
const VALID_PAIRS = 150;

export async function prepareBert(
  data: BertData,
  { load, loadText }: Pick<RunEnvironment, 'load' | 'loadText'>,
): Promise<PreparedBert> {
  const raw =
    data.name === EMBEDDED ? await embedded(data, load, loadText) : await folder(data.name, loadText);
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
    unigramNll: unigramNll(known, bpe.vocabSize),
  };
}

async function embedded(
  data: BertData,
  load: RunEnvironment['load'],
  loadText: RunEnvironment['loadText'],
): Promise<RawTexts> {
  const verses = (await loadText('kjv')).split('\n').filter((verse) => verse.trim() !== '');
  const cut = verses.length - Math.floor(verses.length / 10);
  const { train, valid } = await load('ui-de-en');
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

async function folder(name: string, loadText: RunEnvironment['loadText']): Promise<RawTexts> {
  const path = `${name}/text.txt`;
  const documents: string[][] = [[]];
  for (const line of (await loadText(path)).split(/\r?\n/)) {
    if (line.trim() !== '') documents[documents.length - 1].push(line);
    else if (documents[documents.length - 1].length > 0) documents.push([]);
  }
  if (documents[documents.length - 1].length === 0) documents.pop();
  const cut = documents.map((document) => document.length - Math.floor(document.length / 10));
  const part = (from: (d: number) => number, to: (d: number) => number) =>
    documents.map((document, d) => document.slice(from(d), to(d))).filter((document) => document.length > 0);
  const valid = part(
    (d) => cut[d],
    (d) => documents[d].length,
  );
  if (valid.length === 0) {
    throw new DataError('no document has ten sentences, so none can be held out for validation', {
      path,
      hint: 'a sentence a line, an empty line between documents',
    });
  }
  const pairs = async (file: string, classes?: readonly string[]) =>
    parseLabelledPairs(await loadText(`${name}/${file}`), `${name}/${file}`, classes);
  const train = await pairs('pairs-train.tsv');
  const dev = await pairs('pairs-dev.tsv', train.classes);
  return {
    documents: {
      train: part(
        () => 0,
        (d) => cut[d],
      ),
      valid,
    },
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

function unigramNll({ documents, pairs = [] }: MaskedTexts, vocabSize: number): number {
  const counts = new Float64Array(vocabSize);
  let total = 0;
  for (const sentence of [...documents.flat(), ...pairs.flat()]) {
    for (const id of sentence) counts[id]++;
    total += sentence.length;
  }
  let nll = 0;
  for (const count of counts) if (count > 0) nll -= (count / total) * log64(count / total);
  return nll;
}
