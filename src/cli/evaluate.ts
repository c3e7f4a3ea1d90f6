/** @file `prenorm evaluate`: how good a trained run is, on what was held out or on a file of one's own. */
import { describeReport } from '../classify/index.js';
import type { LabelledBatch } from '../data/index.js';
import { ConfigError } from '../errors.js';
import { scoreTranslations } from '../experiments/index.js';
import { readFileChecked } from '../io/files-node.js';
import { TextClassifier, Transformer } from '../nn/index.js';
import { type Judge, type OwnFile, openOwnFile } from '../recipe/data/own-file.js';
import type { OpenedPairs } from '../recipe/index.js';
import { exp64 } from '../runtime/math.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { bitsPerByte, evaluateBatches, type Trainable } from '../train/index.js';
import { judgeClasses } from './classify.js';
import { EXIT, firstGiven, note } from './errors.js';
import { noTokenizer, openRun, openRunData, type TrainedRun, type UseOptions } from './open-run.js';
import { progressBars } from './progress.js';
import { start } from './start.js';
import { print } from './train.js';
import { type Common, checkDecoding, type Decoding, translateLines } from './use-run.js';

export interface EvaluateOptions extends Common, Decoding, UseOptions {
  split?: 'valid' | 'test';
  /** A file of one's own instead of the run's data. */
  input?: string;
  /** Only the first examples. */
  limit?: number;
  /** No translation, which takes longest. */
  nllOnly?: boolean;
}

/** What a run is judged by. */
interface Judged {
  data: OwnFile;
  part: 'valid' | 'test';
  /** How it is called in the output: a part of the run's data, or a file. */
  name: string;
  /** Whether the data are those of the training; null for a file of one's own. */
  sameData: boolean | null;
}

export async function evaluate(folder: string, options: EvaluateOptions): Promise<number> {
  checkDecoding(options);
  await start(options);
  const run = await openRun(folder, options);
  refuseUnused(run, options);
  const judged =
    options.input === undefined ? await heldOut(run, folder, options) : await ownFile(run, folder, options);
  const { data, part, name, sameData } = judged;
  const { maxSeqLen = 0 } = run.model.config as { maxSeqLen?: number };
  const count = limited(run, judged, maxSeqLen, options.limit);
  const { nll, bits } = measure(run, judged, maxSeqLen, count, options.json);
  const perplexity = exp64(nll);
  const all = data.numExamples(part, maxSeqLen);
  const result: Record<string, unknown> = {
    step: run.step,
    ...(sameData === null ? { input: options.input } : { split: part }),
    ...(all === null ? {} : { examples: count ?? all, of: all }),
    nll,
    perplexity,
    ...(bits === null ? {} : { bitsPerByte: bits }),
    ...(sameData === null ? {} : { sameData }),
  };
  const some = count === undefined ? '' : ` of the first ${count} of ${all} examples`;
  const perByte = bits === null ? '' : `, ${bits.toFixed(3)} bits per byte`;
  const step = run.step === null ? '' : `step ${run.step}: `;
  let text = `${step}${name} NLL${some} ${nll.toFixed(4)}, perplexity ${perplexity.toFixed(2)}${perByte}`;
  if (run.model instanceof Transformer && !options.nllOnly) {
    const pairs = ((data as OpenedPairs).texts[part] ?? []).slice(0, count);
    const { line, ...bleu } = translated(run, pairs, options);
    result.bleu = bleu;
    text += `\n${line}`;
  }
  const classes = run.labels ?? data.classes;
  if (run.model instanceof TextClassifier && classes) {
    const report = judgeClasses(
      run.model,
      data.evaluation(part, maxSeqLen, count) as LabelledBatch[],
      classes,
    );
    result.classification = report;
    const columns = columnsOf(process.stdout);
    text += `\n${describeReport(report, Number.isFinite(columns) ? { columns: Math.max(40, columns) } : {})}`;
  }
  print(options, result, forOutput(text, process.stdout));
  return EXIT.done;
}

/** @throws ConfigError for an option of translations where none are made */
function refuseUnused({ model, kind }: TrainedRun, { beam, lengthPenalty, nllOnly }: EvaluateOptions): void {
  if (model instanceof Transformer) return;
  const op = firstGiven({ '--beam': beam, '--length-penalty': lengthPenalty, '--nll-only': nllOnly });
  if (!op) return;
  throw new ConfigError(`it is for runs that translate, this run is a ${kind}`, {
    op,
    expected: 'transformer',
    actual: kind,
    hint: 'leave it out',
  });
}

