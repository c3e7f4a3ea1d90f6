/** @file Oracle of assembly/int12-packed.ts: integers packed two to a slot, as the kernel's bytes hold them. */
import { BLOCK, linesOf } from './int12-lines.js';

type Heap = Float64Array;

const COLUMNS = 16;

/** Slots of one panel of 16 columns in a block `depth` deep: scales, then pairs, their number a multiple of four. */
const slotsOf = (depth: number): number => COLUMNS + Math.ceil(depth / 8) * 4 * COLUMNS;

const panelSlots = (k: number): number => {
  let slots = 0;
  for (let first = 0; first < k; first += BLOCK) slots += slotsOf(Math.min(BLOCK, k - first));
  return slots;
};

export const int12PackedBytes = (_heap: Heap, n: number, k: number): number =>
  4 * panelSlots(k) * Math.ceil(n / COLUMNS);

export function int12Pack(
  heap: Heap,
  to: number,
  b: number,
  n: number,
  k: number,
  ldb: number,
  _workspace: number,
): void {
  let at = to >> 2;
  for (let j = 0; j < n; j += COLUMNS) {
    for (let first = 0; first < k; first += BLOCK) {
      const depth = Math.min(BLOCK, k - first);
      const columns = linesOf(heap, b + 4 * (j * ldb + first), Math.min(COLUMNS, n - j), ldb, depth, 1);
      columns.forEach(({ values, scale }, column) => {
        heap[at + column] = scale;
        for (let p = 0; p < depth; p += 2)
          heap[at + COLUMNS + (p / 2) * COLUMNS + column] = values[p] * 65536 + (values[p + 1] ?? 0);
      });
      at += slotsOf(depth);
    }
  }
}

export function int12GemmPacked(
  heap: Heap,
  c: number,
  a: number,
  packed: number,
  m: number,
  n: number,
  k: number,
  lda: number,
  ldc: number,
  _workspace: number,
): void {
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) heap[(c >> 2) + i * ldc + j] = 0;
  for (let j = 0; j < n; j++) {
    let at = (packed >> 2) + Math.floor(j / COLUMNS) * panelSlots(k) + (j % COLUMNS);
    for (let first = 0; first < k; first += BLOCK) {
      const depth = Math.min(BLOCK, k - first);
      linesOf(heap, a + 4 * first, m, lda, depth, 1).forEach(({ values, scale }, i) => {
        let sum = 0;
        for (let p = 0; p < depth; p++) {
          const pair = heap[at + COLUMNS + Math.floor(p / 2) * COLUMNS];
          const even = Math.round(pair / 65536);
          sum += values[p] * (p % 2 === 0 ? even : pair - even * 65536);
        }
        const value = Math.fround(Math.fround(Math.fround(sum) * heap[at]) * scale);
        const to = (c >> 2) + i * ldc + j;
        heap[to] = first === 0 ? value : Math.fround(heap[to] + value);
      });
      at += slotsOf(depth);
    }
  }
}
