/** @file `prenorm classify`: texts to classes by a trained run, and how good a run is at it. */

import { classifyNamed } from '../classify/classify.js';
import type { ClassificationReport, TextOrPair } from '../classify/index.js';
import { classificationReport } from '../classify/index.js';
import type { LabelledBatch } from '../data/index.js';
import { ConfigError, DataError } from '../errors.js';
import { TextClassifier } from '../nn/index.js';
import { EXIT, note } from './errors.js';
import { noTokenizer, openRun, openRunData, type TrainedRun, type UseOptions } from './open-run.js';
import { start } from './start.js';
import { print } from './train.js';
import { type Common, inputLines } from './use-run.js';

export async function classify(
  path: string,
  options: Common & UseOptions & { input?: string; cut?: boolean; threshold?: number },
): Promise<number> {
  await start(options);
  const run = await openRun(path, options);
  const { model } = run;
  if (!(model instanceof TextClassifier)) {
    throw new ConfigError(`this run is a ${run.kind}, which does not classify texts`, {
      path,
      ...(run.kind === 'causalLM' ? { hint: 'use `prenorm generate`' } : {}),
      ...(run.kind === 'transformer' ? { hint: 'use `prenorm translate`' } : {}),
    });
  }
  if (!run.tokenizer) throw noTokenizer(run, path, 'texts cannot be classified');
  const labels = run.labels ?? (await openRunData(run, path)).classes ?? null;
  const { path: input, lines } = await inputLines(options.input, 'classify', 'text');
  // One result per line, so that both sides stay parallel: an empty line gives an empty one.
  const full = [...lines.keys()].filter((i) => lines[i].trim() !== '');
  const pairs = readsPairs(run);
  const texts = full.map((i) => readLine(lines[i], pairs, `${input}:${i + 1}`));
  const { threshold } = options;
  const results = classifyNamed(
    model,
    run.tokenizer,
    labels,
    texts,
    { onTooLong: options.cut ? 'cut' : 'error', ...(threshold === undefined ? {} : { threshold }) },
    (i) => ({ path: `${input}:${full[i] + 1}`, name: 'the text' }),
  );
  const cut = results.filter(({ tokensCut }) => tokensCut > 0).length;
  if (cut > 0)
    note(
      `${cut} of ${results.length} texts were cut to the ${model.config.maxSeqLen} tokens that the model holds`,
    );
  const found = new Map(full.map((line, i) => [line, results[i]]));
  const names = labels as readonly string[];
  print(
    options,
    lines.map((line, i) => {
      const one = found.get(i);
      if (!one) return { text: line, label: null };
      const { probabilities, ...rest } = one;
      return {
        text: line,
        ...rest,
        probabilities: Object.fromEntries(names.map((name, c) => [name, probabilities[c]])),
      };
    }),
    lines
      .map((_, i) => {
        const one = found.get(i);
        const said = one?.labels.map((label) => [label, one.probabilities[names.indexOf(label)].toFixed(4)]);
        return (said ?? []).flat().join('\t');
      })
      .join('\n'),
  );
  return EXIT.done;
}

/** Whether a line is two texts; null where nobody knows what the run was trained on. */
function readsPairs({ recipeFile, recipe }: TrainedRun): boolean | null {
  const data = recipeFile?.recipe.data ?? (recipe?.data as { kind?: unknown } | undefined);
  if (data?.kind === 'labelledPairs') return true;
  return data?.kind === 'labelledTexts' ? false : null;
}

function readLine(line: string, pairs: boolean | null, path: string): TextOrPair {
  const cells = line.split('\t');
  const wanted = pairs === null ? Math.min(cells.length, 2) : pairs ? 2 : 1;
  if (cells.length === wanted) return wanted === 1 ? cells[0] : [cells[0], cells[1]];
  throw new DataError(
    `line with ${cells.length} columns, the run reads ${wanted === 1 ? 'one text' : 'text TAB text'}`,
    {
      path,
      expected: wanted,
      actual: cells.length,
      hint:
        wanted === 1
          ? 'give one text a line, without tabs'
          : 'give two texts a line, with one tab between them',
    },
  );
}

/** What a classifier says of every text of a part, beside what is right. */
export function judgeClasses(
  model: TextClassifier,
  batches: readonly LabelledBatch[],
  classes: readonly string[],
): ClassificationReport {
  const { multiLabel } = model.config;
  const { length } = classes;
  const name = (numbers: Int32Array, b: number): string | string[] =>
    multiLabel ? classes.filter((_, c) => numbers[b * length + c] === 1) : classes[numbers[b]];
  const truth: (string | string[])[] = [];
  const predicted: (string | string[])[] = [];
  for (const batch of batches) {
    const said = model.predict(batch);
    for (let b = 0; b < batch.batchSize; b++) {
      truth.push(name(batch.labels, b));
      predicted.push(name(said, b));
    }
  }
  return classificationReport(truth, predicted, classes);
}
