/**
 * @file A run of the page: its lanes, how far each may train, what each has shown, and which step is looked at. Lanes
 * stay within a few steps of each other, so that one step rules everything that is drawn.
 */
import type { LabConfiguration } from '../../src/lab/configuration.js';
import { laneName } from '../../src/lab/configuration.js';
import { LaneHistory } from '../../src/lab/history.js';
import type { LaneEnd, SavedLane } from '../../src/lab/lane.js';
import type { FromLane } from '../../src/lab/lane-host.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { fingerprintOf } from '../../src/lab/run.js';
import { fromWire } from '../../src/wire-error.js';
import { type LanePort, openLanePort } from './lane-port.js';

/** Steps that a lane may be ahead of the slowest. */
const AHEAD = 8;
/** Seconds over which speed is measured. */
const SPEED_SECONDS = 3;

export interface RunLane {
  readonly name: string;
  history: LaneHistory | null;
  end: LaneEnd | null;
  digest: string | null;
  /** Why it is lost; the others go on. */
  lost: string | null;
  /** Seconds since the run began and steps then, at each report. */
  readonly pace: { seconds: number; step: number }[];
}

interface Working extends RunLane {
  port: LanePort;
  allowed: number;
  saved: SavedLane | null;
  onSaved: ((saved: SavedLane) => void) | null;
  onWeights: ((bytes: Uint8Array<ArrayBuffer>) => void) | null;
}

/** What a lane that goes on begins with. */
export interface LaneBefore {
  saved: SavedLane;
  rows: Float64Array;
  step: number;
}

export type RunState = 'opening' | 'ready' | 'running' | 'paused' | 'done' | 'failed';

export class Run {
  readonly lab: LabConfiguration;
  readonly content: string | undefined;
  /** Why it could not begin. */
  error: Error | null = null;
  #lanes: Working[];
  #target = 0;
  #asked = false;
  #shown: number | null = null;
  readonly #changed: () => void;
  readonly #begun = performance.now();

  /** @param changed is called whenever there is something new to draw */
  constructor(
    lab: LabConfiguration,
    content: string | undefined,
    changed: () => void,
    before: readonly LaneBefore[] = [],
  ) {
    this.lab = lab;
    this.content = content;
    this.#changed = changed;
    this.#lanes = lab.lanes.map((_, at) => this.#open(at, before[at]));
  }

  get lanes(): readonly RunLane[] {
    return this.#lanes;
  }

