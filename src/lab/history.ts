/** @file What a lane has shown so far: every row, and snapshots as long as there is room. */
import { SNAPSHOT_BYTES } from './cost.js';
import type { LaneBeginning } from './lane.js';
import { layoutOf, type RowLayout, type Snapshot } from './layout.js';

export class LaneHistory {
  readonly beginning: LaneBeginning;
  readonly layout: RowLayout;
  #rows: Float64Array<ArrayBuffer>;
  #steps = 0;
  #snapshots: Snapshot[];
  /** Columns that were asked for: they grow with the steps, and nobody copies them for each drawing. */
  readonly #columns = new Map<number, { values: Float64Array<ArrayBuffer>; known: number }>();

  constructor(beginning: LaneBeginning) {
    this.beginning = beginning;
    this.layout = layoutOf(beginning.shape);
    this.#rows = new Float64Array(64 * this.layout.width);
    this.#snapshots = [beginning.snapshot];
  }

  /** Steps that are kept: 1, 2, … up to this. */
  get steps(): number {
    return this.#steps;
  }

  get snapshots(): readonly Snapshot[] {
    return this.#snapshots;
  }

  /** Rows of the steps from `first` on; a lane that began again says what is known already. */
  add(first: number, rows: Float64Array): void {
    const { width } = this.layout;
    const end = (first - 1) * width + rows.length;
    if (end > this.#rows.length) {
      const wider = new Float64Array(Math.max(end, 2 * this.#rows.length));
      wider.set(this.#rows);
      this.#rows = wider;
    }
    this.#rows.set(rows, (first - 1) * width);
    this.#steps = Math.max(this.#steps, end / width);
  }

  addSnapshot(snapshot: Snapshot): void {
    if (this.#snapshots.some(({ step }) => step === snapshot.step)) return;
    this.#snapshots.push(snapshot);
    const each = snapshot.attention.reduce((sum, weights) => sum + weights.byteLength, 0);
    // The first and the last stay, and every other one between them.
    if (this.#snapshots.length * each > SNAPSHOT_BYTES) {
      this.#snapshots = this.#snapshots.filter((_, at, all) => at % 2 === 0 || at === all.length - 1);
    }
  }

  /** The row of a step; of step 0 what was there before any; undefined where there is none. */
  row(step: number): Float64Array | undefined {
    if (step === 0) return this.beginning.row;
    if (step < 0 || step > this.#steps) return undefined;
    const { width } = this.layout;
    return this.#rows.subarray((step - 1) * width, step * width);
  }

  /** One number of every step, from step 1 on: a view, which later steps do not lengthen. */
  series(place: number): Float64Array<ArrayBuffer> {
    const { width } = this.layout;
    const column = this.#columns.get(place) ?? { values: new Float64Array(64), known: 0 };
    this.#columns.set(place, column);
    if (column.values.length < this.#steps) {
      const longer = new Float64Array(Math.max(this.#steps, 2 * column.values.length));
      longer.set(column.values.subarray(0, column.known));
      column.values = longer;
    }
    for (; column.known < this.#steps; column.known++)
      column.values[column.known] = this.#rows[column.known * width + place];
    return column.values.subarray(0, this.#steps);
  }

  /** The newest snapshot that is not younger than a step. */
  snapshotAt(step: number): Snapshot {
    let found = this.#snapshots[0];
    for (const snapshot of this.#snapshots) if (snapshot.step <= step) found = snapshot;
    return found;
  }

  /** All rows, one after the other. */
  all(): Float64Array<ArrayBuffer> {
    return this.#rows.slice(0, this.#steps * this.layout.width);
  }

  /** Mean of the loss over the `window` steps up to one; undefined before the first. */
  loss(step: number, window = 9): number | undefined {
    const last = Math.min(step, this.#steps);
    if (last < 1) return undefined;
    let [sum, count] = [0, 0];
    for (let at = Math.max(1, last - window + 1); at <= last; at++) {
      sum += this.#rows[(at - 1) * this.layout.width];
      count++;
    }
    return sum / count;
  }
}
