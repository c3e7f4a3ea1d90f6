/** @file Kinds whose batches are rows of one text or two: classified pairs and texts, and masked text. */
import { integer, optional, type Rules } from '../../checks.js';
import {
  evaluationLabelledPairs,
  evaluationMaskedPairs,
  LabelledPairBatches,
  type LabelledTokens,
  loadKjv,
  MaskedPairBatches,
  type MaskedTexts,
  parseLabelledPairs,
  parseLabelledTexts,
} from '../../data/index.js';
import { DataError } from '../../errors.js';
import { maskedMarks } from '../../text/index.js';
import type {
  LabelledPairsData,
  LabelledTextsData,
  MaskedData,
  RowBounds,
  TextOrigin,
} from '../data-recipe.js';
import { withMarks } from '../tokenizers.js';
import {
  checkOrigin,
  contentHash,
  divide,
  originKeys,
  originRules,
  type Parts,
  readContent,
  SHARE,
} from './content.js';
import type { DataKind, Must } from './kind.js';

const rowRules: Rules<TextOrigin & RowBounds> = {
  ...originRules,
  batchSize: optional(integer(1)),
  maxTokens: optional(integer(1)),
  maxLen: { ...integer(1), wanted: 'a positive integer, the longest row' },
  lengthMultiple: optional(integer(1)),
};
const defaults = { lengthMultiple: 8 };

function checkRows(data: TextOrigin & RowBounds, must: Must): void {
  checkOrigin(data, must);
  const isBounded = data.batchSize !== undefined || data.maxTokens !== undefined;
  must(isBounded, 'data', 'bounded by batchSize or maxTokens', 'neither');
}

function boundsOf({ batchSize, maxTokens, maxLen, lengthMultiple }: RowBounds): RowBounds {
  return {
    maxLen,
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(lengthMultiple === undefined ? {} : { lengthMultiple }),
  };
}

interface Labelled {
  texts: readonly string[];
  label: number;
}

interface ReadLabelled {
  sha256: string;
  source: string | null;
  parts: Parts<Labelled[]>;
  classes: string[];
}

type LabelledKind = Pick<
  DataKind<LabelledPairsData | LabelledTextsData, ReadLabelled>,
  'check' | 'read' | 'open'
> &
  Pick<DataKind, 'contentKeys' | 'models'> & { rules: typeof rowRules; defaults: typeof defaults };

/** Both kinds differ in their lines only. */
function labelled(
  parse: (text: string, path: string, classes?: readonly string[]) => { rows: Labelled[]; classes: string[] },
  format: string,
): LabelledKind {
  return {
    rules: rowRules,
    contentKeys: originKeys,
    models: ['textClassifier', 'pairClassifier'],
    defaults,
    check: checkRows,
    async read(data, sources) {
      const layout = { kind: data.kind, embedded: {}, file: 'train.tsv', format } as const;
      const content = await readContent(data, layout, sources);
      // Of the training part, which comes first; the others must know no further ones.
      let classes: string[] | undefined;
      const parts = divide(content, data.validation, (text, path) => {
        const found = parse(text, path, classes);
        classes ??= found.classes;
        return found.rows;
      });
      if (classes === undefined || classes.length < 2) {
        throw new DataError('there is one class only, so there is nothing to learn', {
          path: 'whole' in content.names ? content.names.whole : content.names.train,
          expected: 'two classes at least',
          actual: classes,
        });
      }
      return {
        source: content.source,
        parts,
        classes,
        sha256: contentHash([parts.train, parts.valid]),
      };
    },
    async open(data, { source, parts, classes, sha256 }, make) {
      const training = parts.train.flatMap((row) => row.texts);
      const tokenizer = withMarks(await make(training, source), data.kind);
      const marks = maskedMarks(tokenizer);
      const options = { ...boundsOf(data), marks };
      const encode = (part: Labelled[] = []): LabelledTokens[] =>
        part.map(({ texts: [a, b], label }) => ({
          first: tokenizer.encode(a),
          ...(b === undefined ? {} : { second: tokenizer.encode(b) }),
          label,
        }));
      const train = encode(parts.train);
      return {
        sha256,
        tokenizer,
        classes,
        tokens: null,
        sizes: { vocabSize: marks.vocabSize, maxSeqLen: data.maxLen, numClasses: classes.length },
        heldOut: (['valid', 'test'] as const).filter((part) => parts[part]),
        train: (seed) => new LabelledPairBatches(train, { ...options, seed }),
        evaluation: (part) => [...evaluationLabelledPairs(encode(parts[part]), options)],
        examples: (count) =>
          (parts.valid ?? []).slice(0, count).map((row) => ({
            text: row.texts.join(' / '),
            reference: classes[row.label],
            batch: [...evaluationLabelledPairs(encode([row]), options)][0],
          })),
      };
    },
  };
}

