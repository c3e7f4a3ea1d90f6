/** @file A batch's arrays as a model takes them. */
import { tensor, Variable } from '../autograd/variable.js';
import { formatShape, ShapeError } from '../errors.js';
import { currentRuntime, type InputArray } from '../runtime/runtime.js';
import { checkShape, type Shape, sizeOf } from '../tensor/shape.js';
import { hostStorage } from '../tensor/tensor.js';

/** What a step reads from a batch: all that may differ between two batches of one `shape`. */
export interface StepInputs {
  /** The arrays themselves, not copies: by them a recorded step knows its inputs. */
  arrays: readonly InputArray[];
  /** Names everything else the computation depends on. */
  shape: string;
}

/** The batch's own array as a tensor, not a copy: a recorded step knows its inputs by it. */
export function batchTensor(values: InputArray, shape: Shape): Variable {
  const isInteger = values instanceof Int32Array;
  if (!isInteger && !(values instanceof Float32Array)) return tensor(values, { shape, dtype: 'i32' });
  checkShape('batch', shape);
  if (values.length !== sizeOf(shape)) {
    throw new ShapeError(`shape ${formatShape(shape)} needs ${sizeOf(shape)} values, got ${values.length}`, {
      op: 'batch',
      expected: sizeOf(shape),
      actual: values.length,
    });
  }
  return new Variable(hostStorage(currentRuntime(), isInteger ? 'i32' : 'f32', values), shape);
}
