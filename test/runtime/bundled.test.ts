/** What bundlers make of the library: CommonJS, no assets taken by mistake, hosts that lack a part. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('runtime/bundled');
const dist = resolve(fileURLToPath(import.meta.url), '../../../dist');
const folder = mkdtempSync(join(tmpdir(), 'prenorm-bundled-'));
test.after(() => rmSync(folder, { recursive: true }));

/** @returns what `source`, bundled for Node in this format, prints */
async function printed(format: 'cjs' | 'esm', source: string): Promise<unknown> {
  const outfile = join(folder, format === 'cjs' ? 'out.cjs' : 'out.mjs');
  await build({
    stdin: { contents: source, resolveDir: dist, loader: 'js' },
    bundle: true,
    platform: 'node',
    format,
    outfile,
    // esbuild says that import.meta is empty in CommonJS; what becomes of that is tested here.
    logLevel: 'error',
  });
  return JSON.parse(execFileSync(process.execPath, [outfile], { encoding: 'utf8' }));
}

const program = (threads: number) => `
import { capabilities, init, matmul, tensor } from './index.js';
init({ threads: ${threads} }).then(() => {
  const product = matmul(tensor([[1, 2], [3, 4]]), tensor([[5, 6], [7, 8]]));
  const { threads, threadsReason } = capabilities();
  console.log(JSON.stringify({ product: [...product.toArray()], threads, threadsReason }));
});`;

test('a CommonJS bundle computes, and says why it has one thread', async () => {
  type Printed = { product: number[]; threads: number; threadsReason: string };
  const one = (await printed('cjs', program(1))) as Printed;
  assert.equal(one.product, [19, 22, 43, 50]);
  const two = (await printed('cjs', program(2))) as Printed;
  assert.equal(two.product, [19, 22, 43, 50]);
  assert.is(two.threads, 1);
  assert.match(two.threadsReason, /CommonJS bundle/);
  assert.match(two.threadsReason, /give `worker`/);
  const modules = (await printed('esm', program(1))) as Printed;
  assert.equal(modules.product, one.product);
});

test('bundlers find one kind of asset: the workers and the kernels, named as a whole', async () => {
  const entries = ['index', 'external', 'inference', 'fit/train', 'io/index', 'recipe/index', 'worker/index'];
  const { outputFiles } = await build({
    entryPoints: entries.map((entry) => join(dist, `${entry}.js`)),
    bundle: true,
    format: 'esm',
    outdir: folder,
    write: false,
  });
  const found = outputFiles.flatMap(({ text }) =>
    [...text.matchAll(/new URL\(([^()]*),\s*import\.meta\.url\s*\)/g)].map((match) => match[1]!.trim()),
  );
  const meant = [
    '"./kernel-worker.js"',
    '"../worker/trainer-worker.js"',
    '"./prenorm-kernels.wasm"',
    // Words of a hint.
    '"./dataset.js"',
  ];
  assert.equal([...new Set(found)].sort(), meant.sort());
});

test('a host without setImmediate, MessageChannel and Buffer trains', async () => {
  const result = await printed(
    'esm',
    `
delete globalThis.setImmediate;
delete globalThis.MessageChannel;
delete globalThis.Buffer;
const { fit } = await import('./fit/train.js');
const options = { task: 'lm', data: 'the cat sat on the mat. '.repeat(100), budget: { steps: 2 }, quiet: true };
const { metrics } = await fit(options);
console.log(JSON.stringify(metrics.steps));`,
  );
  assert.is(result, 2);
});

test.run();
