/**
 * @file A run of one's own: a configuration file, and the folder that training writes and the other commands
 * read. The folder holds config.json, tokenizer.json, checkpoint.safetensors and metrics.jsonl.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import {
  type BatchSource,
  evaluationPairBatches,
  evaluationTextWindows,
  type Pair,
  PairBatches,
  type PairSplits,
  TextWindows,
  type TokenPair,
} from '../data/index.js';
import { ConfigError, DataError } from '../errors.js';
import { batchOptions, encodeSource } from '../experiments/kinds/translation.js';
import { readFileChecked } from '../io/files-node.js';
import { CausalLM, Transformer } from '../nn/index.js';
import { Adam, AdamW, type Optimizer, RAdam, SGD } from '../optim/index.js';
import { Tokenizer, trainBPE } from '../text/index.js';
import { loadCheckpointWeights, type Trainable } from '../train/index.js';
import { inConfig } from './errors.js';
import { loadSplits, loadText, readJson } from './files.js';
import { checkTrainConfig, type TrainConfig } from './train-config.js';

/** What a run trains on, before it is tokens. */
export type Corpus =
  | { task: 'translation'; name: string; splits: PairSplits }
  | { task: 'lm'; name: string; text: string };

/** The two tasks differ in their batches only, which nothing here looks into. */
export type AnyBatch = unknown;

export async function loadCorpus(config: TrainConfig, configPath: string): Promise<Corpus> {
  const name = dataName(config, configPath);
  if (config.task === 'translation') return { task: 'translation', name, splits: await loadSplits(name) };
  return { task: 'lm', name, text: await loadText(name) };
}

const embedded = { translation: 'ui-de-en', lm: 'kjv' };
const isEmbedded = (name: string): boolean => Object.values(embedded).includes(name);

/** Data names that are paths are relative to the configuration file. */
function dataName({ task, data }: TrainConfig, configPath: string): string {
  if (data === embedded[task]) return data;
  if (isEmbedded(data)) {
    throw new ConfigError(`data "${data}" is not for task "${task}"`, {
      path: configPath,
      expected: embedded[task],
      actual: data,
      hint: `use "${embedded[task]}" or data of your own`,
    });
  }
  return isAbsolute(data) ? data : join(dirname(configPath), data);
}

