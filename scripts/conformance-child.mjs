/**
 * @file One cell of the matrix in one process: takes its options as JSON, prints hashes as JSON. Plain JavaScript over
 * dist/, so that any Node runs it, in the main thread or in a worker.
 */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const options = JSON.parse(isMainThread ? process.argv[2] : workerData);
if (isMainThread && options.worker) {
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv[2] });
  worker.on('message', (text) => console.log(text));
} else {
  const text = JSON.stringify(await run(options));
  if (isMainThread) console.log(text);
  else parentPort?.postMessage(text);
}

async function run({ threads, arithmetic, microKernel, wasm, replay, items }) {
  const { capabilities, init } = await import('../dist/index.js');
  const { runConformance } = await import('../dist/conformance/index.js');
  try {
    await init({ threads, arithmetic, microKernel, ...(wasm ? { wasm: readFileSync(wasm) } : {}) });
    const have = capabilities();
    if (have.threads !== threads) return { skipped: `threads: ${have.threadsReason}` };
    const result = await runConformance({
      ...(items ? { only: items } : {}),
      ...(replay === undefined ? {} : { replay }),
    });
    return {
      hashes: Object.fromEntries(result.items.map(({ name, hash }) => [name, hash])),
      total: result.total,
    };
  } catch (error) {
    // Threads that this host does not give are skipped, with the reason; whatever else goes wrong is an error.
    if (threads > 1 && error.code === 'ENVIRONMENT') return { skipped: `threads: ${error.message}` };
    return { error: error.message };
  }
}
