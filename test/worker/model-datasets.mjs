/** Small data for each kind of model, by the name in `options.model`: the same here and in a training worker. */
const ids = (count, step, mod) => Int32Array.from({ length: count }, (_, i) => (i * 7 + step * 3) % mod);
const size = { batchSize: 4, seqLen: 8 };

const batches = {
  maskedLM: (step) => ({
    ...size,
    ids: ids(32, step, 11),
    targets: ids(32, step + 1, 11).map((id, i) => (i % 4 === 0 ? id : -1)),
    segments: ids(32, step, 2),
    nextSentence: ids(4, step, 2),
  }),
  pairClassifier: (step) => ({
    ...size,
    ids: ids(32, step, 11),
    segments: ids(32, step, 2),
    labels: ids(4, step, 2),
  }),
  visionTransformer: (step) => ({
    batchSize: 4,
    images: Float32Array.from({ length: 4 * 64 }, (_, i) => ((i * 13 + step * 5) % 17) / 17),
    labels: ids(4, step, 3),
  }),
};

export function dataset({ model }) {
  let step = 0;
  return {
    data: {
      next: () => batches[model](step++),
      state: () => ({ epoch: 0, batch: step }),
      restore: ({ batch }) => {
        step = batch;
      },
    },
    validation: [batches[model](1000)],
  };
}
