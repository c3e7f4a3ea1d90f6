/**
 * @file `prenorm export --check`: what the graphs of a folder compute, beside the model itself. Rows of a batch have
 * different lengths; the model computes each by itself, without padding, which gives it the same bits.
 */
import { noGrad } from '../autograd/index.js';
import type { Variable } from '../autograd/variable.js';
import type {
  CausalLM,
  LibraryModel,
  MaskedLM,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../nn/index.js';
import { RandomStream } from '../random.js';
import { withRuntime } from '../runtime/runtime.js';
import {
  emptyPast,
  integers,
  loadOnnxRuntime,
  type OnnxFolder,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  openGraph,
  pastOf,
} from './onnx-runtime.js';

export { loadOnnxRuntime };

/** How many sequences, and how long the longest is. */
export interface Sample {
  batchSize: number;
  seqLen: number;
}

/** Numbers of a graph beside those of the model. */
class Differences {
  /** The largest difference. */
  largest = 0;
  /** The largest number of the model. */
  scale = 0;
  compared = 0;

  /** `theirs` from element `at` on. */
  add(ours: ArrayLike<number>, theirs: OnnxTensor, at = 0): void {
    for (let i = 0; i < ours.length; i++) {
      const difference = Math.abs(ours[i] - Number(theirs.data[at + i]));
      // NaN is larger than any.
      if (!(difference <= this.largest)) this.largest = Number.isNaN(difference) ? Infinity : difference;
      this.scale = Math.max(this.scale, Math.abs(ours[i]));
    }
    this.compared += ours.length;
  }
}

/** What came of a comparison. */
export interface OnnxCheck {
  /** The largest difference between a graph's numbers and the model's. */
  largest: number;
  /** The model's largest number. */
  scale: number;
  /** How many numbers were compared. */
  compared: number;
  samples: number;
  /** Whether that is what the order of sums explains, or f16. */
  isNear: boolean;
}

/** The largest difference that may be, of numbers about 1: sums have another order there; f16 has 11 bits. */
const TOLERANCE = { f32: 1e-4, f16: 5e-2 };

/** Runs the graphs of a folder on samples of a length or two. */
export async function checkGraphs(
  runtime: OnnxRuntime,
  model: LibraryModel,
  folder: OnnxFolder,
  samples?: readonly Sample[],
): Promise<OnnxCheck> {
  const { maxSeqLen = 1 } = model.config as { maxSeqLen?: number };
  const seqLen = Math.min(17, maxSeqLen);
  const differences = new Differences();
  const all = samples ?? [
    { batchSize: 1, seqLen: 1 },
    { batchSize: 3, seqLen },
  ];
  const run = new Run(runtime, model, folder, differences);
  for (const sample of all) await run.compare(sample);
  await run.close();
  const { largest, scale, compared } = differences;
  const isHalf = [...folder.keys()].some((name) => name.endsWith('_fp16.onnx'));
  const most = TOLERANCE[isHalf ? 'f16' : 'f32'] * Math.max(1, scale);
  return { largest, scale, compared, samples: all.length, isNear: compared > 0 && largest <= most };
}

/** The graphs of one folder, opened once. */
class Run {
  readonly #sessions = new Map<string, OnnxSession | null>();
  readonly #random = new RandomStream(0, 'onnx-check');

  constructor(
    readonly runtime: OnnxRuntime,
    readonly model: LibraryModel,
    readonly folder: OnnxFolder,
    readonly differences: Differences,
  ) {}

  async compare(sample: Sample): Promise<void> {
    switch (this.model.kind) {
      case 'causalLM':
        return this.#causalLM(this.model, sample);
      case 'transformer':
        return this.#pair(this.model, sample);
      case 'maskedLM':
        return this.#maskedLM(this.model, sample);
      case 'visionTransformer':
        return this.#images(this.model, sample);
      default:
        return this.#classes(this.model, sample);
    }
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session?.release();
  }

  async #graph(stem: string): Promise<OnnxSession | null> {
    const known = this.#sessions.get(stem);
    if (known !== undefined) return known;
    const session = await openGraph(this.runtime, this.folder, stem);
    this.#sessions.set(stem, session);
    return session;
  }

  /** A graph that every folder of this kind of model has. */
  async #whole(stem: string): Promise<OnnxSession> {
    return (await this.#graph(stem)) as OnnxSession;
  }

  /** Rows of ids, each two shorter than the one before. */
  #rows({ batchSize, seqLen }: Sample, below: number): number[][] {
    return Array.from({ length: batchSize }, (_, b) =>
      Array.from({ length: Math.max(1, seqLen - 2 * b) }, () => this.#random.nextUint32() % below),
    );
  }

  /** What the model gives, without dropout. */
  #ours(forward: () => Variable): ArrayLike<number> {
    const { model } = this;
    return model.evaluating(() => withRuntime(model.runtime(), () => noGrad(() => forward().toArray())));
  }

  /** Padding stands in front, as where texts of several lengths are continued. */
  async #causalLM(model: CausalLM, sample: Sample): Promise<void> {
    const { vocabSize, numKVHeads, dModel, numHeads } = model.config;
    const session = await this.#whole('model');
    const rows = this.#rows(sample, vocabSize);
    const { seqLen } = sample;
    const logits = rows.map((row) =>
      this.#ours(() => model.forward({ ids: Int32Array.from(row), batchSize: 1, seqLen: row.length })),
    );
    const ids = rows.map((row) => [...filled(seqLen - row.length, 0), ...row]);
    const mask = rows.map((row) => [...filled(seqLen - row.length, 0), ...filled(row.length, 1)]);
    const takesPast = session.inputNames.includes('past_key_values.0.key');
    const heads = { batchSize: rows.length, numKVHeads, dHead: dModel / numHeads };
    const empty = takesPast ? emptyPast(this.runtime, session, heads) : {};
    const feed = (from: number, to: number, past: Record<string, OnnxTensor>) => ({
      input_ids: integers(
        this.runtime,
        ids.map((row) => row.slice(from, to)),
      ),
      attention_mask: integers(
        this.runtime,
        mask.map((row) => row.slice(0, to)),
      ),
      ...past,
    });
    /** The positions [from, to) that a run has computed. */
    const add = (theirs: OnnxTensor, from: number, to: number) =>
      rows.forEach((row, b) => {
        const front = seqLen - row.length;
        const first = Math.max(from, front);
        if (first >= to) return;
        const own = Array.prototype.slice.call(
          logits[b],
          (first - front) * vocabSize,
          (to - front) * vocabSize,
        );
        this.differences.add(own, theirs, (b * (to - from) + first - from) * vocabSize);
      });
    add((await session.run(feed(0, seqLen, empty))).logits, 0, seqLen);
    if (!takesPast || seqLen === 1) return;
    const half = Math.ceil(seqLen / 2);
    const before = await session.run(feed(0, half, empty));
    add((await session.run(feed(half, seqLen, pastOf(before)))).logits, half, seqLen);
  }

  /** Rows with padding behind them, and segments of two texts where there are any. */
  #padded(rows: readonly number[][], seqLen: number, numSegments: number) {
    const pad = (row: readonly number[], fill: number) => [...row, ...filled(seqLen - row.length, fill)];
    const segments = rows.map((row) => row.map((_, t) => (numSegments > 1 && 2 * t >= row.length ? 1 : 0)));
    const feeds = {
      input_ids: integers(
        this.runtime,
        rows.map((row) => pad(row, 0)),
      ),
      attention_mask: integers(
        this.runtime,
        rows.map((row) =>
          pad(
            row.map(() => 1),
            0,
          ),
        ),
      ),
      ...(numSegments > 0
        ? {
            token_type_ids: integers(
              this.runtime,
              segments.map((row) => pad(row, 0)),
            ),
          }
        : {}),
    };
    const inputs = rows.map((row, b) => ({
      ids: Int32Array.from(row),
      ...(numSegments > 0 ? { segments: Int32Array.from(segments[b]) } : {}),
      batchSize: 1,
      seqLen: row.length,
    }));
    return { feeds, inputs };
  }

  async #maskedLM(model: MaskedLM, sample: Sample): Promise<void> {
    const { vocabSize, dModel, numSegments } = model.config;
    const { seqLen } = sample;
    const { feeds, inputs } = this.#padded(this.#rows(sample, vocabSize), seqLen, numSegments);
    const theirs = await (await this.#whole('model')).run(feeds);
    inputs.forEach((input, b) => {
      const { nextSentence } = model;
      const add = (name: string, forward: () => Variable, at: number) =>
        this.differences.add(this.#ours(forward), theirs[name], at);
      add('logits', () => model.forward(input), b * seqLen * vocabSize);
      add('last_hidden_state', () => model.encode(input), b * seqLen * dModel);
      if (nextSentence) add('next_sentence_logits', () => nextSentence.forward(model.encode(input)), b * 2);
    });
  }

  async #classes(model: TextClassifier, sample: Sample): Promise<void> {
    const { vocabSize, numClasses, numSegments } = model.config;
    const { feeds, inputs } = this.#padded(this.#rows(sample, vocabSize), sample.seqLen, numSegments);
    const { logits } = await (await this.#whole('model')).run(feeds);
    inputs.forEach((input, b) => {
      this.differences.add(
        this.#ours(() => model.forward(input)),
        logits,
        b * numClasses,
      );
    });
  }

  /** Sources of different lengths, targets of one: nothing stands behind what is being translated. */
  async #pair(model: Transformer, sample: Sample): Promise<void> {
    const { vocabSize } = model.config;
    const { batchSize, seqLen } = sample;
    const sources = this.#rows(sample, vocabSize);
    const targets = this.#rows({ batchSize: 1, seqLen: batchSize * seqLen }, vocabSize)[0];
    const target = sources.map((_, b) => targets.slice(b * seqLen, (b + 1) * seqLen));
    const { feeds } = this.#padded(sources, seqLen, 0);
    const logits = sources.map((source, b) =>
      this.#ours(() =>
        model.forward({
          source: Int32Array.from(source),
          sourceLengths: Int32Array.of(source.length),
          targetInput: Int32Array.from(target[b]),
          targetLengths: Int32Array.of(seqLen),
          batchSize: 1,
          sourceLen: source.length,
          targetLen: seqLen,
        }),
      ),
    );
    const encoder = await this.#whole('encoder_model');
    const decoder = await this.#whole('decoder_model');
    const { last_hidden_state: memory } = await encoder.run(feeds);
    const of = (from: number, to: number) => ({
      input_ids: integers(
        this.runtime,
        target.map((row) => row.slice(from, to)),
      ),
      encoder_attention_mask: feeds.attention_mask,
    });
    const add = (theirs: OnnxTensor, from: number, to: number) =>
      logits.forEach((own, b) => {
        const values = Array.prototype.slice.call(own, from * vocabSize, to * vocabSize);
        this.differences.add(values, theirs, b * (to - from) * vocabSize);
      });
    const first = { encoder_hidden_states: memory };
    add((await decoder.run({ ...of(0, seqLen), ...first })).logits, 0, seqLen);
    const next = await this.#graph('decoder_with_past_model');
    if (!next) return;
    let past = pastOf(await decoder.run({ ...of(0, 1), ...first }));
    for (let t = 1; t < seqLen; t++) {
      const outputs = await next.run({ ...of(t, t + 1), ...past });
      add(outputs.logits, t, t + 1);
      past = pastOf(outputs, past);
    }
  }

  /** Pixels are (channels, height, width) there, and (height, width, channels) here. */
  async #images(model: VisionTransformer, { batchSize }: Sample): Promise<void> {
    const { imageSize, channels } = model.config;
    const area = imageSize * imageSize;
    const images = Float32Array.from({ length: batchSize * area * channels }, () => this.#random.nextFloat());
    const turned = Float32Array.from(images, (_, i) => {
      const image = Math.floor(i / (area * channels));
      const channel = Math.floor(i / area) % channels;
      return images[image * area * channels + (i % area) * channels + channel];
    });
    const dims = [batchSize, channels, imageSize, imageSize];
    const feeds = { pixel_values: new this.runtime.Tensor('float32', turned, dims) };
    const { logits } = await (await this.#whole('model')).run(feeds);
    this.differences.add(
      this.#ours(() => model.forward({ images, batchSize })),
      logits,
    );
  }
}

const filled = (count: number, value: number): number[] => new Array<number>(Math.max(0, count)).fill(value);
