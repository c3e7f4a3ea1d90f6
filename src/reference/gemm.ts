/** @file Oracle of assembly/gemm.ts: three loops and one sum. */
type Heap = Float64Array;

export const gemmWorkspaceBytes = (_heap: Heap): number => 64;

export function sgemm(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  m: number,
  n: number,
  k: number,
  lda: number,
  ldb: number,
  ldc: number,
  transA: number,
  transB: number,
  accumulate: number,
  _workspace: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const x = heap[(a >> 2) + (transA ? p * lda + i : i * lda + p)];
        const y = heap[(b >> 2) + (transB ? j * ldb + p : p * ldb + j)];
        sum += x * y;
      }
      const at = (c >> 2) + i * ldc + j;
      heap[at] = accumulate ? heap[at] + sum : sum;
    }
  }
}

export function sgemmBatched(
  heap: Heap,
  c: number,
  a: number,
  b: number,
  batch: number,
  strideC: number,
  strideA: number,
  strideB: number,
  m: number,
  n: number,
  k: number,
  lda: number,
  ldb: number,
  ldc: number,
  transA: number,
  transB: number,
  accumulate: number,
  workspace: number,
): void {
  for (let i = 0; i < batch; i++) {
    const at = (ptr: number, stride: number) => ptr + 4 * i * stride;
    sgemm(
      heap,
      at(c, strideC),
      at(a, strideA),
      at(b, strideB),
      m,
      n,
      k,
      lda,
      ldb,
      ldc,
      transA,
      transB,
      accumulate,
      workspace,
    );
  }
}
