/** @file `prenorm info MODEL`: what a model is, and what it takes to run it and to tune it. */
import { grouped } from '../nn/summary.js';
import { CharTokenizer } from '../text/index.js';
import { isPretrainedTokenizer } from '../tokenizers/tokenizer-module.js';
import { plan, type Trainable } from '../train/index.js';
import { openRun, type TrainedRun } from './open-run.js';

/** Rows of this many tokens at most are planned for: contexts may be longer than any memory. */
const PLANNED = 128;

/** For --json; `text` is for people. */
export async function modelFacts(path: string): Promise<{ value: object; text: string }> {
  const run = await openRun(path);
  const { model, kind, family, labels, step } = run;
  const { seed: _, ...options } = model.config as unknown as Record<string, unknown>;
  const parameters = model.numParameters();
  const memory = memoryOf(run);
  const tokenizer = tokenizerFacts(run);
  const value = {
    path,
    family: family ?? null,
    kind,
    parameters,
    memory,
    tokenizer,
    labels,
    step,
    model: { kind, ...options },
  };
  const { seqLen } = memory;
  const row = seqLen === null ? 'one image' : `one row of ${seqLen} tokens`;
  const lines = [
    `${path}: ${family === undefined ? kind : `${family}, a ${kind} here`}`,
    `parameters: ${grouped(parameters)}`,
    ...sizeLines(options),
    `memory to run: ${megabytes(memory.weights)} of weights${memory.cache === null ? '' : ` and ${megabytes(memory.cache)} of keys and values for a full context`}`,
    `memory to tune: ${megabytes(memory.tune)} with Adam, for ${row}`,
    ...(tokenizer === null
      ? seqLen === null
        ? []
        : ['tokenizer: none']
      : [`tokenizer: ${tokenizer.kind}, ${tokenizer.vocabSize} ids`]),
    ...(labels === null ? [] : [`labels: ${labels.join(', ')}`]),
    ...(step === null ? [] : [`trained: ${step} steps`]),
    ...(tokenizer?.chatTemplate == null
      ? []
      : ['chat template (shown, never executed):', tokenizer.chatTemplate]),
  ];
  return { value, text: lines.join('\n') };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;

function sizeLines(options: Record<string, unknown>): string[] {
  const { numLayers, dModel, numHeads, numKVHeads = numHeads, maxSeqLen, vocabSize, normPlacement } = options;
  const heads = numKVHeads === numHeads ? '' : ` (${numKVHeads} of keys and values)`;
  const texts = vocabSize === undefined ? '' : `, vocabulary ${vocabSize}, context ${maxSeqLen}`;
  return [
    `${numLayers} layers of width ${dModel}, ${numHeads} heads${heads}, norm placement ${normPlacement}${texts}`,
  ];
}

interface Memory {
  /** Bytes. */
  weights: number;
  /** Bytes of keys and values of a full context; null for models that do not go on from token to token. */
  cache: number | null;
  /** Bytes of a step with Adam. */
  tune: number;
  /** Tokens of the row that `tune` is for; null for images. */
  seqLen: number | null;
}

function memoryOf({ model }: TrainedRun): Memory {
  const weights = 4 * model.numParameters();
  if (model.kind === 'visionTransformer') {
    const { imageSize, channels } = model.config;
    const images = new Float32Array(imageSize * imageSize * channels);
    const { peakBytes } = plan(
      model as Trainable<never>,
      {
        images,
        labels: new Int32Array(1),
        batchSize: 1,
      } as never,
    );
    return { weights, cache: null, tune: peakBytes, seqLen: null };
  }
  const { maxSeqLen } = model.config;
  const seqLen = Math.min(maxSeqLen, PLANNED);
  const { peakBytes } = plan(model as Trainable<never>, batchOf(model, seqLen) as never);
  return { weights, cache: cacheOf(model), tune: peakBytes, seqLen };
}

function cacheOf(model: TrainedRun['model']): number | null {
  if (model.kind !== 'causalLM') return null;
  const { maxSeqLen, numLayers, dModel, numHeads, numKVHeads = numHeads } = model.config;
  return 2 * 4 * numLayers * maxSeqLen * ((dModel / numHeads) * numKVHeads);
}

/** A row of one text for whatever reads texts. */
function batchOf(model: TrainedRun['model'], seqLen: number): object {
  const row = () => new Int32Array(seqLen).fill(1);
  if (model.kind === 'transformer') {
    const lengths = Int32Array.of(seqLen);
    return {
      source: row(),
      sourceLengths: lengths,
      targetInput: row(),
      targetLengths: lengths,
      targetOutput: row(),
      batchSize: 1,
      sourceLen: seqLen,
      targetLen: seqLen,
    };
  }
  const segments = new Int32Array(seqLen);
  const batch = { ids: row(), lengths: Int32Array.of(seqLen), batchSize: 1, seqLen };
  if (model.kind === 'causalLM') return { ids: row(), targets: row(), batchSize: 1, seqLen };
  if (model.kind === 'maskedLM') {
    const next = model.config.nextSentence ? { nextSentence: Int32Array.of(0) } : {};
    return { ...batch, segments, targets: row(), ...next };
  }
  const { multiLabel, numClasses } = (model as { config: { multiLabel: boolean; numClasses: number } })
    .config;
  return { ...batch, segments, labels: new Int32Array(multiLabel ? numClasses : 1) };
}

function tokenizerFacts({ tokenizer }: TrainedRun) {
  if (tokenizer === null) return null;
  const { vocabSize } = tokenizer;
  if (!isPretrainedTokenizer(tokenizer)) {
    return { kind: tokenizer instanceof CharTokenizer ? 'characters' : 'byte-level BPE', vocabSize };
  }
  const { model } = tokenizer.toTokenizerJSON() as { model?: { type?: string } };
  const { specialTokens, maxLength, chatTemplate } = tokenizer;
  return { kind: model?.type ?? 'BPE', vocabSize, specialTokens, maxLength, chatTemplate };
}