async function heldOut(
  run: TrainedRun,
  folder: string,
  { split = 'valid' }: EvaluateOptions,
): Promise<Judged> {
  const data = await openRunData(run, folder);
  const sameData = run.dataHash === null || run.dataHash === data.sha256;
  if (!sameData) {
    note(
      'the data have changed since the run: what it was trained and validated on is not what it is judged by now',
    );
  }
  if (data.heldOut.includes(split)) return { data, part: split, name: split, sameData };
  throw new ConfigError(`the data of this run has no ${split} part`, {
    path: folder,
    expected: data.heldOut,
    actual: split,
    hint:
      data.heldOut.length > 0
        ? 'leave out --split'
        : 'hold a part out with data.validation, or give a file with --input',
  });
}

async function ownFile(run: TrainedRun, folder: string, { input, split }: EvaluateOptions): Promise<Judged> {
  const path = input as string;
  if (split !== undefined) {
    throw new ConfigError('--split does not go with --input', {
      op: '--split',
      actual: split,
      hint: 'a file of your own is judged whole, or by its first examples with --limit',
    });
  }
  const { kind, config, tokenizer, recipeFile } = run;
  if (!tokenizer && kind !== 'visionTransformer')
    throw noTokenizer(run, folder, 'a file of texts cannot judge it');
  const data = recipeFile?.recipe.data;
  // Files of before models had labels in them know their classes from the data of the training.
  const isLabelled = data?.kind === 'labelledTexts' || data?.kind === 'labelledPairs';
  const labels = run.labels ?? (isLabelled ? (await openRunData(run, path)).classes : undefined) ?? null;
  const bytes = await readFileChecked(path);
  const opened = await openOwnFile(bytes, path, {
    kind,
    config: config as Judge['config'],
    tokenizer,
    labels,
    ...(data && { data }),
  });
  return { data: opened, part: 'valid', name: path, sameData: null };
}

/** How many examples are taken; undefined for all. */
function limited(
  { kind }: TrainedRun,
  { data, part, name }: Judged,
  maxSeqLen: number,
  limit?: number,
): number | undefined {
  if (limit === undefined) return undefined;
  const all = data.numExamples(part, maxSeqLen);
  if (all !== null) return limit < all ? limit : undefined;
  const why =
    kind === 'maskedLM'
      ? 'which of its tokens are masked is drawn for all of it, so its first examples would be others'
      : 'its module gives batches, and does not say what an example of them is';
  throw new ConfigError(`${name} has no first examples: ${why}`, {
    op: '--limit',
    actual: limit,
    hint: 'leave out --limit',
  });
}

/** Mean NLL and bits per byte, where the bytes are known. */
function measure(
  run: TrainedRun,
  { data, part, name }: Judged,
  maxSeqLen: number,
  count: number | undefined,
  quiet?: boolean,
): { nll: number; bits: number | null } {
  const batches = data.evaluation(part, maxSeqLen, count);
  const bars = progressBars({ quiet });
  const bar = bars.add(`NLL of ${name}`, batches.length, 0, 'batch');
  const seen = function* () {
    for (const [i, batch] of batches.entries()) {
      yield batch;
      bar.update(i + 1, '');
    }
  };
  try {
    const { nll, tokens } = evaluateBatches(run.model as Trainable<never> as Trainable<unknown>, seen());
    const bytes = data.textBytes?.(part, maxSeqLen, count) ?? null;
    return { nll, bits: bytes && tokens !== null ? bitsPerByte(nll, tokens, bytes) : null };
  } finally {
    bar.stop();
    bars.stop();
  }
}

/** BLEU of the translations, and a line about it. */
function translated(
  run: TrainedRun,
  pairs: readonly (readonly [string, string])[],
  options: EvaluateOptions,
) {
  const bars = progressBars({ quiet: options.json });
  const bar = bars.add('translating', pairs.length, 0, 'sentence');
  let hypotheses: string[];
  try {
    hypotheses = translateLines(
      run,
      pairs.map(([source]) => source),
      options,
      (done) => bar.update(done, ''),
    );
  } finally {
    bar.stop();
    bars.stop();
  }
  const bleu = scoreTranslations(
    hypotheses,
    pairs.map(([, target]) => target),
  );
  const { score, low, high, brevityPenalty, loops, signature } = bleu;
  const line = `BLEU ${score.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}] on ${pairs.length} sentences, brevity penalty ${brevityPenalty.toFixed(3)}, ${(100 * loops).toFixed(1)} % end in a loop\n${signature}`;
  return { ...bleu, sentences: pairs.length, line };
}
