/** @file Oracles of assembly/embedding.ts; ids below 0 stand for "no row". */
type Heap = Float64Array;

export function embeddingForward(
  heap: Heap,
  out: number,
  weight: number,
  ids: number,
  rows: number,
  cols: number,
  scale: number,
): void {
  for (let r = 0; r < rows; r++) {
    const id = heap[(ids >> 2) + r];
    for (let j = 0; j < cols; j++) {
      heap[(out >> 2) + r * cols + j] = id < 0 ? 0 : scale * heap[(weight >> 2) + id * cols + j];
    }
  }
}

export function embeddingBackward(
  heap: Heap,
  dweight: number,
  dout: number,
  ids: number,
  rows: number,
  cols: number,
  ld: number,
  scale: number,
): void {
  for (let r = 0; r < rows; r++) {
    const id = heap[(ids >> 2) + r];
    if (id < 0) continue;
    for (let j = 0; j < cols; j++) {
      heap[(dweight >> 2) + id * ld + j] += scale * heap[(dout >> 2) + r * ld + j];
    }
  }
}
