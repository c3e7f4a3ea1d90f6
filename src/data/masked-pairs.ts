/**
 * @file Batches for a masked language model with next-sentence labels (Devlin et al. 2019, section 3.1): of two
 * neighbouring sentences the second is exchanged for a random one in half of the rows; 15 % of the tokens are to be
 * predicted, of which 80 % are masked, 10 % become a random token and 10 % stay. Drawn anew every epoch, as a
 * function of (texts, options, epoch) alone. Rows hold one sentence or two, not as many as fit.
 */
import { checkInts, checkOptions, checkValue, fraction, integer, optional, positive } from '../checks.js';
import { checkKeys, DataError } from '../errors.js';
import { RandomStream } from '../random.js';
import {
  checkRowOptions,
  collateRows,
  PlannedBatches,
  planRows,
  type RowBatch,
  type RowMarks,
  type RowOptions,
  rowLength,
  rowRules,
} from './row-batches.js';

/** What masked language models are trained on. */
export interface MaskedTexts {
  /** Running texts, each a list of sentences as token ids: what follows what is known. */
  documents: readonly (readonly Int32Array[])[];
  /** Pairs that always stand together, e.g. translations, without a next-sentence label. */
  pairs?: readonly (readonly [first: Int32Array, second: Int32Array])[];
}

/** The ids of rows whose tokens are masked; `maskedMarks` of the tokenizers gives them. */
export interface MaskingMarks extends RowMarks {
  /** Stands for a masked token ([MASK]). */
  maskId: number;
  /** Random tokens are drawn from this id on. */
  firstId: number;
  /** Random tokens are drawn from ids below this one. */
  endId: number;
}

/** How texts become rows, and how much of them is masked. */
export interface MaskedPairOptions extends RowOptions {
  /** Ids that stand beside the text's own, and what is masked with; see `maskedMarks` of the tokenizers. */
  marks: MaskingMarks;
  /** Share of the tokens, marks aside, that are to be predicted; at least one per row is. Default 0.15. */
  maskedShare?: number;
}

/** A batch as `MaskedLM` reads it. */
export interface MaskedPairBatch extends RowBatch {
  /** (M): places to predict as b·T + t, then -1. M depends on B and T alone. */
  masked: Int32Array;
  /** (M): the tokens that were there, then -1. */
  targets: Int32Array;
  /** (B): 1 where the second sentence follows the first, 0 where not, -1 without a label. */
  nextSentence: Int32Array;
  /** Number of places to predict. */
  tokens: number;
}

type Row = readonly [first: Int32Array, second: Int32Array, label: number];

/** Endless shuffled batches, epoch after epoch. */
export class MaskedPairBatches extends PlannedBatches<MaskedPairBatch> {
  readonly #texts: MaskedTexts;
  readonly #options: MaskedPairOptions;

  constructor(texts: MaskedTexts, options: MaskedPairOptions) {
    super('MaskedPairBatches');
    check(this.op, texts, options);
    this.#texts = texts;
    this.#options = { ...options };
    this.begin();
  }

