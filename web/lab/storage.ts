/**
 * @file A run that the reader left, kept in the browser where it lets pages keep anything: in two slots written in turn,
 * so that whatever ends a write, what was there before it still is. One run is kept, the last.
 */
import { CheckpointStore } from '../../src/io/browser-storage.js';
import type { LaneBefore } from './run.js';

export interface KeptRun {
  link: string;
  step: number;
  steps: number;
  lanes: LaneBefore[];
}

interface Head {
  version: 1;
  link: string;
  step: number;
  steps: number;
  lanes: { digest: string; step: number; checkpoint: number; rows: number }[];
}

let store: Promise<CheckpointStore | null> | null = null;

/** Null where the browser keeps nothing for this page: a private window, a page from disk in some. */
function open(): Promise<CheckpointStore | null> {
  store ??= CheckpointStore.open('prenorm-lab').catch(() => null);
  return store;
}

/** Whether it was kept. */
export async function keepRun({ link, step, steps, lanes }: KeptRun): Promise<boolean> {
  const place = await open();
  if (!place) return false;
  const head: Head = {
    version: 1,
    link,
    step,
    steps,
    lanes: lanes.map(({ saved, rows, step: of }) => ({
      digest: saved.digest,
      step: of,
      checkpoint: saved.checkpoint.length,
      rows: rows.length,
    })),
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const parts: Uint8Array[] = [Uint8Array.from(new Uint8Array(Uint32Array.of(text.length).buffer)), text];
  for (const { saved, rows } of lanes) parts.push(saved.checkpoint, new Uint8Array(rows.slice().buffer));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return place.write(bytes).then(
    () => true,
    () => false,
  );
}

/** The run that was left; null without one, or where it cannot be read. */
export async function keptRun(): Promise<KeptRun | null> {
  const place = await open();
  try {
    const stored = await place?.read();
    return stored ? unpacked(stored.bytes) : null;
  } catch {
    return null;
  }
}

export async function forgetRun(): Promise<void> {
  const place = await open();
  await place?.remove().catch(() => {});
}

function unpacked(bytes: Uint8Array): KeptRun | null {
  const [length] = new Uint32Array(bytes.slice(0, 4).buffer);
  let at = 4 + length;
  const { version, link, step, steps, lanes } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(4, at)),
  ) as Head;
  // Of another version of the page: it would not know what the parts mean.
  if (version !== 1) return null;
  const take = (count: number): Uint8Array<ArrayBuffer> => {
    const part = bytes.slice(at, at + count) as Uint8Array<ArrayBuffer>;
    at += count;
    return part;
  };
  return {
    link,
    step,
    steps,
    lanes: lanes.map(({ digest, step: of, checkpoint, rows }) => ({
      saved: { digest, step: of, checkpoint: take(checkpoint) },
      rows: new Float64Array(take(8 * rows).buffer),
      step: of,
    })),
  };
}
