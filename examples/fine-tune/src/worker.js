/** The worker: answers each request of the page by one method of `Tuning`. */
import { Tuning } from './tuning.js';

const tuning = new Tuning();

addEventListener('message', async ({ data: { id, name, payload } }) => {
  const report = (progress) => postMessage({ id, progress });
  try {
    postMessage({ id, result: await tuning[name](payload, report) });
  } catch (error) {
    const { name: kind, message, code, hint } = error;
    postMessage({ id, error: { name: kind, message, code, hint } });
  }
});
