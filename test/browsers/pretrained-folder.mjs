/** @file What a folder of Hugging Face gives, wherever it is opened. Plain JavaScript over the built package. */

/**
 * @param {string} dist address of dist/
 * @param {any} source as fromPretrained takes it
 */
export async function useFolder(dist, source) {
  const { init } = await import(`${dist}/index.js`);
  const { fromPretrained } = await import(`${dist}/interop/index.js`);
  const { generateText } = await import(`${dist}/generate/index.js`);
  const tokenizers = await import(`${dist}/tokenizers/index.js`);
  await init();
  const { model, tokenizer, family } = await fromPretrained(source, { tokenizers });
  const ids = tokenizer.encode('the quick end');
  const logits = model.forward({ ids, batchSize: 1, seqLen: ids.length }).toArray();
  const bits = Array.from(new Uint32Array(Float32Array.from(logits).buffer));
  const { text } = await generateText(model, tokenizer, 'the quick', { maxNewTokens: 12, seed: 4 });
  return { family, ids: Array.from(ids), bits, text };
}

/**
 * Every way that a page has to open a folder.
 * @param {string} dist address of dist/
 * @param {ArrayLike<File>} files of an input
 * @param {string} folder address of the same folder
 */
export async function everyWay(dist, files, folder) {
  const list = Array.from(files);
  const blobs = new Map(list.map((file) => [file.name, file.slice()]));
  const worker = new Worker(new URL('./pretrained-folder-worker.mjs', import.meta.url), { type: 'module' });
  const inWorker = await new Promise((done, fail) => {
    worker.onmessage = ({ data }) => (data.error ? fail(new Error(data.error)) : done(data.result));
    worker.onerror = ({ message }) => fail(new Error(message));
    worker.postMessage({ dist: new URL(dist, location.href).href, files: list });
  });
  worker.terminate();
  return {
    input: await useFolder(dist, files),
    blobs: await useFolder(dist, blobs),
    fetcher: await useFolder(dist, (/** @type {string} */ name) => fetch(`${folder}/${name}`)),
    inWorker,
  };
}
