/**
 * @file W + scale · B A on the host: weights with a low-rank part in them, as a file of a model and `LoraAdapter.merge` have
 * them. Sums are in double precision, in the order of the rank, and rounded once.
 */
import { checkValue, type Rule } from '../checks.js';
import { FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { StateDict } from '../nn/module.js';

/** What `prenorm/tuning` has for `loadModel`. */
export interface TuningModule {
  /** Adds low-rank parts to their matrices. */
  mergedState: typeof mergedState;
}

/** A state dict: whatever is in a Map, it has names, shapes and values. */
export const stateRule: Rule = {
  wanted: 'a state dict',
  holds: (state) =>
    state instanceof Map &&
    [...state].every(
      ([name, entry]) =>
        typeof name === 'string' &&
        isJsonObject(entry) &&
        Array.isArray(entry.shape) &&
        ArrayBuffer.isView(entry.data),
    ),
};

/** Names of the parts of a packed projection, and all of it. */
export const PACKED = ['in_proj', 'q_proj', 'k_proj', 'v_proj'] as const;

/** Which rows of a packed matrix (dModel + 2·kvWidth, dModel) a part is. */
export function rowsOfPart(name: string, dModel: number, kvWidth: number): [first: number, rows: number] {
  switch (name as (typeof PACKED)[number]) {
    case 'q_proj':
      return [0, dModel];
    case 'k_proj':
      return [dModel, kvWidth];
    case 'v_proj':
      return [dModel + kvWidth, kvWidth];
    default:
      return [0, dModel + 2 * kvWidth];
  }
}

/** Where the matrix of a low-rank part is, and which rows of a packed one. */
export function baseOf(path: string): { weight: string; part: string } {
  const found = /^(.*\.)?(in_proj|q_proj|k_proj|v_proj)$/.exec(path);
  return found
    ? { weight: `${found[1] ?? ''}in_proj_weight`, part: found[2] }
    : { weight: `${path}.weight`, part: '' };
}

/** Adds scale · b a to `weight` (…, in) from row `first` on: a (rank, in), b (rows, rank). */
export function addProduct(
  weight: Float32Array | Float64Array,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  sizes: { rank: number; inner: number; first: number; scale: number },
): void {
  const { rank, inner, first, scale } = sizes;
  const rows = b.length / rank;
  const sums = new Float64Array(inner);
  for (let i = 0; i < rows; i++) {
    sums.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = b[i * rank + k];
      for (let j = 0; j < inner; j++) sums[j] += factor * a[k * inner + j];
    }
    const at = (first + i) * inner;
    for (let j = 0; j < inner; j++) weight[at + j] += scale * sums[j];
  }
}

/**
 * A state dict without low-rank parts: each, times alpha / rank of `adapter`, is added to the matrix it belongs to. Arrays
 * that change are new ones.
 * @param adapter its `config`, out of a file perhaps
 * @throws FormatError for a part whose other half, or whose matrix, is missing or has another size, and an `adapter` without
 * rank and alpha
 */
export function mergedState(state: StateDict, adapter: { rank: number; alpha: number }): StateDict {
  checkValue('mergedState', 'state', state, stateRule);
  const { rank: width, alpha } = isJsonObject(adapter) ? adapter : { rank: null, alpha: null };
  const scale = Number(alpha) / Number(width);
  if (typeof alpha !== 'number' || typeof width !== 'number' || !Number.isFinite(scale)) {
    throw new FormatError('an adapter must say a rank and an alpha', { op: 'mergedState', actual: adapter });
  }
  const merged: StateDict = new Map([...state].filter(([name]) => !/\.lora_[ab]$/.test(name)));
  const changed = new Set<string>();
  for (const [name, a] of state) {
    if (!name.endsWith('.lora_a')) continue;
    const path = name.slice(0, -'.lora_a'.length);
    const b = state.get(`${path}.lora_b`);
    const { weight, part } = baseOf(path);
    const base = merged.get(weight);
    const [rank, inner] = a.shape;
    const all = base?.shape[0] ?? 0;
    const [first, rows] = part ? rowsOfPart(part, inner, (all - inner) / 2) : [0, all];
    const fits = base?.shape[1] === inner && b?.shape[0] === rows && b.shape[1] === rank;
    if (!fits || !base || !b) {
      throw new FormatError(`${name} belongs to no matrix of the model`, {
        op: 'mergedState',
        expected: weight,
        actual: base?.shape,
      });
    }
    if (!changed.has(weight)) {
      changed.add(weight);
      merged.set(weight, { shape: base.shape, data: base.data.slice() });
    }
    const target = (merged.get(weight) as { data: Float32Array }).data;
    addProduct(target, a.data, b.data, { rank, inner, first, scale });
  }
  return merged;
}
