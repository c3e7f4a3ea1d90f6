/** @file A training by `fit`, written so that it runs unchanged in Node and in a page. */

/**
 * What must be equal everywhere.
 * @param {string} base where the built package lies, as a URL or path prefix
 */
export async function fitInWorker(base, options) {
  const { fit } = await import(`${base}/fit/train.js`);
  const steps = [];
  const result = await fit({ ...options, onProgress: ({ step }) => steps.push(step) });
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', result.save()));
  const text = result.tokenizer.decode(result.tokenizer.encode('a line'));
  return { steps, text, metrics: result.metrics, recipe: result.recipe, sha256: hash.join() };
}
