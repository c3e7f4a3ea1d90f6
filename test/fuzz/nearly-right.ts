/** @file What fuzz targets share: files with a few changes, and what must hold of them. */
import { PrenormError } from '../../src/errors.js';
import type { RandomStream } from '../../src/random.js';
import { damage, mutate, pick, serialize, type Tree } from './json-tree.js';

export const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Refusals must be of the right kind: a file's fault is no bug and no lack of memory. */
export function only(kinds: (new (message: string) => PrenormError)[], run: () => void): void {
  try {
    run();
  } catch (error) {
    throw ofKinds(kinds, error);
  }
}

/** Like `only`, for what waits. */
export async function onlyLater(
  kinds: (new (message: string) => PrenormError)[],
  run: () => Promise<void>,
): Promise<void> {
  await run().catch((error) => {
    throw ofKinds(kinds, error);
  });
}

function ofKinds(kinds: (new (message: string) => PrenormError)[], error: unknown): unknown {
  if (!(error instanceof PrenormError) || kinds.some((kind) => error instanceof kind)) return error;
  return new Error(`refused with a ${error.name}: ${error.message}`);
}

/** Changes that a file may have: some in its tree, rarely some in its bytes. */
export function several(tree: Tree, random: RandomStream): Tree {
  for (let n = random.nextInt(4); n > 0; n--) tree = mutate(tree, random);
  return tree;
}

export function jsonFile(tree: Tree, random: RandomStream): Uint8Array {
  const bytes = utf8(serialize(several(tree, random)));
  return random.nextInt(6) === 0 ? damage(bytes, random) : bytes;
}

/** Length, header and data; the length and the data may be wrong. */
export function safetensorsFile(header: string, data: Uint8Array, random: RandomStream): Uint8Array {
  const json = utf8(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  const wrong = [json.length + 1, json.length - 1, 0, 4294967295, 99_999_999, json.length + data.length];
  const length = random.nextInt(20) === 0 ? pick(random, wrong) : json.length;
  new DataView(bytes.buffer).setUint32(0, length, true);
  if (random.nextInt(60) === 0) bytes[4 + random.nextInt(4)] = 255;
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return random.nextInt(6) === 0 ? damage(bytes, random) : bytes;
}
