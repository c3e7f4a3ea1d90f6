/**
 * @file Models whose matrices are stored in 16 bits a number: half the memory for weights that are only read. Products widen
 * them block by block, so they compute with the rounded weights as float32, to the bit.
 */
import { type Parameter, type ParameterRole, withPlaces } from '../autograd/variable.js';
import { checkValue, having, oneOf } from '../checks.js';
import { DataError } from '../errors.js';
import type { HalfType } from '../half.js';
import { halfStorage } from '../tensor/half-storage.js';
import { sizeOf } from '../tensor/shape.js';
import { persistentStorage } from '../tensor/tensor.js';
import { draw } from './init.js';
import { Embedding } from './layers.js';
import type { LibraryModel } from './model-kinds.js';
import type { Module } from './module.js';
import { Projection } from './projection.js';

/** What projections and tables of tokens are for; norms, biases and positions are read as f32, and small. */
const MATRICES: readonly ParameterRole[] = ['weight', 'inProj', 'embedding'];

/**
 * Makes a model whose matrices lie in 16 bits from the first, frozen, for weights that are loaded: they have no initial
 * values. Without a type it is made as ever.
 */
export function inHalf<T>(type: HalfType | undefined, make: () => T): T {
  if (!type) return make();
  return withPlaces(
    (runtime, role, shape) =>
      shape.length === 2 && MATRICES.includes(role) ? halfStorage(runtime, type, sizeOf(shape)) : null,
    2,
    make,
  );
}

/**
 * Has matrices of a model made in 16 bits lie in float32 after all, with their initial values, because they are trained.
 * @param paths of the parameters that are; others than matrices are in float32 anyway
 */
export function widen(model: LibraryModel, paths: ReadonlySet<string>, seed: number): void {
  for (const [path, parameter] of model.namedParameters()) {
    if (!paths.has(path) || parameter.dtype === 'f32') continue;
    parameter.moveTo(persistentStorage(parameter.runtime, 'f32', parameter.size));
    parameter.requiresGrad = true;
    // Of a matrix nothing else decides them.
    draw(parameter, model.config.init, seed, `init:${path}`, 1);
  }
}

/** Numbers that are moved at a time. */
const PIECE = 1 << 18;
/** What rounds to an infinity, and all above it. */
const BEYOND: Record<HalfType, number> = { f16: 65520, bf16: Infinity };

/**
 * Has the matrices of a model's projections and its tables of tokens take half the memory: every weight becomes the nearest
 * of 16 bits (ties to even) and is frozen. `f16` has 11 significant bits and ends at 65504; `bf16` has 8, and the range of
 * float32. Whatever computes with the model computes as with these values in float32, to the bit; what is saved has them.
 * Norms, biases, positions, and an adapter that is attached stay as they are, and may be trained.
 * @throws DataError naming the parameter with a weight that `type` has no room for; nothing is changed then
 */
export function storeInHalf<M extends Module>(model: M, type: 'f16' | 'bf16'): M {
  checkValue('storeInHalf', 'model', model, having('a model', 'namedModules', 'namedParameters'));
  checkValue('storeInHalf', 'type', type, oneOf('f16', 'bf16'));
  const matrices = new Set<Parameter>();
  for (const [, module] of model.namedModules()) {
    if (module instanceof Embedding) matrices.add(module.weight);
    for (const part of Object.values(module)) if (part instanceof Projection) matrices.add(part.weight);
  }
  const found = [...matrices].filter(({ dtype }) => dtype !== type);
  for (const matrix of found) {
    eachPiece(matrix, (values) => {
      const bad = values.find((value) => Math.abs(value) >= BEYOND[type] && Math.abs(value) < Infinity);
      if (bad === undefined) return;
      throw new DataError(`${matrix.path || 'a matrix'} has the weight ${bad}, beyond the largest ${type}`, {
        op: 'storeInHalf',
        expected: 'at most 65504',
        actual: bad,
        hint: "take 'bf16', which has the range of f32",
      });
    });
  }
  for (const matrix of found) {
    const storage = halfStorage(matrix.runtime, type, matrix.size);
    eachPiece(matrix, (values, at) => storage.write(at, values));
    matrix.moveTo(storage);
  }
  return model;
}

function eachPiece(
  { storage, size }: Parameter,
  use: (values: Float32Array | Float64Array, at: number) => void,
): void {
  for (let at = 0; at < size; at += PIECE)
    use(storage.read(at, Math.min(PIECE, size - at)) as Float32Array, at);
}
