/**
 * @file Which base an adapter belongs to: SHA-256 over the matrices that its targets stand on, as float32, and as they are in 16
 * bits, so that an adapter is known again on its base in another storage.
 */
import type { Parameter } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import { type HalfType, toHalf } from '../half.js';
import { sha256 } from '../io/sha256.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { chooseTargets } from '../tuning/targets.js';
import { encodeBytes } from '../utf8.js';

/** Where a file says it; of a base in 16 bits the hash of these is all that is known. */
const KEYS = { f32: 'base_sha256', f16: 'base_sha256_f16', bf16: 'base_sha256_bf16' } as const;
type Stored = keyof typeof KEYS;

function matricesOf(model: LibraryModel, targets: readonly string[]): Parameter[] {
  const chosen = chooseTargets('saveAdapter', model, targets);
  return [...new Set(chosen.map(({ projection }) => projection.weight))];
}

/** How the matrices are stored: all in one way, as a model is made. */
function storedAs(matrices: readonly Parameter[]): Stored {
  return (matrices.find(({ dtype }) => dtype !== 'f32')?.dtype ?? 'f32') as Stored;
}

/** What can be known of matrices that are stored so. */
const knowable = (stored: Stored): readonly Stored[] =>
  stored === 'f32' ? ['f32', 'f16', 'bf16'] : [stored];

function hashOf(matrices: readonly Parameter[], as: Stored): string {
  const each = matrices.map((matrix) => {
    const values = matrix.toArray();
    const bits = as === 'f32' ? values : halves(values, as);
    return sha256(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength));
  });
  return sha256(encodeBytes(each.join('')));
}

function halves(values: ArrayLike<number>, type: HalfType): Uint16Array {
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = toHalf(type, values[i]);
  return bits;
}

/** The hashes of a base, as metadata of an adapter's file. */
export function baseHashes(model: LibraryModel, targets: readonly string[]): Record<string, string> {
  const matrices = matricesOf(model, targets);
  return Object.fromEntries(
    knowable(storedAs(matrices)).map((as) => [KEYS[as], hashOf(matrices, as)] as const),
  );
}

/**
 * Holds a model against what the file of an adapter says of its base: exactly where both have float32, else by the 16 bits
 * that one of them has. A file that says nothing is of anybody, and taken.
 * @throws ConfigError for other weights, and where the two have nothing in common to go by
 */
export function checkBase(
  metadata: Readonly<Record<string, string>>,
  model: LibraryModel,
  targets: readonly string[],
  path: string,
): void {
  const said = (Object.keys(KEYS) as Stored[]).filter((as) => metadata[KEYS[as]] !== undefined);
  if (said.length === 0) return;
  const matrices = matricesOf(model, targets);
  const stored = storedAs(matrices);
  const fields = { op: 'loadAdapter', path, expected: metadata[KEYS[said[0]]] };
  const common = knowable(stored).find((as) => said.includes(as));
  if (common === undefined) {
    throw new ConfigError(`the adapter was trained on a base in ${said[0]}, and the model is in ${stored}`, {
      ...fields,
      actual: stored,
      hint: `load the model ${said[0] === 'f32' ? 'without dtype' : `with dtype ${said[0]}, or without`}; { otherBase: true } takes it all the same`,
    });
  }
  if (metadata[KEYS[common]] === hashOf(matrices, common)) return;
  throw new ConfigError('the adapter was trained on a base with other weights', {
    ...fields,
    hint: 'load it into the model it was trained on; { otherBase: true } takes it all the same',
  });
}
