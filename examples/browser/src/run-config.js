/** The run that a text, a size and a number of steps describe: plain data, which goes to the worker as it is. */
const SIZES = {
  tiny: { dModel: 64, numHeads: 4, numLayers: 2 },
  small: { dModel: 128, numHeads: 4, numLayers: 4 },
};

/** Numbers that a model learns, in hundred thousands: 12 d² a layer, and little besides. */
export function parameters(size) {
  const { dModel, numLayers } = SIZES[size];
  return 100_000 * Math.round((12 * dModel * dModel * numLayers) / 100_000);
}

const BATCH = { batchSize: 8, seqLen: 64 };

/** One batch, and a tenth more that is held out. */
export const MIN_CHARS = 600;

export function runConfig({ text, size, steps }) {
  return {
    model: { kind: 'causalLM', ...SIZES[size], normPlacement: 'pre' },
    optimizer: { kind: 'adamw', betas: [0.9, 0.98] },
    schedule: { kind: 'inverseSqrt', maxLr: 0.002, warmupSteps: 50 },
    data: { kind: 'text', text, ...BATCH },
    steps,
    clipNorm: 1,
    evalEvery: 100,
  };
}
