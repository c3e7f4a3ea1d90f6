/** @file Oracle of assembly/top.ts: sorts the whole row. */
type Heap = Float64Array;

export function greatestRows(
  heap: Heap,
  values: number,
  ids: number,
  x: number,
  rows: number,
  cols: number,
  count: number,
): void {
  for (let r = 0; r < rows; r++) {
    const row = heap.subarray((x >> 2) + r * cols, (x >> 2) + (r + 1) * cols);
    const order = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b);
    for (let i = 0; i < count; i++) {
      heap[(values >> 2) + r * count + i] = row[order[i]];
      heap[(ids >> 2) + r * count + i] = order[i];
    }
  }
}