/** Tells whether a run goes on with the data it began with. */
export function fingerprint(corpus: Corpus): string {
  const content =
    corpus.task === 'lm' ? corpus.text : JSON.stringify([corpus.splits.train, corpus.splits.valid]);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

/** A BPE of the training text, or the one that `prenorm prepare` has stored beside it when it has the wanted size. */
export async function makeTokenizer(
  config: TrainConfig,
  configPath: string,
  corpus: Corpus,
): Promise<Tokenizer> {
  const stored = ['prepare.json', 'tokenizer.json'].map((name) => join(corpus.name, name));
  if (!isEmbedded(corpus.name) && stored.every((path) => existsSync(path))) {
    const tokenizer = await readTokenizer(stored[1]);
    if (tokenizer.vocabSize === config.vocabSize) return tokenizer;
  }
  const texts = corpus.task === 'lm' ? [corpus.text] : corpus.splits.train.flat();
  return inConfig(configPath, () => trainBPE(texts, { vocabSize: config.vocabSize }));
}

export function buildModel(
  config: TrainConfig,
  configPath: string,
  tokenizer: Tokenizer,
): Transformer | CausalLM {
  const { task, model, seed = 0 } = config;
  const { vocabSize } = tokenizer;
  return inConfig(configPath, () => {
    if (task === 'translation') return new Transformer({ seed, ...model, vocabSize });
    const { seqLen } = windowsOf(config);
    const lm = new CausalLM({ seed, maxSeqLen: seqLen, ...model, vocabSize });
    if (seqLen <= lm.config.maxSeqLen) return lm;
    throw new ConfigError(`seqLen ${seqLen} is longer than the model's maxSeqLen ${lm.config.maxSeqLen}`, {
      op: 'train',
      expected: lm.config.maxSeqLen,
      actual: seqLen,
      hint: 'lower seqLen or raise model.maxSeqLen',
    });
  });
}

const windowsOf = ({ batchSize = 16, seqLen = 64 }: TrainConfig) => ({ batchSize, seqLen });

/** Batches to train on and to validate with. */
export function makeBatches(
  config: TrainConfig,
  corpus: Corpus,
  tokenizer: Tokenizer,
  model: Transformer | CausalLM,
): { data: BatchSource<AnyBatch>; validation: AnyBatch[] } {
  const { seed = 0 } = config;
  if (corpus.task === 'translation') {
    const options = pairOptions(config, tokenizer, model);
    const train = encodePairs(corpus, 'train', config, tokenizer, model);
    return {
      data: new PairBatches(train, { ...options, seed }),
      validation: splitBatches(config, corpus, 'valid', tokenizer, model),
    };
  }
  const { train, held } = cutText(config, corpus, tokenizer);
  return {
    data: new TextWindows(train, { ...windowsOf(config), seed }),
    validation: [...evaluationTextWindows(held, windowsOf(config))],
  };
}

/** Every sentence of one part of the pairs, or the held-out end of the text. */
export function splitBatches(
  config: TrainConfig,
  corpus: Corpus,
  part: keyof PairSplits,
  tokenizer: Tokenizer,
  model: Transformer | CausalLM,
): AnyBatch[] {
  if (corpus.task === 'lm') {
    return [...evaluationTextWindows(cutText(config, corpus, tokenizer).held, windowsOf(config))];
  }
  const pairs = encodePairs(corpus, part, config, tokenizer, model);
  return [...evaluationPairBatches(pairs, pairOptions(config, tokenizer, model))];
}

function pairOptions(config: TrainConfig, tokenizer: Tokenizer, model: Transformer | CausalLM) {
  const { data: name, vocabSize, maxTokens = 1000 } = config;
  return { ...batchOptions({ name, vocabSize, maxTokens }, tokenizer), maxLen: model.config.maxSeqLen };
}

/** Tokens of every pair. One that does not fit is an error with file and line: what is left out silently is missed later. */
function encodePairs(
  corpus: Corpus & { task: 'translation' },
  part: keyof PairSplits,
  config: TrainConfig,
  tokenizer: Tokenizer,
  model: Transformer | CausalLM,
): TokenPair[] {
  const { maxTokens, maxLen } = pairOptions(config, tokenizer, model);
  return corpus.splits[part].map(([from, to]: Pair, i) => {
    const source = encodeSource(tokenizer, from);
    const target = tokenizer.encode(to);
    const path = `${join(corpus.name, `${part}.tsv`)}:${i + 1}`;
    const longest = Math.max(source.length, target.length + 1);
    if (longest > maxLen) {
      throw new DataError(
        `the ${longest === source.length ? 'source' : 'target'} has ${longest} tokens, maxSeqLen is ${maxLen}`,
        {
          path,
          expected: maxLen,
          actual: longest,
          hint: 'raise model.maxSeqLen, or split or remove the line',
        },
      );
    }
    const tokens = source.length + target.length + 1;
    if (tokens > maxTokens) {
      throw new DataError(
        `the pair has ${tokens} tokens, more than a batch may have (maxTokens ${maxTokens})`,
        {
          path,
          expected: maxTokens,
          actual: tokens,
          hint: 'raise maxTokens, or split or remove the line',
        },
      );
    }
    return { source, target };
  });
}

/** The last tenth of a text is held out for validation. */
function cutText(config: TrainConfig, corpus: Corpus & { task: 'lm' }, tokenizer: Tokenizer) {
  const ids = tokenizer.encode(corpus.text);
  const { batchSize, seqLen } = windowsOf(config);
  const held = Math.floor(ids.length / 10);
  const needed = Math.ceil((Math.max(batchSize * seqLen, 9) + 1) / 0.9);
  if (ids.length < needed) {
    throw new DataError(
      `the text has ${ids.length} tokens, ${needed} are needed for one batch of ${batchSize} x ${seqLen} and a tenth to validate with`,
      {
        path: corpus.name,
        expected: needed,
        actual: ids.length,
        hint: 'use more text, or a smaller batchSize, seqLen or vocabSize',
      },
    );
  }
  return { train: ids.subarray(0, ids.length - held), held: ids.subarray(ids.length - held) };
}

export function makeOptimizer(
  config: TrainConfig,
  configPath: string,
  model: Transformer | CausalLM,
): Optimizer {
  const { kind = 'adam', ...rest } = config.optimizer ?? {};
  const options = { ...rest, lr: config.schedule.maxLr };
  const kinds = { adam: Adam, adamw: AdamW, sgd: SGD, radam: RAdam };
  // Each refuses the options of the others, e.g. betas of sgd.
  return inConfig(configPath, () => new kinds[kind](model.parameters(), options as never));
}

export const runFiles = (folder: string) => ({
  config: join(folder, 'config.json'),
  tokenizer: join(folder, 'tokenizer.json'),
  checkpoint: join(folder, 'checkpoint.safetensors'),
  metrics: join(folder, 'metrics.jsonl'),
});

/** A trained run: its model with the weights of the last checkpoint, ready for evaluation. */
export interface TrainedRun {
  config: TrainConfig;
  /** Where the configuration lay; data paths are relative to it. */
  configPath: string;
  tokenizer: Tokenizer;
  model: Transformer | CausalLM;
  step: number;
}

export async function openRun(folder: string): Promise<TrainedRun> {
  const files = runFiles(folder);
  for (const path of [files.config, files.tokenizer, files.checkpoint]) {
    if (existsSync(path)) continue;
    throw new DataError('there is no such file, so this is not a run', {
      path,
      hint: 'give the folder that `prenorm train` wrote (its --out)',
    });
  }
  const stored = (await readJson(files.config)) as { config?: unknown; configPath?: string } | null;
  const config = checkTrainConfig(stored?.config, files.config);
  const tokenizer = await readTokenizer(files.tokenizer);
  const model = buildModel(config, files.config, tokenizer);
  const step = loadCheckpointWeights(
    model,
    await readFileChecked(files.checkpoint, 'checkpoint'),
    files.checkpoint,
  );
  model.eval();
  return { config, configPath: stored?.configPath ?? files.config, tokenizer, model, step };
}

export async function readTokenizer(path: string): Promise<Tokenizer> {
  const value = await readJson(path);
  try {
    return Tokenizer.fromJSON(value as never);
  } catch (error) {
    throw new DataError(`not a tokenizer of this run: ${(error as Error).message}`, { path, cause: error });
  }
}

/** Models of both tasks as what the trainer takes. */
export function trainable(model: Transformer | CausalLM): Trainable<AnyBatch> {
  return model as Trainable<never> as Trainable<AnyBatch>;
}