/** Classified pairs of texts. */
export const labelledPairsKind: DataKind<LabelledPairsData, ReadLabelled> = {
  kind: 'labelledPairs',
  ...labelled((text, path, known) => {
    const { pairs, classes } = parseLabelledPairs(text, path, known);
    return { rows: pairs.map(({ first, second, label }) => ({ texts: [first, second], label })), classes };
  }, 'one a line: text TAB text TAB label'),
};

/** Classified texts. */
export const labelledTextsKind: DataKind<LabelledTextsData, ReadLabelled> = {
  kind: 'labelledTexts',
  ...labelled((text, path, known) => {
    const { texts, classes } = parseLabelledTexts(text, path, known);
    return { rows: texts.map(({ text: only, label }) => ({ texts: [only], label })), classes };
  }, 'one a line: text TAB label'),
};

/**
 * Documents of a text with a sentence a line and an empty line between documents, and the last share of the sentences
 * of each, held out.
 * @throws DataError when no document is long enough to hold anything out
 */
export function divideDocuments(text: string, path: string, validation: number): Parts<string[][]> {
  const documents = text
    .split(/\r?\n(?:[ \t]*\r?\n)+/)
    .map((document) => document.split(/\r?\n/).filter((line) => line.trim() !== ''))
    .filter((document) => document.length > 0);
  const cuts = documents.map((document) => document.length - Math.floor(document.length * validation));
  const train = documents.map((document, d) => document.slice(0, cuts[d])).filter(({ length }) => length > 0);
  const valid = documents.map((document, d) => document.slice(cuts[d])).filter(({ length }) => length > 0);
  if (validation === 0) return { train };
  if (valid.length > 0) return { train, valid };
  throw new DataError('no document is long enough to hold sentences out for validation', {
    path,
    hint: 'a sentence a line, an empty line between documents; or set validation to 0',
  });
}

interface ReadMasked {
  sha256: string;
  source: string | null;
  parts: Parts<string[][]>;
}

/** Masked text. */
export const maskedKind: DataKind<MaskedData, ReadMasked> = {
  kind: 'masked',
  rules: {
    ...rowRules,
    maskedShare: optional({
      wanted: 'a share above 0, at most 1',
      holds: (value) => typeof value === 'number' && value > 0 && value <= 1,
    }),
  },
  contentKeys: originKeys,
  models: ['maskedLM'],
  defaults: { ...defaults, maskedShare: 0.15 },
  check: checkRows,
  async read(data, sources) {
    const content = await readContent(
      data,
      {
        kind: 'masked',
        embedded: { kjv: loadKjv },
        file: 'text.txt',
        format: 'a sentence a line, an empty line between documents',
      },
      sources,
    );
    const { whole } = content.texts as { whole: string };
    const { whole: path } = content.names as { whole: string };
    const parts = divideDocuments(whole, path, data.validation ?? SHARE);
    return { source: content.source, parts, sha256: contentHash([parts.train, parts.valid]) };
  },
  async open(data, { source, parts, sha256 }, make) {
    const { maskedShare } = data;
    const tokenizer = withMarks(await make(parts.train.flat(), source), 'masked');
    const marks = maskedMarks(tokenizer);
    const options = { ...boundsOf(data), marks, ...(maskedShare === undefined ? {} : { maskedShare }) };
    const encode = (documents: string[][] = []): MaskedTexts => ({
      documents: documents.map((document) => document.map((sentence) => tokenizer.encode(sentence))),
    });
    const train = encode(parts.train);
    return {
      sha256,
      tokenizer,
      tokens: train.documents.flat().reduce((sum, { length }) => sum + length, 0),
      sizes: { vocabSize: marks.vocabSize, maxSeqLen: data.maxLen, numSegments: 2, nextSentence: true },
      heldOut: parts.valid ? ['valid'] : [],
      train: (seed) => new MaskedPairBatches(train, { ...options, seed }),
      evaluation: () => [...evaluationMaskedPairs(encode(parts.valid), { ...options, seed: 0 })],
    };
  },
};
