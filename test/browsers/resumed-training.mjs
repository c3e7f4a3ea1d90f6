/**
 * @file One training in parts, written so that each part runs unchanged in Node and in a page.
 * @param {string} base where the built package lies, as a URL or path prefix
 * @param {Uint8Array | null} checkpoint what the part before left, or null for the first
 * @param {number} until the step after which this part stops
 * @param {(step: number) => void} [onStep]
 * @returns {Promise<{ checkpoint: Uint8Array, hash: string, step: number }>}
 */
export async function trainPart(base, checkpoint, until, onStep = () => {}) {
  const [core, nn, optim, data, text, train] = await Promise.all(
    ['index.js', 'nn/index.js', 'optim/index.js', 'data/index.js', 'text/index.js', 'fit/train.js'].map(
      (path) => import(`${base}/${path}`),
    ),
  );
  await core.init();
  core.manualSeed(checkpoint ? 99 : 4); // the seed of a run that goes on comes from its checkpoint
  const { train: pairs } = await data.loadUiDeEn();
  const sentences = pairs.slice(0, 120);
  const tokenizer = text.trainBPE(sentences.flat(), { vocabSize: 340 });
  const { padId, bosId, eosId } = tokenizer;
  const encoded = sentences.map(([source, target]) => ({
    source: tokenizer.encode(source, { eos: true }),
    target: tokenizer.encode(target),
  }));
  const model = new nn.Transformer({
    dModel: 32,
    numHeads: 4,
    numLayers: 2,
    dFF: 48,
    dropout: 0.1,
    maxSeqLen: 96,
    normPlacement: 'pre',
    vocabSize: tokenizer.vocabSize,
    seed: checkpoint ? 98 : 5,
  });
  const trainer = new train.Trainer({
    model,
    data: new data.PairBatches(encoded, { maxTokens: 300, seed: 2, padId, bosId, eosId }),
    optimizer: new optim.Adam(model.parameters(), { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 }),
    schedule: optim.inverseSqrt({ maxLr: 2e-3, warmupSteps: 4 }),
    steps: until,
    labelSmoothing: 0.1,
    clipNorm: 1,
    accumulate: 2,
    config: { task: 'resumed' },
  });
  if (checkpoint) trainer.restore(checkpoint);
  for await (const { step } of trainer.run()) onStep(step);
  return { checkpoint: trainer.save(), hash: trainer.hash(), step: trainer.step };
}
