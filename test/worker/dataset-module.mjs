/** A dataset as a module: what a training worker imports by its address. */
export function dataset({ batchSize, seqLen }) {
  let batch = 0;
  const next = () => {
    const ids = Int32Array.from({ length: batchSize * seqLen }, (_, i) => (i * 7 + batch) % 11);
    const targets = ids.map((id) => (id + 7) % 11);
    batch++;
    return { ids, targets, batchSize, seqLen, tokens: ids.length };
  };
  return {
    data: {
      next,
      state: () => ({ epoch: 0, batch }),
      restore: (cursor) => {
        batch = cursor.batch;
      },
    },
  };
}
