/**
 * @file A lane where it computes, a worker or the page itself: messages in, messages out. It trains as far as it is
 * allowed to, so that lanes stay together and a page that is busy is not flooded.
 */
import type { Recipe } from '../recipe/index.js';
import { pause } from '../train/pause.js';
import { toWire, type WireError } from '../wire-error.js';
import { type LaneCost, type LaneSpeed, laneCost, laneSpeed } from './cost.js';
import { Lane, type LaneBeginning, type LaneEnd, type SavedLane } from './lane.js';
import type { Snapshot } from './layout.js';

/** What a lane's host is told. */
export type ToLane =
  | { type: 'start'; recipe: Recipe; saved?: SavedLane; maxMemory?: number }
  /** Train up to this step; one that is done stops it. */
  | { type: 'until'; step: number }
  | { type: 'save' }
  | { type: 'weights' }
  | { type: 'cost'; recipe: Recipe; id: number }
  | { type: 'speed'; recipe: Recipe };

/** What it tells. */
export type FromLane =
  | { type: 'ready'; beginning: LaneBeginning; end: LaneEnd | null; digest: string }
  /** Rows of the steps from `first` on, one after the other. */
  | { type: 'rows'; first: number; rows: Float64Array<ArrayBuffer> }
  | { type: 'snapshot'; snapshot: Snapshot }
  | { type: 'ended'; end: LaneEnd; step: number; digest: string }
  | { type: 'saved'; saved: SavedLane; step: number }
  | { type: 'weights'; bytes: Uint8Array<ArrayBuffer>; step: number }
  | { type: 'cost'; id: number; cost: LaneCost }
  | { type: 'speed'; speed: LaneSpeed }
  | { type: 'failed'; during: ToLane['type'] | 'train'; id?: number; error: WireError };

/** Between two messages with rows. */
const REPORT_MS = 100;

export class LaneHost {
  readonly #post: (message: FromLane) => void;
  #lane: Lane | null = null;
  #until = 0;
  #running = false;
  #rows: Float64Array[] = [];
  #first = 1;
  #reported = 0;

  constructor(post: (message: FromLane) => void) {
    this.#post = post;
  }

  async receive(message: ToLane): Promise<void> {
    try {
      await this.#take(message);
    } catch (error) {
      const id = message.type === 'cost' ? { id: message.id } : {};
      this.#post({ type: 'failed', during: message.type, ...id, error: toWire(error) });
    }
  }

  /** Ends it: nothing is trained or told any more. */
  close(): void {
    this.#until = 0;
    this.#lane?.free();
    this.#lane = null;
  }

  async #take(message: ToLane): Promise<void> {
    switch (message.type) {
      case 'start': {
        this.#lane = await Lane.open(message.recipe, message.saved, message.maxMemory);
        const { beginning, end, digest } = this.#lane;
        this.#post({ type: 'ready', beginning, end, digest });
        break;
      }
      case 'until':
        this.#until = message.step;
        if (!this.#running) await this.#train();
        break;
      case 'save': {
        const { saved, step } = { saved: this.#need().save(), step: this.#need().step };
        this.#flush();
        this.#post({ type: 'saved', saved, step });
        break;
      }
      case 'weights':
        this.#post({
          type: 'weights',
          bytes: Uint8Array.from(this.#need().weights()),
          step: this.#need().step,
        });
        break;
      case 'cost':
        this.#post({ type: 'cost', id: message.id, cost: await laneCost(message.recipe) });
        break;
      case 'speed':
        this.#post({ type: 'speed', speed: await laneSpeed(message.recipe) });
        break;
    }
  }

  #need(): Lane {
    if (!this.#lane) throw new Error('unreachable: the page asks a lane only once it is ready');
    return this.#lane;
  }

  async #train(): Promise<void> {
    this.#running = true;
    try {
      while (this.#lane && this.#lane.end === null && this.#lane.step < this.#until) {
        const lane = this.#lane;
        const row = lane.train();
        if (row) {
          if (this.#rows.length === 0) this.#first = lane.step;
          this.#rows.push(row);
          if (lane.hasSnapshot) {
            this.#flush();
            this.#post({ type: 'snapshot', snapshot: lane.snapshot() });
          }
        }
        if (performance.now() - this.#reported > REPORT_MS) this.#flush();
        await pause();
      }
      this.#flush();
      const lane = this.#lane;
      if (lane?.end) this.#post({ type: 'ended', end: lane.end, step: lane.step, digest: lane.digest });
    } catch (error) {
      this.#flush();
      this.#post({ type: 'failed', during: 'train', error: toWire(error) });
      this.close();
    } finally {
      this.#running = false;
    }
  }

  #flush(): void {
    this.#reported = performance.now();
    if (this.#rows.length === 0) return;
    const [{ length: width }] = this.#rows;
    const rows = new Float64Array(this.#rows.length * width);
    for (const [at, row] of this.#rows.entries()) rows.set(row, at * width);
    this.#rows = [];
    this.#post({ type: 'rows', first: this.#first, rows });
  }
}
