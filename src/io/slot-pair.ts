/**
 * @file The two slots of a checkpoint store, and how they are written in turn. Loaded when a store is opened, so it
 * imports nothing that is loaded anyway: what it needs of that is given to it.
 */
import type { CheckpointError, EnvironmentError } from '../errors.js';
import type { turn } from '../runtime/turn.js';
import type { encodeBytes } from '../utf8.js';
import {
  HEAD_BYTES,
  indexedDbSlots,
  originPrivateSlots,
  type SlotName,
  type Slots,
} from './browser-slots.js';
import type { Sha256 } from './sha256.js';

/** What a store gives back. */
export interface StoredCheckpoint {
  /** As they were written. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Writes so far, this one included. */
  generation: number;
}

/** Where a store keeps its bytes. */
export interface CheckpointStoreOptions {
  /** What of the browser keeps the bytes. Default: `opfs` where it works, else `indexeddb`. */
  backend?: 'opfs' | 'indexeddb';
  /** Two places for bytes of one's own. Default: the browser's. */
  slots?: Slots;
}

/** What of the library is needed here. */
export interface SlotTools {
  Sha256: typeof Sha256;
  CheckpointError: typeof CheckpointError;
  EnvironmentError: typeof EnvironmentError;
  encodeBytes: typeof encodeBytes;
  turn: typeof turn;
}

const MAGIC = 'prenorm-slot 1\n\0';
/** Bytes hashed at once. */
const SLICE = 1 << 20;

/**
 * The pair of this name: slots of the browser, or of one's own.
 * @throws EnvironmentError where the browser keeps nothing for this page
 */
export async function openPair(
  name: string,
  { slots, backend }: CheckpointStoreOptions,
  tools: SlotTools,
): Promise<SlotPair> {
  return new SlotPair(name, slots ?? (await openSlots(name, backend, tools)), tools);
}

