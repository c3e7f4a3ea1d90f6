/** @file Classified texts and pairs of texts. */
import type { Rules } from '../../checks.js';
import {
  balancedWeights,
  evaluationLabelledPairs,
  LabelledPairBatches,
  type LabelledTokens,
  type LabelOptions,
  parseLabelledPairs,
  parseLabelledTexts,
} from '../../data/index.js';
import { separatorRule, unknownLabel } from '../../data/labelled-pairs.js';
import { rowLength } from '../../data/row-batches.js';
import { brief, DataError } from '../../errors.js';
import type {
  LabelColumn,
  LabelledPairsData,
  LabelledTextsData,
  RowBounds,
  RowOrigin,
} from '../data-recipe.js';
import { rowsBy } from '../tokenizers.js';
import {
  checkOrigin,
  contentHash,
  type Divided,
  divide,
  type Parts,
  readContent,
  rowOriginKeys,
  rowOriginRules,
} from './content.js';
import type { DataKind } from './kind.js';
import { boundsOf, decidedBounds, MAX_LEN, rowDefaults, rowRules } from './rows.js';

const labelledRules: Rules<RowOrigin & RowBounds & LabelColumn> = {
  ...rowRules,
  ...rowOriginRules,
  labelSeparator: separatorRule,
};

interface Labelled {
  texts: readonly string[];
  label: number;
  labels?: readonly number[];
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
  Pick<DataKind, 'contentKeys' | 'models'> & { rules: typeof labelledRules; defaults: typeof rowDefaults };

/** Both kinds differ in their lines only. */
function labelled(
  parse: (
    text: string,
    path: string,
    classes: readonly string[] | undefined,
    options: LabelOptions,
  ) => { rows: Labelled[]; classes: string[] },
  format: string,
): LabelledKind {
  return {
    rules: labelledRules,
    contentKeys: rowOriginKeys,
    models: ['textClassifier', 'pairClassifier'],
    defaults: rowDefaults,
    check: checkOrigin,
    async read(data, sources) {
      const layout = { kind: data.kind, embedded: {}, file: 'train.tsv', format } as const;
      const content = await readContent(data, layout, sources);
      // Of the training part, which comes first; the others must know no further ones.
      let classes: string[] | undefined;
      const { labelSeparator } = data;
      const several = labelSeparator !== undefined;
      const rowsOf = (text: string, path: string) => {
        const found = parse(text, path, classes, several ? { labelSeparator } : {});
        classes ??= found.classes;
        return found.rows;
      };
      const divided = divide(content, data, rowsOf, labelsOf);
      const { parts } = divided;
      const path = 'whole' in content.names ? content.names.whole : content.names.train;
      checkClasses(divided, classes ?? [], several, path, 'whole' in content.names);
      return {
        source: content.source,
        parts,
        classes: classes ?? [],
        sha256: contentHash([parts.train, parts.valid]),
      };
    },
    async open(data, { source, parts, classes, sha256 }, make) {
      const multiLabel = data.labelSeparator !== undefined;
      const training = parts.train.flatMap((row) => row.texts);
      const tokenizer = await make(training, source);
      const codec = rowsBy(tokenizer, data.kind);
      const { marks } = codec;
      const encode = (part: Labelled[] = []): LabelledTokens[] =>
        part.map(({ texts: [a, b], ...labels }) => ({
          first: codec.encode(a),
          ...(b === undefined ? {} : { second: codec.encode(b) }),
          ...labels,
        }));
      const train = encode(parts.train);
      const longest = train.reduce((most, { first, second }) => {
        return Math.max(most, rowLength(first.length, second?.length ?? 0, MAX_LEN));
      }, 0);
      const decided = decidedBounds(data, longest);
      const bounds = boundsOf(data, decided);
      const numClasses = classes.length;
      const options = { ...bounds, marks, ...(multiLabel ? { numClasses } : {}) };
      return {
        sha256,
        tokenizer,
        classes,
        decided,
        tokens: null,
        sizes: {
          vocabSize: marks.vocabSize,
          unmaskedVocabSize: marks.endId,
          maxSeqLen: bounds.maxLen,
          numClasses,
          multiLabel,
          balancedWeights: balancedWeights(parts.train, numClasses, multiLabel),
        },
        heldOut: (['valid', 'test'] as const).filter((part) => parts[part]),
        train: (seed) => new LabelledPairBatches(train, { ...options, seed }),
        evaluation: (part, _, count) => [
          ...evaluationLabelledPairs(encode(parts[part]?.slice(0, count)), options),
        ],
        numExamples: (part) => parts[part]?.length ?? 0,
        examples: (count) =>
          (parts.valid ?? []).slice(0, count).map((row) => ({
            text: row.texts.join(' / '),
            reference: (row.labels ?? [row.label]).map((label) => classes[label]).join(', '),
            batch: [...evaluationLabelledPairs(encode([row]), options)][0],
          })),
      };
    },
  };
}

const SPREAD = 'set data.holdOut to "spread"';

const labelsOf = ({ label, labels }: Labelled): readonly number[] => labels ?? [label];

/**
 * Refuses data with nothing to learn, and a text whose label was seen in no text that is trained on: where the end of a
 * file is held out, the file may be sorted by its labels.
 */
function checkClasses(
  { parts, lineOf }: Divided<Labelled>,
  classes: readonly string[],
  several: boolean,
  path: string,
  isWhole: boolean,
): void {
  const seen = new Set(parts.train.flatMap(labelsOf));
  const unseen = (parts.valid ?? []).findIndex((row) => labelsOf(row).some((label) => !seen.has(label)));
  const least = several ? 1 : 2;
  if (classes.length < least || seen.size < least) {
    const [only] = seen;
    // Where the whole file has one label, no order of its lines is to blame.
    const others = isWhole && classes.length >= least;
    const trained = others ? `the first ${parts.train.length}` : 'all';
    throw new DataError(
      several
        ? 'no text has a label, so there is nothing to learn'
        : `there is one class only, ${brief(classes[only])} in ${trained} lines, so there is nothing to learn`,
      {
        path: `${path}:1`,
        expected: several ? 'a label' : 'two classes at least',
        actual: [...seen].map((label) => classes[label]),
        hint: others
          ? `the label is the last column; when the lines are sorted by it, ${SPREAD}`
          : 'the label is the last column',
      },
    );
  }
  if (unseen < 0) return;
  const row = (parts.valid as Labelled[])[unseen];
  const label = labelsOf(row).find((one) => !seen.has(one)) as number;
  const known = [...seen].sort((a, b) => a - b).map((one) => classes[one]);
  throw unknownLabel(
    classes[label],
    known,
    `${path}:${lineOf('valid', unseen)}`,
    `${SPREAD}, shuffle the lines, or give parts of their own`,
  );
}

/** Classified pairs of texts. */
export const labelledPairsKind: DataKind<LabelledPairsData, ReadLabelled> = {
  kind: 'labelledPairs',
  ...labelled((text, path, known, options) => {
    const { pairs, classes } = parseLabelledPairs(text, path, known, options);
    return {
      rows: pairs.map(({ first, second, ...labels }) => ({ texts: [first, second], ...labels })),
      classes,
    };
  }, 'one a line: text TAB text TAB label'),
};

/** Classified texts. */
export const labelledTextsKind: DataKind<LabelledTextsData, ReadLabelled> = {
  kind: 'labelledTexts',
  ...labelled((text, path, known, options) => {
    const { texts, classes } = parseLabelledTexts(text, path, known, options);
    return { rows: texts.map(({ text: only, ...labels }) => ({ texts: [only], ...labels })), classes };
  }, 'one a line: text TAB label'),
};
