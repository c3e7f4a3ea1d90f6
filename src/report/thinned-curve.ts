/**
 * @file A curve of any length in a room that does not grow. Steps are gathered in buckets of equal width, which doubles
 * when there are too many: up to `most` points a curve is as it was measured, then each point is the mean of a bucket,
 * with the lowest and the highest of it.
 */

/** A curve as figures take it. */
export interface CurvePoints {
  /** The last step of each bucket. */
  x: number[];
  /** Null where no value of the bucket is finite. */
  y: (number | null)[];
  /** Only where a point is the mean of several. */
  low?: (number | null)[];
  high?: (number | null)[];
  /** Steps from one bucket to the next. */
  width: number;
}

interface Bucket {
  index: number;
  last: number;
  /** Finite values. */
  count: number;
  sum: number;
  low: number;
  high: number;
}

/** More points than a plot is wide show nothing more. */
const MOST = 1000;

export class ThinnedCurve {
  #width = 1;
  #buckets: Bucket[] = [];

  constructor(readonly most = MOST) {}

  /** Steps come in ascending order. What is no finite number leaves a gap, unless it shares its bucket with one that is. */
  add(step: number, value: unknown): void {
    const isNumber = typeof value === 'number' && Number.isFinite(value);
    this.#take({
      index: Math.floor((step - 1) / this.#width),
      last: step,
      count: isNumber ? 1 : 0,
      sum: isNumber ? value : 0,
      low: isNumber ? value : Number.POSITIVE_INFINITY,
      high: isNumber ? value : Number.NEGATIVE_INFINITY,
    });
    while (this.#buckets.length > this.most) this.#halve();
  }

  #take(bucket: Bucket): void {
    const before = this.#buckets.at(-1);
    if (before?.index !== bucket.index) {
      this.#buckets.push(bucket);
      return;
    }
    before.last = bucket.last;
    before.count += bucket.count;
    before.sum += bucket.sum;
    before.low = Math.min(before.low, bucket.low);
    before.high = Math.max(before.high, bucket.high);
  }

  #halve(): void {
    this.#width *= 2;
    const buckets = this.#buckets;
    this.#buckets = [];
    for (const bucket of buckets) this.#take({ ...bucket, index: bucket.index >> 1 });
  }

  get isEmpty(): boolean {
    return this.#buckets.every(({ count }) => count === 0);
  }

  points(): CurvePoints {
    const buckets = this.#buckets;
    const pick = (value: (bucket: Bucket) => number) =>
      buckets.map((bucket) => (bucket.count > 0 ? value(bucket) : null));
    const points: CurvePoints = {
      x: buckets.map(({ last }) => last),
      y: pick(({ count, sum }) => (count === 1 ? sum : rounded(sum / count))),
      width: this.#width,
    };
    if (buckets.every(({ count }) => count <= 1)) return points;
    return { ...points, low: pick(({ low }) => rounded(low)), high: pick(({ high }) => rounded(high)) };
  }
}

/** As exact as a drawing can show; a mean has no exact digits to keep. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