  protected override plan(epoch: number): (() => MaskedPairBatch)[] {
    return planEpoch(this.#texts, this.#options, 'data:masked-pairs', epoch, true);
  }
}

/** Every row once, by length, always with the same partners and masks: for evaluation. */
export function* evaluationMaskedPairs(
  texts: MaskedTexts,
  options: MaskedPairOptions,
): Generator<MaskedPairBatch, void, undefined> {
  check('evaluationMaskedPairs', texts, options);
  for (const batch of planEpoch(texts, options, 'data:masked-pairs:evaluation', 0, false)) yield batch();
}

function planEpoch(
  texts: MaskedTexts,
  options: MaskedPairOptions,
  stream: string,
  epoch: number,
  shuffle: boolean,
): (() => MaskedPairBatch)[] {
  const random = new RandomStream(options.seed, stream, epoch);
  const rows = drawRows(texts, random);
  const lengths = rows.map(([a, b]) => rowLength(a.length, b.length, options.maxLen));
  return planRows(lengths, options, shuffle ? random : null).map((batch, i) => () => {
    const masks = new RandomStream(options.seed, `${stream}:masks:${epoch}`, i);
    return maskRows(
      batch.map((row) => rows[row]),
      options,
      masks,
    );
  });
}

function drawRows({ documents, pairs = [] }: MaskedTexts, random: RandomStream): Row[] {
  const rows: Row[] = [];
  const all = documents.flat();
  let start = 0;
  for (const document of documents) {
    if (document.length === 1) rows.push([document[0], EMPTY, -1]);
    for (let i = 0; i + 1 < document.length; i++) {
      const follows = random.nextInt(2);
      // Any sentence but the first itself and the one behind it; with no other there is none to exchange for.
      let other = all.length > 2 ? random.nextInt(all.length - 2) : -1;
      if (other >= start + i) other += 2;
      if (follows === 1 || other < 0) rows.push([document[i], document[i + 1], 1]);
      else rows.push([document[i], all[other], 0]);
    }
    start += document.length;
  }
  for (const [first, second] of pairs) rows.push([first, second, -1]);
  return rows;
}

function maskRows(rows: readonly Row[], options: MaskedPairOptions, random: RandomStream): MaskedPairBatch {
  const { marks, maskedShare = 0.15 } = options;
  const { clsId, sepId, maskId, firstId, endId } = marks;
  const batch = collateRows(
    rows.map(([a, b]) => [a, b] as const),
    options,
  );
  const { ids, lengths, seqLen, batchSize } = batch;
  const count = (tokens: number): number => Math.max(1, Math.round(maskedShare * tokens));
  const places = batchSize * count(seqLen - 2);
  const masked = new Int32Array(places).fill(-1);
  const targets = new Int32Array(places).fill(-1);
  let tokens = 0;
  for (let b = 0; b < batchSize; b++) {
    const candidates: number[] = [];
    for (let at = b * seqLen; at < b * seqLen + lengths[b]; at++) {
      if (ids[at] !== clsId && ids[at] !== sepId) candidates.push(at);
    }
    const chosen = random.shuffle(candidates).slice(0, count(candidates.length));
    for (const at of chosen.sort((x, y) => x - y)) {
      masked[tokens] = at;
      targets[tokens] = ids[at];
      tokens++;
      const draw = random.nextInt(10);
      if (draw < 8) ids[at] = maskId;
      else if (draw === 8) ids[at] = firstId + random.nextInt(endId - firstId);
    }
  }
  return { ...batch, masked, targets, nextSentence: Int32Array.from(rows, (row) => row[2]), tokens };
}

function check(op: string, texts: MaskedTexts, options: MaskedPairOptions): void {
  checkKeys(op, texts, ['documents', 'pairs']);
  checkOptions<MaskedPairOptions>(op, options, { ...rowRules, maskedShare: optional(fraction) });
  checkRowOptions(op, options);
  const { marks, maskedShare = 0.15 } = options;
  checkValue(op, 'marks.maskId', marks.maskId, integer(0));
  checkValue(op, 'marks.firstId', marks.firstId, integer(0));
  checkValue(op, 'marks.endId', marks.endId, integer(marks.firstId + 1));
  checkValue(op, 'maskedShare', maskedShare, positive);
  texts.documents.forEach((document, d) => {
    document.forEach((sentence, i) => {
      checkInts(op, `sentence ${i + 1} of document ${d + 1}`, sentence);
      if (sentence.length === 0)
        throw new DataError(`sentence ${i + 1} of document ${d + 1} is empty`, { op });
    });
  });
  (texts.pairs ?? []).forEach(([a, b], i) => {
    for (const side of [a, b]) checkInts(op, `pair ${i + 1}`, side);
    if (a.length === 0 || b.length === 0) throw new DataError(`pair ${i + 1} has an empty side`, { op });
  });
  if (texts.documents.every((document) => document.length === 0) && !texts.pairs?.length) {
    throw new DataError('no text', { op, hint: 'the corpus is empty' });
  }
}

const EMPTY = new Int32Array(0);
