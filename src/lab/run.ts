/** @file A configuration trained to its end where it is called: what `prenorm lab LINK --headless` does. */
import { sha256 } from '../io/sha256.js';
import { encodeBytes } from '../utf8.js';
import { checkLab, type LabConfiguration, laneName } from './configuration.js';
import { Lane, type LaneBeginning, type LaneEnd } from './lane.js';
import type { Snapshot } from './layout.js';
import { laneRecipe } from './recipes.js';

/** What came of a lane. */
export interface LaneResult {
  name: string;
  beginning: LaneBeginning;
  /** One for each step. */
  rows: readonly Float64Array[];
  snapshots: readonly Snapshot[];
  end: LaneEnd;
  digest: string;
}

export interface LabResult {
  lanes: LaneResult[];
  fingerprint: string;
}

/** Twelve digits in three groups: the same where every number of every lane is the same bits. */
export function fingerprintOf(digests: readonly string[]): string {
  const hash = sha256(encodeBytes(digests.join('\n')));
  return `${hash.slice(0, 4)} ${hash.slice(4, 8)} ${hash.slice(8, 12)}`;
}

export interface LabRunOptions {
  /** The reader's text, for a task that needs one. */
  content?: string;
  /** After each step. */
  onStep?: (lane: number, step: number, loss: number) => void;
}

/**
 * Trains the lanes one after the other.
 * @throws what `Lane.open` throws
 */
export async function runLab(
  lab: LabConfiguration,
  { content, onStep }: LabRunOptions = {},
): Promise<LabResult> {
  checkLab(lab);
  const lanes: LaneResult[] = [];
  for (const at of lab.lanes.keys()) {
    const lane = await Lane.open(laneRecipe(lab, at, content));
    const rows: Float64Array[] = [];
    const snapshots: Snapshot[] = [lane.beginning.snapshot];
    for (let row = lane.train(); row; row = lane.train()) {
      rows.push(row);
      if (lane.hasSnapshot) snapshots.push(lane.snapshot());
      onStep?.(at, lane.step, row[lane.layout.loss]);
    }
    const { beginning, digest } = lane;
    lanes.push({
      name: laneName(lab, at),
      beginning,
      rows,
      snapshots,
      end: lane.end ?? 'done',
      digest,
    });
    lane.free();
  }
  return { lanes, fingerprint: fingerprintOf(lanes.map(({ digest }) => digest)) };
}
