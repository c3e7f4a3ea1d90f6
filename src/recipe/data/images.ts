/** @file Images with classes. */

import { integer, optional } from '../../checks.js';
import { checkCursor } from '../../data/cursor.js';
import { type BatchSource, type Cursor, loadDigits } from '../../data/index.js';
import { DataError } from '../../errors.js';
import { Sha256 } from '../../io/sha256.js';
import { RandomStream } from '../../random.js';
import { decodeText } from '../../text/index.js';
import type { ImagesData } from '../data-recipe.js';
import type { Sources } from '../sources.js';
import { heldOutRule, SHARE, sourceRule } from './content.js';
import { heldOutRows, holdOutRule } from './hold-out.js';
import type { DataKind } from './kind.js';

/** Images one after another, and their classes. */
export interface Images {
  /** (N, H, W, C) */
  images: Float32Array;
  /** (N) */
  labels: Int32Array;
}

/** A batch as `VisionTransformer` reads it. */
export interface ImageBatch extends Images {
  batchSize: number;
}

/** Random images with replacement; a batch depends on (seed, number) alone. */
export class ImageBatches implements BatchSource<ImageBatch> {
  #number = 0;

  constructor(
    readonly data: Images,
    readonly batchSize: number,
    readonly seed: number,
  ) {}

