/**
 * @file Checkpoints in a browser: the origin's private file system (OPFS), or IndexedDB where there is none. A store
 * has two slots that are written in turn, each with a generation number and a SHA-256, so that whatever ends a write,
 * the checkpoint before it is still there. Both survive a reload.
 */
import { anything, bytesOf, checkOptions, oneOf, optional } from '../checks.js';
import { CheckpointError, ConfigError, EnvironmentError } from '../errors.js';
import { onDemand } from '../runtime/node-builtin.js';
import { turn } from '../runtime/turn.js';
import { encodeBytes } from '../utf8.js';
import type { Slots } from './browser-slots.js';
import { Sha256 } from './sha256.js';
import type { CheckpointStoreOptions, SlotPair, StoredCheckpoint } from './slot-pair.js';

export type { CheckpointStoreOptions, StoredCheckpoint } from './slot-pair.js';

/** A place for one checkpoint, or any bytes, under a name. */
export class CheckpointStore {
  readonly name: string;
  readonly #pair: SlotPair;

  private constructor(name: string, pair: SlotPair) {
    this.name = name;
    this.#pair = pair;
  }

  /**
   * Opens the store of a name, or makes it.
   * @param name letters, digits, '-', '_' and '.', at most 64
   * @throws ConfigError for another name; EnvironmentError where the browser keeps nothing for this page
   */
  static async open(name: string, options: CheckpointStoreOptions = {}): Promise<CheckpointStore> {
    if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
      throw new ConfigError('a store is named with 1 to 64 letters, digits, ".", "-" and "_"', {
        op: 'CheckpointStore',
        actual: name,
      });
    }
    checkOptions('CheckpointStore', options, {
      backend: optional(oneOf('opfs', 'indexeddb')),
      slots: optional(anything),
    });
    const { openPair } = await onDemand(import('./slot-pair.js'));
    const tools = { Sha256, CheckpointError, EnvironmentError, encodeBytes, turn };
    return new CheckpointStore(name, await openPair(name, options, tools));
  }

  /** Where the bytes lie. */
  get backend(): Slots['kind'] {
    return this.#pair.kind;
  }

  /** The newest checkpoint that is whole; null when there is none. */
  read(): Promise<StoredCheckpoint | null> {
    return this.#pair.read();
  }

  /**
   * Writes a checkpoint whole or not at all: when it fails, the one before stays.
   * @returns its generation
   * @throws CheckpointError when there is no room (`expected` bytes needed, `actual` bytes free) or the browser refuses
   */
  write(bytes: ArrayBufferView | ArrayBufferLike): Promise<number> {
    return this.#pair.write(unshared(bytes));
  }

  /** Forgets both slots. */
  remove(): Promise<void> {
    return this.#pair.remove();
  }
}

/** Bytes that no other thread can change; file systems and databases refuse shared ones. */
export function unshared(given: ArrayBufferView | ArrayBufferLike): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf('CheckpointStore', 'a checkpoint', given);
  const shared = typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer;
  return shared ? new Uint8Array(bytes) : (bytes as Uint8Array<ArrayBuffer>);
}
