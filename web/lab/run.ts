/**
 * @file A run of the page: its lanes, how far each may train, what each has shown, and which step is looked at. Lanes
 * stay within a few steps of each other, so that one step rules everything that is drawn.
 */

import { MemoryError } from '../../src/errors.js';
import type { LabConfiguration } from '../../src/lab/configuration.js';
import { laneName } from '../../src/lab/configuration.js';
import { stepOperations } from '../../src/lab/cost.js';
import { LaneHistory } from '../../src/lab/history.js';
import { keptBytes, type LanePlace, MOST_KEPT } from '../../src/lab/kept.js';
import type { LaneEnd } from '../../src/lab/lane.js';
import type { FromLane } from '../../src/lab/lane-host.js';
import { encodeLab } from '../../src/lab/link.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { fingerprintOf } from '../../src/lab/run.js';
import { fromWire } from '../../src/wire-error.js';
import { type LanePort, openLanePort } from './lane-port.js';
import { LaneTimes } from './lane-times.js';

/** Steps that a lane may be ahead of the slowest. */
const AHEAD = 8;
/** Seconds over which speed is measured. */
const SPEED_SECONDS = 3;

/** Seconds without a word after which a lane's worker counts as gone, beside those that its steps may take. */
const PATIENCE = 30;
/** Operations a second that any device does; a step that takes longer is not waited for. */
const SLOWEST = 5e7;

export interface RunLane {
  readonly name: string;
  readonly history: LaneHistory | null;
  readonly end: LaneEnd | null;
  readonly digest: string | null;
  /** Why it is lost; the others go on. */
  readonly lost: string | null;
  readonly times: LaneTimes;
}

interface Working extends RunLane {
  history: LaneHistory | null;
  end: LaneEnd | null;
  digest: string | null;
  lost: string | null;
  port: LanePort;
  /** Whether it is open, and takes what it is told. */
  isReady: boolean;
  allowed: number;
  onKept: ((trouble: string | null) => void) | null;
  onWeights: ((bytes: Uint8Array<ArrayBuffer>) => void) | null;
}

export type RunState = 'opening' | 'ready' | 'running' | 'paused' | 'done' | 'failed';

export class Run {
  readonly content: string | undefined;
  /** Why it could not begin. */
  error: Error | null = null;
  #lab: LabConfiguration;
  readonly #lanes: Working[];
  #target = 0;
  #asked = false;
  #shown: number | null = null;
  readonly #changed: () => void;
  readonly #begun = performance.now();

  /**
   * @param changed is called whenever there is something new to draw
   * @param goesOn from where its lanes were left, those that the browser has kept
   */
  constructor(lab: LabConfiguration, content: string | undefined, changed: () => void, goesOn = false) {
    this.#lab = lab;
    this.content = content;
    this.#changed = changed;
    this.#lanes = lab.lanes.map((_, at) => this.#newLane(at));
    for (const at of lab.lanes.keys()) this.#start(at, goesOn);
  }

