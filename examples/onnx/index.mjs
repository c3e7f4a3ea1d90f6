// Trains a small language model of characters, writes it for onnxruntime, and serves a page that runs it without
// Prenorm: node index.mjs [FILE] [STEPS] [PORT]
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { init } from 'prenorm';
import { loadKjv, TextWindows } from 'prenorm/data';
import { exportONNX } from 'prenorm/interop';
import { CausalLM } from 'prenorm/nn';
import { AdamW } from 'prenorm/optim';
import { trainChars } from 'prenorm/text';
import { Trainer } from 'prenorm/train';

await init();
const [file, steps = '300', port = '8017'] = process.argv.slice(2);
const text = file ? await readFile(file, 'utf8') : await loadKjv();
const letters = trainChars(text);
const shape = { batchSize: 16, seqLen: 96 };
const sizes = { dModel: 64, numLayers: 3, maxSeqLen: shape.seqLen };
const model = new CausalLM({ ...sizes, vocabSize: letters.vocabSize, init: 'paper' });
const optimizer = new AdamW(model.parameters(), { lr: 3e-3 });
const data = new TextWindows(letters.encode(text), { ...shape, seed: 1 });
for await (const { step, loss } of new Trainer({ model, data, optimizer, steps: Number(steps) }).run())
  if (step % 50 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);

const page = import.meta.dirname;
for (const [name, bytes] of await exportONNX(model)) {
  await mkdir(dirname(join(page, 'model', name)), { recursive: true });
  await writeFile(join(page, 'model', name), bytes);
}
const all = letters.decode(Int32Array.from({ length: letters.vocabSize }, (_, id) => id));
await writeFile(join(page, 'model/letters.json'), JSON.stringify([...all]));

const types = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};
const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
  const name = path === '/' ? 'index.html' : path;
  const bytes = await readFile(join(page, name)).catch(() => null);
  const type = types[extname(name)] ?? 'application/octet-stream';
  response.writeHead(bytes ? 200 : 404, { 'content-type': type }).end(bytes ?? 'not there');
});
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
