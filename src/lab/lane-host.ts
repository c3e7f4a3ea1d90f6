/**
 * @file A lane where it computes, a worker or the page itself: messages in, messages out. It trains as far as it is
 * allowed to, so that lanes stay together and a page that is busy is not flooded.
 */
import { CheckpointError } from '../errors.js';
import type { Recipe } from '../recipe/index.js';
import { pause } from '../train/pause.js';
import { toWire, type WireError } from '../wire-error.js';
import { type LaneCost, type LaneSpeed, laneCost, laneSpeed } from './cost.js';
import { forgetLanes, type KeptHead, keepLane, keptHeads, keptLane, type LanePlace } from './kept.js';
import { Lane, type LaneBeginning, type LaneEnd } from './lane.js';
import type { Snapshot } from './layout.js';

/** What a lane's host is told. */
export type ToLane =
  /** From its first step; from where this lane was left (`kept`), or from where it is, for more steps (`goOn`). */
  | { type: 'start'; recipe: Recipe; kept?: LanePlace; goOn?: boolean; maxMemory?: number }
  /** Train up to this step; one that is done stops it. */
  | { type: 'until'; step: number }
  /** Keep it in the browser; `rows` are those of the steps that the page knows, `time` is that of `KeptHead`. */
  | { type: 'keep'; place: LanePlace; rows: Float64Array<ArrayBuffer>; time: number }
  /** Which lanes the browser keeps. */
  | { type: 'heads' }
  /** Keep none any more. */
  | { type: 'forget' }
  /** Say that you live. */
  | { type: 'ping' }
  | { type: 'weights' }
  | { type: 'cost'; recipe: Recipe; id: number }
  | { type: 'speed'; recipe: Recipe };

/** What it tells. */
export type FromLane =
  /** `rows` are those of the steps before, where it was kept. */
  | {
      type: 'ready';
      beginning: LaneBeginning;
      end: LaneEnd | null;
      digest: string;
      rows?: Float64Array<ArrayBuffer>;
    }
  /** Rows of the steps from `first` on, one after the other. */
  | { type: 'rows'; first: number; rows: Float64Array<ArrayBuffer> }
  | { type: 'snapshot'; snapshot: Snapshot }
  | { type: 'ended'; end: LaneEnd; step: number; digest: string }
  /** `trouble` says why it was not. */
  | { type: 'kept'; step: number; trouble?: WireError }
  | { type: 'heads'; heads: KeptHead[] }
  | { type: 'forgotten' }
  | { type: 'pong' }
  | { type: 'weights'; bytes: Uint8Array<ArrayBuffer>; step: number }
  | { type: 'cost'; id: number; cost: LaneCost }
  | { type: 'speed'; speed: LaneSpeed }
  | { type: 'failed'; during: ToLane['type'] | 'train'; id?: number; error: WireError };

/** Between two messages with rows. */
const REPORT_MS = 100;
/** Rows that the page may not have yet when it asks for the lane to be kept: more than a lane may be ahead of others. */
const RECENT = 64;

export class LaneHost {
  readonly #post: (message: FromLane, moved?: ArrayBuffer[]) => void;
  #lane: Lane | null = null;
  #until = 0;
  #running = false;
  #rows: Float64Array[] = [];
  #recent: Float64Array[] = [];
  #first = 1;
  #reported = 0;

  /** @param post takes buffers that nobody needs here any more: they may be moved, not copied */
  constructor(post: (message: FromLane, moved?: ArrayBuffer[]) => void) {
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
      case 'start':
        await this.#start(message);
        break;
      case 'until':
        this.#until = message.step;
        if (!this.#running) await this.#train();
        break;
      case 'keep':
        this.#post({ type: 'kept', step: this.#need().step, ...(await this.#keep(message)) });
        break;
      case 'heads':
        this.#post({ type: 'heads', heads: await keptHeads() });
        break;
      case 'forget':
        await forgetLanes().catch(() => {});
        this.#post({ type: 'forgotten' });
        break;
      case 'ping':
        this.#post({ type: 'pong' });
        break;
      case 'weights': {
        const { step } = this.#need();
        const bytes = this.#need().weights().slice();
        this.#post({ type: 'weights', bytes, step }, [bytes.buffer]);
        break;
      }
      case 'cost':
        this.#post({ type: 'cost', id: message.id, cost: await laneCost(message.recipe) });
        break;
      case 'speed':
        this.#post({ type: 'speed', speed: await laneSpeed(message.recipe) });
        break;
    }
  }

  async #start({ recipe, kept, goOn, maxMemory }: Extract<ToLane, { type: 'start' }>): Promise<void> {
    const before = this.#lane;
    const left = kept ? await keptLane(kept) : null;
    const saved = goOn ? before?.save() : left?.saved;
    before?.free();
    this.#lane = null;
    let rows = left?.rows;
    try {
      this.#lane = await Lane.open(recipe, saved, maxMemory);
    } catch (error) {
      // What was kept does not fit any more; the same numbers come from the first step on.
      if (!left || !(error instanceof CheckpointError)) throw error;
      this.#lane = await Lane.open(recipe, undefined, maxMemory);
      rows = undefined;
    }
    const { beginning, end, digest } = this.#lane;
    this.#post({ type: 'ready', beginning, end, digest, ...(rows ? { rows } : {}) });
  }

  async #keep({ place, rows, time }: Extract<ToLane, { type: 'keep' }>): Promise<{ trouble?: WireError }> {
    const lane = this.#need();
    const saved = lane.save();
    const { width } = lane.layout;
    const all = new Float64Array(saved.step * width);
    all.set(rows.subarray(0, all.length));
    const missing = Math.max(0, saved.step - rows.length / width);
    for (const [at, row] of this.#recent.slice(this.#recent.length - missing).entries())
      all.set(row, rows.length + at * width);
    try {
      await keepLane(place, { saved, rows: all }, time);
      return {};
    } catch (error) {
      return { trouble: toWire(error) };
    }
  }

  #need(): Lane {
    if (!this.#lane) throw new Error('unreachable: the page asks a lane only once it is ready');
    return this.#lane;
  }

  /** Whether there is a step to train. Where the page itself computes, what it is told may bring further steps at once. */
  #hasNext(): boolean {
    const isAllowed = (): boolean =>
      this.#lane !== null && this.#lane.end === null && this.#lane.step < this.#until;
    if (isAllowed()) return true;
    this.#flush();
    return isAllowed();
  }

  async #train(): Promise<void> {
    this.#running = true;
    try {
      while (this.#hasNext()) {
        const lane = this.#need();
        const row = lane.train();
        if (row) {
          if (this.#rows.length === 0) this.#first = lane.step;
          this.#rows.push(row);
          this.#recent.push(row);
          if (this.#recent.length > RECENT) this.#recent.shift();
          if (lane.hasSnapshot) {
            this.#flush();
            const snapshot = lane.snapshot();
            this.#post(
              { type: 'snapshot', snapshot },
              snapshot.attention.map(({ buffer }) => buffer as ArrayBuffer),
            );
          }
        }
        if (performance.now() - this.#reported > REPORT_MS) this.#flush();
        await pause();
      }
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
    this.#post({ type: 'rows', first: this.#first, rows }, [rows.buffer]);
  }
}
