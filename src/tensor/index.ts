export { broadcastShapes, normalizeAxis, type Shape, sameShape, sizeOf } from './shape.js';
export { type DType, type HostArray, type NestedNumbers, Tensor } from './tensor.js';
