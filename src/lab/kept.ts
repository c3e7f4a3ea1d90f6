/**
 * @file Lanes that a reader left, kept in the browser where it lets pages keep anything: a store for each lane, of two
 * slots written in turn, so that whatever ends a write, what was there before it still is. What a link trains is the
 * same every time: a lane that was kept of a link is right whenever that link is open again, wherever the others are.
 */
import { CheckpointStore } from '../io/browser-storage.js';
import { decodeBytes, encodeBytes } from '../utf8.js';
import { VERSION } from '../version.js';
import { MOST_LANES } from './configuration.js';
import type { LaneEnd, SavedLane } from './lane.js';

/** Bytes of a lane's checkpoint beyond which it is not kept: some ten million parameters. */
export const MOST_KEPT = 128e6;
/** A parameter and its two moments, each of four bytes. */
const BYTES_EACH = 12;

/** Which lane of which configuration. */
export interface LanePlace {
  /** As `encodeLab` writes it. */
  link: string;
  /** From 0. */
  lane: number;
}

/** What is known of a kept lane without its numbers. */
export interface KeptHead extends LanePlace {
  step: number;
  end: LaneEnd | null;
  /** Milliseconds since 1970, to tell which link was open last. */
  time: number;
}

export interface KeptLane {
  saved: SavedLane;
  /** Of steps 1 to that of the checkpoint. */
  rows: Float64Array<ArrayBuffer>;
}

interface Head extends KeptHead {
  version: string;
  digest: string;
  /** Bytes, and numbers. */
  checkpoint: number;
  row: number;
  rows: number;
}

/** Another version's lanes need not have its bits. */
const FORMAT = `1 ${VERSION}`;

export function keptBytes(parameters: number): number {
  return BYTES_EACH * parameters;
}

/** A store that is open knows which of its slots is next, and need not read them. */
const stores = new Map<number, Promise<CheckpointStore>>();

function storeOf(lane: number): Promise<CheckpointStore> {
  const known = stores.get(lane);
  if (known) return known;
  const opening = CheckpointStore.open(`prenorm-lab-${lane + 1}`);
  stores.set(lane, opening);
  opening.catch(() => stores.delete(lane));
  return opening;
}

/** @throws EnvironmentError where the browser keeps nothing for this page; CheckpointError where there is no room */
export async function keepLane(
  { link, lane }: LanePlace,
  { saved, rows }: KeptLane,
  time: number,
): Promise<void> {
  const store = await storeOf(lane);
  const { checkpoint, digest, step, end, row } = saved;
  const head: Head = {
    version: FORMAT,
    link,
    lane,
    step,
    end,
    time,
    digest,
    checkpoint: checkpoint.length,
    row: row.length,
    rows: rows.length,
  };
  const text = encodeBytes(JSON.stringify(head));
  const parts = [Uint32Array.of(text.length), text, row, rows, checkpoint];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  await store.write(bytes);
}

/** The lane of a link as it was left; null where none was kept, or where it cannot be read. */
export async function keptLane({ link, lane }: LanePlace): Promise<KeptLane | null> {
  const found = await read(lane);
  if (found?.head.link !== link) return null;
  const { digest, step, end, checkpoint, row, rows } = found.head;
  let { at } = found;
  const take = (count: number): Uint8Array<ArrayBuffer> => {
    at += count;
    return found.bytes.slice(at - count, at);
  };
  const numbers = (count: number) => new Float64Array(take(8 * count).buffer);
  const [first, all] = [numbers(row), numbers(rows)];
  return { saved: { checkpoint: take(checkpoint), digest, step, end, row: first }, rows: all };
}

/** All lanes that are kept, of whatever link. */
export async function keptHeads(): Promise<KeptHead[]> {
  const heads: KeptHead[] = [];
  for (let lane = 0; lane < MOST_LANES; lane++) {
    const found = await read(lane);
    if (found) heads.push(found.head);
  }
  return heads;
}

export async function forgetLanes(): Promise<void> {
  for (let lane = 0; lane < MOST_LANES; lane++) await (await storeOf(lane)).remove();
}

async function read(
  lane: number,
): Promise<{ head: Head; bytes: Uint8Array<ArrayBuffer>; at: number } | null> {
  try {
    const stored = await (await storeOf(lane)).read();
    if (!stored) return null;
    const { bytes } = stored;
    const at = 4 + new Uint32Array(bytes.slice(0, 4).buffer)[0];
    const head = JSON.parse(decodeBytes(bytes.subarray(4, at))) as Head;
    return head.version === FORMAT ? { head, bytes, at } : null;
  } catch {
    // The browser keeps nothing, or something else lies under this name.
    return null;
  }
}
