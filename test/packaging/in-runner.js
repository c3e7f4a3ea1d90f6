/**
 * @file What a program does in a test runner, whose page is not a real one: the trainings of the other cells, a text and a
 * model in everything that holds bytes, and a worker. All as in Node, or what stands instead of it.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { init } from 'prenorm';
import { generateText } from 'prenorm/generate';
import { loadModel } from 'prenorm/io';
import { fit } from 'prenorm/train';
import { WorkerTrainer } from 'prenorm/worker';
import { trainInWorker } from './in-worker.js';
import { train } from './program.js';

const text = 'to be or not to be, that is the question. '.repeat(60);
const attempt = (run) => run().catch((error) => `${error.name} ${error.code ?? ''} ${error.message}`);

export async function inRunner() {
  const { hashes, error } = await train(init, {});
  const path = join(mkdtempSync(join(tmpdir(), 'prenorm-runner-')), 'model.safetensors');
  writeFileSync(path, Buffer.from(text));
  const lines = {};
  const texts = {
    text,
    Buffer: readFileSync(path),
    Blob: new Blob([text]),
    bytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)),
  };
  let saved;
  for (const [name, data] of Object.entries(texts)) {
    lines[`fit with ${name}`] = await attempt(async () => {
      const trained = await fit({ task: 'lm', data, budget: { steps: 3 }, quiet: true });
      saved ??= trained.save();
      return String(trained.metrics.validNll);
    });
  }
  if (!saved) return { hashes, error, lines };
  writeFileSync(path, saved);
  const models = {
    bytes: saved,
    ArrayBuffer: saved.slice().buffer,
    Buffer: readFileSync(path),
    Blob: new Blob([saved]),
    path,
    ...(typeof Response === 'function' ? { Response: new Response(saved) } : {}),
  };
  for (const [name, source] of Object.entries(models)) {
    lines[`loadModel of ${name}`] = await attempt(async () => {
      const { model, tokenizer } = await loadModel(source);
      return (await generateText(model, tokenizer, 'to be', { maxNewTokens: 12, seed: 1 })).text;
    });
  }
  lines['prenorm/worker'] = JSON.stringify(await trainInWorker(WorkerTrainer));
  return { hashes, error, lines };
}