  next(): ImageBatch {
    const random = new RandomStream(this.seed, 'data:images', this.#number++);
    const { labels } = this.data;
    return pickImages(
      this.data,
      Array.from({ length: this.batchSize }, () => random.nextInt(labels.length)),
    );
  }

  state(): Cursor {
    return { epoch: 0, batch: this.#number };
  }

  restore(cursor: Cursor): void {
    checkCursor('ImageBatches', cursor);
    this.#number = cursor.batch;
  }
}

/** Some images, in the order of their rows. */
export function pickImages({ images, labels }: Images, rows: readonly number[]): ImageBatch {
  const size = images.length / labels.length;
  const out = new Float32Array(rows.length * size);
  rows.forEach((row, n) => {
    out.set(images.subarray(row * size, (row + 1) * size), n * size);
  });
  return { images: out, labels: Int32Array.from(rows, (row) => labels[row]), batchSize: rows.length };
}

interface ReadImages extends Images {
  sha256: string;
  /** Where the held-out images begin, which come last. */
  cut: number;
  /** Of the held-out images, where they stood. */
  held: readonly number[];
  imageSize: number;
}

const BATCH = 32;
const MAX_BATCH = 65536;

/** Images. */
export const imagesKind: DataKind<ImagesData, ReadImages> = {
  kind: 'images',
  rules: {
    source: sourceRule,
    images: optional({
      wanted: 'a Float32Array or a list of numbers',
      holds: (value) => isNumbers(value, Float32Array),
    }),
    labels: optional({
      wanted: 'an Int32Array or a list of classes',
      holds: (value) => isNumbers(value, Int32Array),
    }),
    channels: optional(integer(1)),
    batchSize: optional(integer(1)),
    validation: heldOutRule,
    holdOut: holdOutRule,
  },
  contentKeys: ['source', 'images', 'labels', 'validation', 'holdOut'],
  models: ['visionTransformer'],
  defaults: { channels: 1, batchSize: BATCH },
  check({ source, images, labels, batchSize = BATCH }, must) {
    const arrays = [images, labels].filter((array) => array !== undefined).length;
    must(
      source === undefined ? arrays === 2 : arrays === 0,
      'data',
      'given by source (a name) or by images and labels',
      source === undefined ? `${arrays} of the two` : 'both',
    );
    // Images are drawn with replacement, so nothing else bounds a batch before memory does.
    must(batchSize <= MAX_BATCH, 'data.batchSize', `at most ${MAX_BATCH}`, batchSize);
  },
  async read(data, sources) {
    const { channels = 1, validation = SHARE, holdOut } = data;
    const found = await readImages(data, sources);
    const path = data.source ?? 'data.images';
    const imageSize = checkImages(found, channels, path);
    if (new Set(found.labels).size < 2) {
      throw new DataError('there is one class only, so there is nothing to learn', { path });
    }
    const held = heldOutRows(
      found.labels.length,
      validation,
      holdOut,
      Array.from(found.labels, (label) => [label]),
    );
    const { images, labels } = holdOut === 'spread' ? withLast(found, held) : found;
    const cut = labels.length - held.length;
    const hash = new Sha256();
    for (const array of [images, labels, Int32Array.of(cut)]) {
      hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
    return { images, labels, cut, held, imageSize, sha256: hash.hex() };
  },
  async open({ channels = 1, batchSize = BATCH }, { images, labels, cut, held, imageSize, sha256 }) {
    const size = images.length / labels.length;
    const part = (from: number, to: number): Images => ({
      images: images.subarray(from * size, to * size),
      labels: labels.subarray(from, to),
    });
    const train = part(0, cut);
    const valid = part(cut, labels.length);
    return {
      sha256,
      tokenizer: null,
      tokens: null,
      sizes: {
        imageSize,
        channels,
        numClasses: labels.reduce((most, label) => Math.max(most, label), 0) + 1,
      },
      heldOut: cut < labels.length ? ['valid'] : [],
      train: (seed) => new ImageBatches(train, batchSize, seed),
      examples: (count) =>
        Array.from({ length: Math.min(count, valid.labels.length) }, (_, i) => ({
          text: `image ${held[i] + 1}`,
          reference: String(valid.labels[i]),
          batch: pickImages(valid, [i]),
        })),
      evaluation: (_, __, count = valid.labels.length) => {
        const all = Math.min(count, valid.labels.length);
        return Array.from({ length: Math.ceil(all / batchSize) }, (_, b) => {
          const from = b * batchSize;
          const rows = Math.min(batchSize, all - from);
          return pickImages(
            valid,
            Array.from({ length: rows }, (_, i) => from + i),
          );
        });
      },
      numExamples: () => valid.labels.length,
    };
  },
};

/** The same images, those last. */
function withLast(found: Images, last: readonly number[]): Images {
  const isLast = new Set(last);
  const first = [...found.labels.keys()].filter((row) => !isLast.has(row));
  const { images, labels } = pickImages(found, [...first, ...last]);
  return { images, labels };
}

function isNumbers(value: unknown, type: typeof Float32Array | typeof Int32Array): boolean {
  return value instanceof type || (Array.isArray(value) && value.every((v) => typeof v === 'number'));
}

async function readImages({ source, images, labels }: ImagesData, sources: Sources): Promise<Images> {
  if (source === undefined) {
    return { images: Float32Array.from(images ?? []), labels: integers(labels ?? [], 'data.labels') };
  }
  if (source === 'digits') return loadDigits();
  const path = sources.resolve(source);
  const lines = decodeText(await sources.read(path), path)
    .trimEnd()
    .split(/\r?\n/);
  const rows = lines.map((line, i) => {
    const numbers = line.split(',').map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
    if (numbers.length >= 2 && numbers.every(Number.isFinite)) return numbers;
    throw new DataError('the line is not a class and numbers, with commas between', {
      path: `${path}:${i + 1}`,
    });
  });
  const uneven = rows.findIndex(({ length }) => length !== rows[0].length);
  if (uneven >= 0) {
    throw new DataError(`the line has ${rows[uneven].length} numbers, the first has ${rows[0].length}`, {
      path: `${path}:${uneven + 1}`,
    });
  }
  return {
    images: Float32Array.from(rows.flatMap((row) => row.slice(1))),
    labels: integers(
      rows.map(([label]) => label),
      path,
    ),
  };
}

function integers(labels: ArrayLike<number>, path: string): Int32Array {
  const at = Array.from(labels).findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < 65536),
  );
  if (at < 0) return Int32Array.from(labels);
  throw new DataError(`the class of image ${at + 1} must be a whole number from 0, got ${labels[at]}`, {
    path,
  });
}

/** The side of the images. */
function checkImages({ images, labels }: Images, channels: number, path: string): number {
  const side = Math.sqrt(images.length / labels.length / channels);
  if (labels.length > 0 && Number.isInteger(side) && side > 0) return side;
  throw new DataError(
    `${images.length} numbers are not ${labels.length} square images of ${channels} channels`,
    { path, hint: 'give N x H x W x C numbers with H = W, and N labels' },
  );
}
