/**
 * @file What the configuration will cost on this device, before it runs: measured by a worker of its own, the speed
 * once and the memory of each model that the lanes have.
 */
import { firstLab, type LabConfiguration } from '../../src/lab/configuration.js';
import { historyBytes, isAbsurd, stepOperations } from '../../src/lab/cost.js';
import type { FromLane } from '../../src/lab/lane-host.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { type LanePort, openLanePort } from './lane-port.js';
import { time } from './view.js';

export interface TotalCost {
  /** Null while it is measured. */
  seconds: number | null;
  bytes: number | null;
  /** What this device has for it. */
  room: number;
  /** A model of a lane is beyond anything that a page trains. */
  absurd: boolean;
  /** The widest of the lanes, for what to try instead. */
  width: number;
}

/** Seconds beyond which the page asks first. */
const LONG = 30 * 60;
/** Seconds in which a model is planned, however large. */
const PATIENCE = 300;

export class CostMeter {
  total: TotalCost = { seconds: null, bytes: null, room: roomHere(), absurd: false, width: 64 };
  readonly #changed: () => void;
  #port: LanePort | null = null;
  /** Operations a second. */
  #speed: number | null = null;
  #asked = 0;
  readonly #bytes = new Map<string, number>();
  #waiting: { id: number; key: string }[] = [];
  #lab: LabConfiguration | null = null;
  #rest: ReturnType<typeof setTimeout> | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  measure(lab: LabConfiguration, content: string | undefined): void {
    this.#lab = lab;
    const absurd = lab.lanes.some((lane) => isAbsurd(lab, lane));
    this.total = { ...this.total, absurd, width: Math.max(...lab.lanes.map(({ width }) => width)) };
    if (!absurd) {
      this.#port ??= openLanePort(
        (message) => this.#receive(message),
        () => {
          this.#port = null;
        },
        PATIENCE,
      );
      if (this.#speed === null) this.#port.post({ type: 'speed', recipe: laneRecipe(firstLab(), 0) });
      for (const at of lab.lanes.keys()) {
        const key = keyOf(lab, at);
        if (this.#bytes.has(key) || this.#waiting.some((one) => one.key === key)) continue;
        const id = ++this.#asked;
        this.#waiting.push({ id, key });
        this.#port.post({ type: 'cost', id, recipe: laneRecipe(lab, at, content) });
      }
    }
    this.#sum();
  }

  #receive(message: FromLane): void {
    if (message.type === 'speed') {
      const first = firstLab();
      this.#speed = stepOperations(first, first.lanes[0]) / message.speed.seconds;
    } else if (message.type === 'cost' || (message.type === 'failed' && message.id !== undefined)) {
      const at = this.#waiting.findIndex(({ id }) => id === message.id);
      const [{ key }] = this.#waiting.splice(at, 1);
      // What cannot even be planned has no room.
      this.#bytes.set(key, message.type === 'cost' ? message.cost.bytes : Number.POSITIVE_INFINITY);
    }
    this.#sum();
    clearTimeout(this.#rest);
    // Its worker goes when nothing has been asked for a while: it holds a model.
    this.#rest = setTimeout(() => {
      if (this.#waiting.length > 0) return;
      this.#port?.close();
      this.#port = null;
    }, 5000);
  }

  #sum(): void {
    const lab = this.#lab;
    if (!lab) return;
    const bytes = lab.lanes.reduce((sum, lane, at) => {
      const own = this.#bytes.get(keyOf(lab, at));
      return own === undefined ? Number.NaN : sum + own + historyBytes(lab, lane);
    }, 0);
    const speed = this.#speed;
    const each = speed === null ? null : lab.lanes.map((lane) => stepOperations(lab, lane) / speed);
    const cores = Math.min(lab.lanes.length, navigator.hardwareConcurrency || 2);
    const seconds = each && lab.steps * Math.max(Math.max(...each), each.reduce((a, b) => a + b, 0) / cores);
    this.total = { ...this.total, seconds, bytes: Number.isNaN(bytes) ? null : bytes };
    this.#changed();
  }
}

/** What decides a lane's memory. */
function keyOf(lab: LabConfiguration, at: number): string {
  const { layers, width, heads, batch, length, placement, norm, optimizer, arithmetic } = lab.lanes[at];
  return JSON.stringify([
    lab.task,
    lab.content?.sha256,
    layers,
    width,
    heads,
    batch,
    length,
    placement,
    norm,
    optimizer,
    arithmetic,
  ]);
}

/** Of the memory that the browser says the device has, a quarter; where it does not say, 1 GB. */
function roomHere(): number {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  return deviceMemory === undefined ? 1e9 : (deviceMemory * 1e9) / 4;
}

export function costText({ seconds, bytes }: TotalCost): string {
  if (seconds === null || bytes === null) return 'Measuring what it takes…';
  return `About ${time(seconds)} and ${megabytes(bytes)} on this device.`;
}

/** Why it should not begin as it is. */
export function troubleOf({
  seconds,
  bytes,
  room,
  absurd,
  width,
}: TotalCost): { text: string; mayInsist: boolean } | null {
  const smaller = `Try width ${Math.max(8, width >> 1)}.`;
  if (absurd) return { text: `A model of this size does not fit in a page. ${smaller}`, mayInsist: false };
  if (bytes !== null && bytes > room) {
    const needs = Number.isFinite(bytes) ? megabytes(bytes) : 'more memory than there is';
    return { text: `This needs ${needs}; ${megabytes(room)} are free. ${smaller}`, mayInsist: false };
  }
  if (seconds !== null && seconds > LONG)
    return { text: `This takes about ${time(seconds)} on this device.`, mayInsist: true };
  return null;
}

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}
