/** @file The two kinds of browser storage under `CheckpointStore`: files of the origin (OPFS), and IndexedDB. */
/** The two slots of a store, written in turn. */
export type SlotName = 'a' | 'b';

/** Two places for bytes. `write` may be cut short by anything; it never touches the other slot. */
export interface Slots {
  readonly kind: 'opfs' | 'indexeddb' | 'memory';
  /** null: the slot is empty. */
  read(slot: SlotName): Promise<Uint8Array | null>;
  /** The head alone, or more; null: there is none. Without it a slot is read whole to learn how new it is. */
  readHead?(slot: SlotName): Promise<Uint8Array | null>;
  /** Head and body, one after the other. The head is written last. */
  write(slot: SlotName, head: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Empties a slot; none is no error. */
  remove(slot: SlotName): Promise<void>;
}

/** Magic (16), generation (8), length (8), SHA-256 of these 16 bytes and the body (32). */
export const HEAD_BYTES = 64;

/** The exclusive handle that workers have; the DOM's declarations leave it out. */
interface SyncHandle {
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

type FileHandle = FileSystemFileHandle & { createSyncAccessHandle?(): Promise<SyncHandle> };

const FOLDER = 'prenorm';

/** Files `NAME.a` and `NAME.b`; throws where the browser has no such files for this page. */
export async function originPrivateSlots(name: string): Promise<Slots> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const file = (slot: SlotName, create: boolean) =>
    folder.getFileHandle(`${name}.${slot}`, { create }) as Promise<FileHandle>;
  const probe = FileSystemFileHandle.prototype as Partial<FileHandle>;
  const inWorker = typeof probe.createSyncAccessHandle === 'function';
  if (!inWorker && typeof probe.createWritable !== 'function')
    throw new Error('files cannot be written here');
  const read = async (slot: SlotName, end?: number) => {
    try {
      const whole = await (await file(slot, false)).getFile();
      return new Uint8Array(await whole.slice(0, end).arrayBuffer());
    } catch (error) {
      if ((error as Error).name === 'NotFoundError') return null;
      throw error;
    }
  };
  return {
    kind: 'opfs',
    read: (slot) => read(slot),
    readHead: (slot) => read(slot, HEAD_BYTES),
    async write(slot, head, body) {
      const handle = await file(slot, true);
      if (handle.createSyncAccessHandle) {
        const sync = await handle.createSyncAccessHandle();
        try {
          sync.truncate(0);
          // A file without its head is no checkpoint, whatever ends this in the middle.
          writeAll(sync, body, head.length);
          sync.flush();
          writeAll(sync, head, 0);
          sync.flush();
        } finally {
          sync.close();
        }
        return;
      }
      // Written aside and put in place by close().
      const stream = await handle.createWritable();
      try {
        await stream.write(head);
        await stream.write(body);
      } catch (error) {
        await stream.abort().catch(() => {});
        throw error;
      }
      await stream.close();
    },
    async remove(slot) {
      await folder.removeEntry(`${name}.${slot}`).catch((error: Error) => {
        if (error.name !== 'NotFoundError') throw error;
      });
    },
  };
}

function writeAll(sync: SyncHandle, bytes: Uint8Array<ArrayBuffer>, at: number): void {
  const written = sync.write(bytes, { at });
  if (written !== bytes.length) throw new DOMException('only a part was written', 'QuotaExceededError');
}

/** Rows `NAME.a` and `NAME.b` of one table; a transaction is done whole or not at all. */
export async function indexedDbSlots(name: string): Promise<Slots> {
  const request = indexedDB.open('prenorm', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('slots');
  const database = await done(request);
  // A newer version of this program in another tab must not wait for this one.
  database.onversionchange = () => database.close();
  const inTable = async <T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>) => {
    const transaction = database.transaction('slots', mode, { durability: 'strict' });
    const finished = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
    const [result] = await Promise.all([done(work(transaction.objectStore('slots'))), finished]);
    return result;
  };
  const read = async (key: string) => {
    const value = await inTable('readonly', (table) => table.get(key) as IDBRequest<unknown>);
    return value instanceof Uint8Array ? value : null;
  };
  return {
    kind: 'indexeddb',
    read: (slot) => read(`${name}.${slot}`),
    // A row of its own, written with the other or not at all. Slots of earlier versions have none.
    readHead: async (slot) => (await read(`${name}.${slot}.head`)) ?? read(`${name}.${slot}`),
    async write(slot, head, body) {
      const whole = new Uint8Array(head.length + body.length);
      whole.set(head);
      whole.set(body, head.length);
      await inTable('readwrite', (table) => {
        table.put(head, `${name}.${slot}.head`);
        return table.put(whole, `${name}.${slot}`);
      });
    },
    async remove(slot) {
      await inTable('readwrite', (table) => {
        table.delete(`${name}.${slot}.head`);
        return table.delete(`${name}.${slot}`);
      });
    },
  };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
