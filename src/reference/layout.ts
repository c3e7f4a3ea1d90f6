/** @file Oracles of assembly/layout.ts. Strides count elements. */
type Heap = Float64Array;

export function stridedGather(
  heap: Heap,
  out: number,
  x: number,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  let next = out >> 2;
  forEachOffset([d0, d1, d2, d3], [s0, s1, s2, s3], (offset) => {
    heap[next++] = heap[(x >> 2) + offset];
  });
}

export function stridedScatterAdd(
  heap: Heap,
  out: number,
  x: number,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  let next = x >> 2;
  forEachOffset([d0, d1, d2, d3], [s0, s1, s2, s3], (offset) => {
    heap[(out >> 2) + offset] += heap[next++];
  });
}

function forEachOffset(dims: number[], strides: number[], visit: (offset: number) => void): void {
  for (let i = 0; i < dims[0]; i++) {
    for (let j = 0; j < dims[1]; j++) {
      for (let k = 0; k < dims[2]; k++) {
        for (let l = 0; l < dims[3]; l++) {
          visit(i * strides[0] + j * strides[1] + k * strides[2] + l * strides[3]);
        }
      }
    }
  }
}
