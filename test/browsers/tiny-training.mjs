/** @file Small trainings, written so that they run unchanged in Node and in a page. */

/** A recipe as a file has it; `prenorm train` carries it out in same-bits.browser.test.ts. */
export const tinyRecipe = {
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1 },
  data: { kind: 'text', source: 'kjv', batchSize: 2, seqLen: 12 },
  tokenizer: { kind: 'bpe', vocabSize: 280 },
  optimizer: { kind: 'adamw', groups: [{ match: ['norms', 'biases'], weightDecay: 0 }] },
  schedule: { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 4 },
  steps: 6,
  accumulate: 2,
  clipNorm: 1,
  seed: 5,
};

/**
 * One small training, written so that it runs unchanged in Node and in a page: dropout, clipping, warm-up,
 * an encoder-decoder with padding and a language model, BPE, beam search. Returns what must be equal everywhere.
 * @param {string} base where the built package lies, as a URL or path prefix
 */
export async function tinyTraining(base) {
  const [core, nn, optim, data, text, train, generate, recipe] = await Promise.all(
    [
      'index.js',
      'nn/index.js',
      'optim/index.js',
      'data/index.js',
      'text/index.js',
      'fit/train.js',
      'generate/index.js',
      'recipe/index.js',
    ].map((path) => import(`${base}/${path}`)),
  );
  await core.init();
  core.manualSeed(3);
  const { train: pairs } = await data.loadUiDeEn();
  const sentences = pairs.slice(0, 200);
  const tokenizer = text.trainBPE(sentences.flat(), { vocabSize: 400 });
  const marks = { padId: tokenizer.padId, bosId: tokenizer.bosId, eosId: tokenizer.eosId };
  const encoded = sentences.map(([source, target]) => ({
    source: tokenizer.encode(source, { eos: true }),
    target: tokenizer.encode(target),
  }));
  const hashes = {};
  const small = { dModel: 32, numHeads: 4, numLayers: 2, dFF: 48, dropout: 0.1, maxSeqLen: 96 };
  for (const normPlacement of ['post', 'pre', 'peri']) {
    const model = new nn.Transformer({ ...small, normPlacement, vocabSize: tokenizer.vocabSize, seed: 5 });
    const trainer = new train.Trainer({
      model,
      data: new data.PairBatches(encoded, { maxTokens: 400, seed: 2, ...marks }),
      optimizer: new optim.Adam(model.parameters(), { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 }),
      schedule: optim.inverseSqrt({ maxLr: 2e-3, warmupSteps: 4 }),
      steps: 8,
      labelSmoothing: 0.1,
      clipNorm: 1,
    });
    for await (const _ of trainer.run());
    hashes[`translation, ${normPlacement}`] = trainer.hash();
    const source = encoded[0].source;
    const stepper = generate.translationStepper(model.eval(), source, Int32Array.of(source.length));
    const [best] = generate.beamSearch(stepper, {
      bos: marks.bosId,
      eos: marks.eosId,
      maxLength: 12,
      beamSize: 3,
    });
    hashes[`beam, ${normPlacement}`] = `${best.ids.join(' ')} ${best.logProb}`;
  }
  const ids = tokenizer.encode(sentences.map(([, target]) => target).join('\n'));
  const model = new nn.CausalLM({
    ...small,
    activation: 'gelu',
    norm: 'rms',
    vocabSize: tokenizer.vocabSize,
  });
  const trainer = new train.Trainer({
    model,
    data: new data.TextWindows(ids, { batchSize: 4, seqLen: 21, seed: 1 }),
    optimizer: new optim.RAdam(model.parameters(), { lr: 1e-3 }),
    steps: 8,
    accumulate: 2,
  });
  for await (const _ of trainer.run());
  hashes['language model'] = trainer.hash();
  hashes.sample = generate
    .sample(generate.lmStepper(model.eval(), 1), { prompt: [1], length: 20, seed: 1 })
    .join(' ');
  const { options } = await recipe.prepareRun(recipe.checkRecipe(tinyRecipe, 'tiny'));
  const ofRecipe = new train.Trainer(options);
  for await (const _ of ofRecipe.run());
  hashes.recipe = ofRecipe.hash();
  return hashes;
}
