/** @file Oracle of assembly/attention-row.ts: one query per sequence, softmax as in the textbook. */
type Heap = Float64Array;

export function appendTokens(
  heap: Heap,
  kv: number,
  x: number,
  place: number,
  batch: number,
  cols: number,
  c: number,
  width: number,
  capacity: number,
): void {
  for (let b = 0; b < batch; b++) {
    const to = (kv >> 2) + (b * capacity + heap[place >> 2]) * width;
    for (let i = 0; i < width; i++) heap[to + i] = heap[(x >> 2) + b * cols + c + i];
  }
}

export function attentionRows(
  heap: Heap,
  out: number,
  q: number,
  kv: number,
  counts: number,
  pages: number,
  first: number,
  batch: number,
  heads: number,
  kvHeads: number,
  dHead: number,
  strideQ: number,
  strideOut: number,
  capacity: number,
  stepCount: number,
  more: number,
  stepRow: number,
  stepKey: number,
  scale: number,
  _workspace: number,
): void {
  const width = kvHeads * dHead;
  for (let b = 0; b < batch; b++) {
    const keys = heap[(counts >> 2) + b * stepCount] + more;
    /** Where the key of a head lies. */
    const keyAt = (j: number, h: number): number => {
      const sequence = pages === 0 ? first + b : heap[(pages >> 2) + b * stepRow + j * stepKey];
      return (kv >> 2) + (sequence * capacity + j) * 2 * width + Math.floor(h / (heads / kvHeads)) * dHead;
    };
    for (let h = 0; h < heads; h++) {
      const query = (q >> 2) + b * strideQ + h * dHead;
      const scores = Array.from({ length: keys }, (_, j) => {
        let dot = 0;
        for (let e = 0; e < dHead; e++) dot += heap[query + e] * heap[keyAt(j, h) + e];
        return dot * scale;
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let e = 0; e < dHead; e++) {
        let sum = 0;
        for (let j = 0; j < keys; j++) sum += weights[j] * heap[keyAt(j, h) + width + e];
        heap[(out >> 2) + b * strideOut + h * dHead + e] = keys > 0 ? sum / total : 0;
      }
    }
  }
}