  get lab(): LabConfiguration {
    return this.#lab;
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
    const speeds = this.#lanes.flatMap(({ times, end, lost }) =>
      end || lost ? [] : (times.speed(SPEED_SECONDS) ?? []),
    );
    return speeds.length > 0 ? Math.min(...speeds) : null;
  }

  /** How many of its lanes are lost. */
  get lost(): number {
    return this.#lanes.filter(({ lost }) => lost !== null).length;
  }

  run(): void {
    this.#asked = true;
    this.#target = this.#lab.steps;
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
    this.#target = Math.min(this.#lab.steps, this.newest + 1);
    this.#shown = null;
    this.#grant();
    this.#changed();
  }

  /** Opens a lane that was lost anew, where it was kept last, and lets it come to where the others are. */
  reopen(at: number): void {
    const goesOn = this.#asked || this.state === 'done';
    const lane = this.#lanes[at];
    lane.port.close();
    lane.port = this.#openPort(lane, at);
    lane.lost = lane.end = lane.digest = null;
    lane.isReady = false;
    lane.allowed = 0;
    this.#start(at, true);
    if (goesOn) this.run();
    else this.#changed();
  }

  /** More steps for every lane that has done those it had, of a run whose rates do not depend on how many there are. */
  goOn(lab: LabConfiguration): void {
    this.#lab = lab;
    for (const [at, lane] of this.#lanes.entries()) {
      if (lane.end !== 'done') continue;
      lane.end = lane.digest = null;
      lane.isReady = false;
      lane.allowed = 0;
      lane.port.post({ type: 'start', recipe: laneRecipe(lab, at, this.content), goOn: true });
    }
    this.run();
  }

  /** Keeps every lane for a reload, one after the other. What it resolves to says why one is not; null: all are. */
  async keep(): Promise<string | null> {
    let trouble: string | null = null;
    for (const [at, lane] of this.#lanes.entries()) {
      const { history, lost, isReady } = lane;
      // One that is lost begins anew, or where it was kept before.
      if (!history || lost || !isReady || history.steps === 0) continue;
      if (keptBytes(history.beginning.shape.parameters) > MOST_KEPT) {
        trouble ??= `no: a model beyond ${MOST_KEPT / 1e6} MB`;
        continue;
      }
      const found = await new Promise<string | null>((resolve) => {
        lane.onKept = resolve;
        const rows = history.all();
        lane.port.post({ type: 'keep', place: this.#placeOf(at), rows, time: Date.now() }, [rows.buffer]);
      });
      lane.onKept = null;
      trouble ??= found;
    }
    return trouble;
  }

  /** The model of a lane as `loadModel` reads it, of its newest step. */
  weights(at: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve) => {
      this.#lanes[at].onWeights = resolve;
      this.#lanes[at].port.post({ type: 'weights' });
    });
  }

  close(): void {
    for (const lane of this.#lanes) {
      lane.port.close();
      lane.onKept?.(null);
    }
  }

  #placeOf(lane: number): LanePlace {
    return { link: encodeLab({ ...this.#lab, locked: [] }), lane };
  }

  #newLane(at: number): Working {
    const lane: Omit<Working, 'port'> = {
      name: laneName(this.#lab, at),
      history: null,
      end: null,
      digest: null,
      lost: null,
      times: new LaneTimes(),
      isReady: false,
      allowed: 0,
      onKept: null,
      onWeights: null,
    };
    const working = lane as Working;
    working.port = this.#openPort(working, at);
    return working;
  }

  #openPort(lane: Working, at: number): LanePort {
    const patience = PATIENCE + stepOperations(this.#lab, this.#lab.lanes[at]) / SLOWEST;
    return openLanePort(
      (message) => this.#receive(lane, message),
      (why) => this.#lose(lane, why),
      patience,
    );
  }

  #start(at: number, goesOn: boolean): void {
    const recipe = laneRecipe(this.#lab, at, this.content);
    const kept = goesOn ? { kept: this.#placeOf(at) } : {};
    this.#lanes[at].port.post({ type: 'start', recipe, ...kept });
  }

  #lose(lane: Working, why: string): void {
    lane.lost = why;
    lane.isReady = false;
    lane.onKept?.(null);
    this.#grant();
    this.#changed();
  }

  #receive(lane: Working, message: FromLane): void {
    switch (message.type) {
      case 'ready':
        // A lane that opens once more goes through steps that are known already.
        lane.history ??= new LaneHistory(message.beginning);
        if (message.rows) lane.history.add(1, message.rows);
        lane.isReady = true;
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
      case 'kept':
        lane.onKept?.(message.trouble ? `no: ${message.trouble.message}` : null);
        break;
      case 'weights':
        lane.onWeights?.(message.bytes);
        break;
      case 'failed': {
        const error = fromWire(message.error);
        // What goes wrong before the first step goes wrong in the configuration or the data, unless memory is short.
        const isOfAll = message.during === 'start' && !lane.history && !(error instanceof MemoryError);
        if (isOfAll) this.error ??= error;
        else this.#lose(lane, error.message);
        this.#grant();
        break;
      }
    }
    this.#changed();
  }

  #note({ times, history }: Working): void {
    times.note(history?.steps ?? 0, (performance.now() - this.#begun) / 1000);
  }

  /** Says to each lane how far it may go. */
  #grant(): void {
    const going = this.#lanes.filter(({ end, lost }) => !end && !lost);
    if (this.error || going.some(({ history }) => !history)) return;
    const slowest = Math.min(...going.map(({ history }) => history?.steps ?? 0));
    const until = Math.min(this.#target, slowest + AHEAD);
    for (const lane of going) {
      if (lane.allowed === until || !lane.isReady) continue;
      lane.allowed = until;
      lane.port.post({ type: 'until', step: until });
    }
  }
}