/** What `CheckpointStore` does, without its checks. */
export class SlotPair {
  readonly #name: string;
  readonly #slots: Slots;
  readonly #tools: SlotTools;
  /** The newest whole slot as this object last saw it. */
  #newest: { slot: SlotName; generation: number } | null | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(name: string, slots: Slots, tools: SlotTools) {
    this.#name = name;
    this.#slots = slots;
    this.#tools = tools;
  }

  get kind(): Slots['kind'] {
    return this.#slots.kind;
  }

  read(): Promise<StoredCheckpoint | null> {
    return this.#inTurn(async () => (await this.#findNewest())?.stored ?? null);
  }

  write(body: Uint8Array<ArrayBuffer>): Promise<number> {
    return this.#inTurn(async () => {
      if (this.#newest === undefined) await this.#findNewest();
      else await this.#noticeOthers();
      const slot: SlotName = this.#newest?.slot === 'a' ? 'b' : 'a';
      const generation = (this.#newest?.generation ?? 0) + 1;
      try {
        await this.#slots.write(slot, await makeHead(generation, body, this.#tools), body);
      } catch (error) {
        // Half a slot takes room that the next attempt may need.
        await this.#slots.remove(slot).catch(() => {});
        throw await this.#refused(error, body.length + HEAD_BYTES);
      }
      this.#newest = { slot, generation };
      return generation;
    });
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      for (const slot of ['a', 'b'] as const) await this.#slots.remove(slot);
      this.#newest = null;
    });
  }

  /** One at a time, among the tabs of the origin too. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { locks } = (globalThis.navigator ?? {}) as { locks?: LockManager };
    const useLocks = locks && this.#slots.kind !== 'memory';
    const result = this.#busy.then(() =>
      useLocks ? (locks.request(`prenorm:${this.#name}`, work) as Promise<T>) : work(),
    );
    this.#busy = result.catch(() => {});
    return result;
  }

  async #findNewest(): Promise<{ stored: StoredCheckpoint } | null> {
    let best: { slot: SlotName; stored: StoredCheckpoint } | null = null;
    for (const slot of ['a', 'b'] as const) {
      const bytes = await this.#slots.read(slot);
      const stored = bytes && (await readWhole(bytes, this.#tools));
      if (stored && (!best || stored.generation > best.stored.generation)) best = { slot, stored };
    }
    this.#newest = best && { slot: best.slot, generation: best.stored.generation };
    return best;
  }

  /** Another tab may have written since: then everything is looked at again. */
  async #noticeOthers(): Promise<void> {
    const other: SlotName = this.#newest?.slot === 'a' ? 'b' : 'a';
    const slots = this.#slots;
    // Mostly its head says that it is the one before: then it is neither read nor hashed whole.
    const head = await slots.readHead?.(other);
    if (head === null || (head && generationOf(head, this.#tools) <= (this.#newest?.generation ?? 0))) return;
    const bytes = await slots.read(other);
    const stored = bytes && (await readWhole(bytes, this.#tools));
    if (stored && stored.generation > (this.#newest?.generation ?? 0)) {
      this.#newest = { slot: other, generation: stored.generation };
    }
  }

  async #refused(error: unknown, needed: number): Promise<unknown> {
    const { name, message } = error as { name?: string; message?: string };
    if (!(error instanceof Error) && typeof DOMException !== 'undefined' && !(error instanceof DOMException))
      return error;
    const path = this.#name;
    const { CheckpointError } = this.#tools;
    if (name !== 'QuotaExceededError') {
      return new CheckpointError(`cannot write the checkpoint: ${name}: ${message}`, {
        path,
        hint: 'the checkpoint before it stays',
        cause: error,
      });
    }
    const { storage } = (globalThis.navigator ?? {}) as { storage?: StorageManager };
    const estimate = await storage?.estimate?.().catch(() => undefined);
    const free =
      estimate?.quota === undefined ? undefined : Math.max(0, estimate.quota - (estimate.usage ?? 0));
    return new CheckpointError(
      `cannot write the checkpoint: the browser gives this page no more room; ${needed} bytes are needed${free === undefined ? '' : `, about ${free} are free`}`,
      {
        path,
        expected: needed,
        actual: free,
        hint: 'free some disk space or delete data of this site; the checkpoint before it stays',
        cause: error,
      },
    );
  }
}

async function makeHead(
  generation: number,
  body: Uint8Array,
  tools: SlotTools,
): Promise<Uint8Array<ArrayBuffer>> {
  const head = new Uint8Array(HEAD_BYTES);
  head.set(tools.encodeBytes(MAGIC));
  const view = new DataView(head.buffer);
  view.setBigUint64(16, BigInt(generation), true);
  view.setBigUint64(24, BigInt(body.length), true);
  head.set(await digest(head, body, tools), 32);
  return head;
}

async function digest(head: Uint8Array, body: Uint8Array, { Sha256, turn }: SlotTools): Promise<Uint8Array> {
  const hash = new Sha256().update(head.subarray(0, 32));
  for (let at = 0; at < body.length; at += SLICE) {
    // A page must not stand still meanwhile.
    if (at > 0) await turn();
    hash.update(body.subarray(at, at + SLICE));
  }
  const hex = hash.hex();
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** Negative where there is no head. */
function generationOf(bytes: Uint8Array, { encodeBytes }: SlotTools): number {
  if (bytes.length < HEAD_BYTES) return -1;
  const head = bytes.slice(0, HEAD_BYTES);
  if (!encodeBytes(MAGIC).every((byte, i) => byte === head[i])) return -1;
  return Number(new DataView(head.buffer).getBigUint64(16, true));
}

/** null for anything but a whole slot: cut short, damaged, or somebody else's. */
async function readWhole(bytes: Uint8Array, tools: SlotTools): Promise<StoredCheckpoint | null> {
  const generation = generationOf(bytes, tools);
  const head = bytes.slice(0, HEAD_BYTES);
  const view = new DataView(head.buffer);
  if (generation < 0) return null;
  const body = bytes.slice(HEAD_BYTES) as Uint8Array<ArrayBuffer>;
  if (Number(view.getBigUint64(24, true)) !== body.length || !Number.isSafeInteger(generation)) return null;
  const expected = await digest(head, body, tools);
  return expected.every((byte, i) => byte === head[32 + i]) ? { bytes: body, generation } : null;
}

async function openSlots(
  name: string,
  backend: CheckpointStoreOptions['backend'],
  { EnvironmentError }: SlotTools,
): Promise<Slots> {
  const causes: unknown[] = [];
  for (const open of [originPrivateSlots, indexedDbSlots]) {
    if (backend && (open === originPrivateSlots) !== (backend === 'opfs')) continue;
    try {
      return await open(name);
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new EnvironmentError('this browser keeps nothing for this page', {
    op: 'CheckpointStore',
    expected: backend ?? 'OPFS or IndexedDB',
    hint: 'allow site data (private windows may forbid it), or save checkpoints as downloads',
    cause: causes[0],
  });
}
