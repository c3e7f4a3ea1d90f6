// Runs a folder that `prenorm export --to onnx` has written in transformers.js, from disk and offline:
// node pipelines.mjs FOLDER TASK TEXT
import { basename, dirname, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';

const [folder, task, text] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
const run = await pipeline(task, basename(resolve(folder)), { dtype: 'fp32' });
const greedy = { max_new_tokens: 30, do_sample: false };
console.log(JSON.stringify(await run(text, task === 'text-generation' ? greedy : {}), null, 1));
