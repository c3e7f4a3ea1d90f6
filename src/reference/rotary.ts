/** @file Oracle of assembly/rotary.ts: pairs of components turned by their position's angle. */
type Heap = Float64Array;

export function rotaryForward(
  heap: Heap,
  out: number,
  x: number,
  table: number,
  rows: number,
  cols: number,
  heads: number,
  dHead: number,
  length: number,
  start: number,
  first: number,
  back: number,
): void {
  const half = dHead / 2;
  for (let r = 0; r < rows; r++) {
    const angles = (table >> 2) + (start + ((first + r) % length)) * dHead;
    const [from, to] = [(x >> 2) + r * cols, (out >> 2) + r * cols];
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < half; i++) {
        const [cos, sin] = [heap[angles + i], heap[angles + half + i] * (back ? -1 : 1)];
        const [low, high] = [heap[from + h * dHead + i], heap[from + h * dHead + half + i]];
        heap[to + h * dHead + i] = low * cos - high * sin;
        heap[to + h * dHead + half + i] = high * cos + low * sin;
      }
    }
    for (let i = heads * dHead; i < cols; i++) heap[to + i] = heap[from + i];
  }
}