  get state(): RunState {
    if (this.error) return 'failed';
    if (this.#lanes.every(({ end, lost }) => end || lost)) return 'done';
    if (this.#lanes.some(({ history, lost }) => !history && !lost))
      return this.#asked ? 'running' : 'opening';
    if (this.#asked) return 'running';
    return this.newest === 0 ? 'ready' : 'paused';
  }

  /** The newest step that every lane has which can still have it. */
  get newest(): number {
    const going = this.#lanes.filter(({ end, lost }) => !end && !lost);
    const steps = (going.length > 0 ? going : this.#lanes).map(({ history }) => history?.steps ?? 0);
    return going.length > 0 ? Math.min(...steps) : Math.max(...steps);
  }

  /** The step that everything shows. */
  get step(): number {
    return this.#shown ?? this.newest;
  }

  /** Whether that is the newest. */
  get isLive(): boolean {
    return this.#shown === null;
  }

  /** Shows a step; null is the newest. */
  show(step: number | null): void {
    const newest = this.newest;
    this.#shown = step === null || step >= newest ? null : Math.max(0, step);
    this.#changed();
  }

  /** Twelve digits, once every lane has ended and none is lost. */
  get fingerprint(): string | null {
    const digests = this.#lanes.map(({ end, digest }) => (end ? digest : null));
    return digests.every((digest) => digest !== null) ? fingerprintOf(digests as string[]) : null;
  }

  /** Steps a second of the slowest lane, lately; null before there is a measure. */
  get speed(): number | null {
    let slowest: number | null = null;
    for (const { pace, end } of this.#lanes) {
      const last = pace.at(-1);
      if (end || !last) continue;
      const from = pace.find(({ seconds }) => seconds > last.seconds - SPEED_SECONDS) ?? last;
      if (last.seconds - from.seconds < 0.2) continue;
      const speed = (last.step - from.step) / (last.seconds - from.seconds);
      slowest = slowest === null ? speed : Math.min(slowest, speed);
    }
    return slowest;
  }

  run(): void {
    this.#asked = true;
    this.#target = this.lab.steps;
    this.#grant();
    this.#changed();
  }

  pause(): void {
    this.#asked = false;
    this.#target = 0;
    this.#grant();
    this.#changed();
  }

  /** One step of every lane. */
  one(): void {
    this.#asked = false;
    this.#target = Math.min(this.lab.steps, this.newest + 1);
    this.#shown = null;
    this.#grant();
    this.#changed();
  }

  /** Opens a lane that was lost anew, and lets it come to where the others are. */
  reopen(at: number): void {
    const { saved, history } = this.#lanes[at];
    this.#lanes[at].port.close();
    const rows = history?.all();
    const step = saved ? saved.step : 0;
    const width = history?.layout.width ?? 0;
    this.#lanes[at] = this.#open(
      at,
      saved && rows ? { saved, rows: rows.subarray(0, step * width), step } : undefined,
    );
    this.#grant();
    this.#changed();
  }

  /** Everything needed to go on after a reload; null where a lane cannot say. */
  async save(): Promise<LaneBefore[] | null> {
    const all = await Promise.all(
      this.#lanes.map(async (lane): Promise<LaneBefore | null> => {
        if (!lane.history || lane.lost || lane.end === 'diverged') return null;
        const saved = await new Promise<SavedLane>((resolve) => {
          lane.onSaved = resolve;
          lane.port.post({ type: 'save' });
        });
        const step = saved.step;
        return { saved, step, rows: lane.history.all().subarray(0, step * lane.history.layout.width) };
      }),
    );
    return all.every((one) => one !== null) ? (all as LaneBefore[]) : null;
  }

  /** The model of a lane as `loadModel` reads it, of its newest step. */
  weights(at: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve) => {
      this.#lanes[at].onWeights = resolve;
      this.#lanes[at].port.post({ type: 'weights' });
    });
  }

  close(): void {
    for (const { port } of this.#lanes) port.close();
  }

  #open(at: number, before: LaneBefore | undefined): Working {
    const lane: Working = {
      name: laneName(this.lab, at),
      history: null,
      end: null,
      digest: null,
      lost: null,
      pace: [],
      allowed: 0,
      saved: before?.saved ?? null,
      onSaved: null,
      onWeights: null,
      port: openLanePort(
        (message) => this.#receive(lane, message, before),
        (why) => {
          lane.lost = why;
          this.#grant();
          this.#changed();
        },
      ),
    };
    const recipe = laneRecipe(this.lab, at, this.content);
    lane.port.post({ type: 'start', recipe, ...(before ? { saved: before.saved } : {}) });
    return lane;
  }

  #receive(lane: Working, message: FromLane, before: LaneBefore | undefined): void {
    switch (message.type) {
      case 'ready':
        lane.history = new LaneHistory(message.beginning);
        if (before) lane.history.add(1, before.rows);
        lane.end = message.end;
        lane.digest = message.digest;
        this.#note(lane);
        this.#grant();
        break;
      case 'rows':
        lane.history?.add(message.first, message.rows);
        this.#note(lane);
        this.#grant();
        break;
      case 'snapshot':
        lane.history?.addSnapshot(message.snapshot);
        break;
      case 'ended':
        lane.end = message.end;
        lane.digest = message.digest;
        if (this.state === 'done') this.#asked = false;
        this.#grant();
        break;
      case 'saved':
        lane.saved = message.saved;
        lane.onSaved?.(message.saved);
        break;
      case 'weights':
        lane.onWeights?.(message.bytes);
        break;
      case 'failed':
        // What goes wrong before the first step goes wrong in the configuration or the data.
        if (message.during === 'start' && !lane.history) this.error ??= fromWire(message.error);
        else lane.lost = fromWire(message.error).message;
        this.#grant();
        break;
    }
    this.#changed();
  }

  #note({ pace, history }: Working): void {
    pace.push({ seconds: (performance.now() - this.#begun) / 1000, step: history?.steps ?? 0 });
  }

  /** Says to each lane how far it may go. */
  #grant(): void {
    const going = this.#lanes.filter(({ end, lost }) => !end && !lost);
    if (this.error || going.some(({ history }) => !history)) return;
    const slowest = Math.min(...going.map(({ history }) => history?.steps ?? 0));
    const until = Math.min(this.#target, slowest + AHEAD);
    for (const lane of going) {
      if (lane.allowed === until) continue;
      lane.allowed = until;
      lane.port.post({ type: 'until', step: until });
    }
  }
}
