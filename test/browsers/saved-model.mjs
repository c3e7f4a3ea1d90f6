/** @file What a file of a model gives, wherever it is loaded. Plain JavaScript over the built package. */

/**
 * @param {string} dist address of dist/
 * @param {Uint8Array | Response} source the file
 */
export async function useModel(dist, source) {
  const { init, loadModel } = await import(`${dist}/inference.js`);
  const { generateText, logProbabilities } = await import(`${dist}/generate/index.js`);
  const { WorkerModel } = await import(`${dist}/worker/index.js`);
  await init();
  const bytes = source instanceof Uint8Array ? source : new Uint8Array(await source.arrayBuffer());
  const { model, tokenizer } = await loadModel(source instanceof Uint8Array ? source : new Response(bytes));
  const options = { maxNewTokens: 120, temperature: 0.8, topK: 20, seed: 5 };
  const here = await generateText(model, tokenizer, 'the earth ', options);
  const { total } = await logProbabilities(model, tokenizer, 'the earth was without form');

  const worker = new WorkerModel(bytes);
  let pieces = '';
  for await (const text of worker.generate('the earth ', options)) pieces += text;
  const judged = await worker.logProbabilities('the earth was without form');
  worker.close();

  const damaged = bytes.slice();
  damaged[damaged.length - 3] ^= 1;
  const refusal = await loadModel(damaged).then(
    () => 'loaded',
    (error) => error.code,
  );
  return { text: here.text, reason: here.reason, total, pieces, inWorker: judged.total, refusal };
}
