/**
 * @file Forward products in every library, in one process and in turns: node gemm.mjs '{"sizes": [[m, n, k]],
 * "rounds": 5, "ms": 60, "only": ["onnxruntime"]}' prints {"builds", "results": [{size, ms: {engine: [per round]}}]}.
 * All at the level of tensors in and tensors out, memory of the result included, read-back to JavaScript not.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Bench } from 'tinybench';
import { init, matmul, noGrad, scope, tensor } from '../../dist/index.js';
import { bench } from '../../scripts/built-bench.mjs';
import { onnxMatMul } from '../onnx-matmul.mjs';

const { sizes, rounds, ms, only } = JSON.parse(process.argv[2]);
const require = createRequire(import.meta.url);
const version = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
const values = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 500 - 1);

const engines = {
  async prenorm() {
    await init();
    return {
      build: 'Prenorm, strict, 1 thread',
      make(m, n, k) {
        const a = tensor(values(m * k), { shape: [m, k] });
        const b = tensor(values(k * n), { shape: [k, n] });
        return {
          run: () => noGrad(() => scope(() => void matmul(a, b))),
          first: () => noGrad(() => scope(() => matmul(a, b).toArray().slice(0, 8))),
        };
      },
    };
  },
  async tfjs() {
    const tf = require('@tensorflow/tfjs');
    const wasm = require('@tensorflow/tfjs-backend-wasm');
    const folder = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
    wasm.setWasmPaths(`${join(folder, 'dist')}/`);
    await tf.setBackend('wasm');
    await tf.ready();
    return {
      build: `TensorFlow.js ${tf.version.tfjs}, wasm with SIMD, 1 thread`,
      make(m, n, k) {
        const a = tf.tensor2d(values(m * k), [m, k]);
        const b = tf.tensor2d(values(k * n), [k, n]);
        return {
          run: () => tf.matMul(a, b).dispose(),
          first: () => tf.matMul(a, b).dataSync().slice(0, 8),
        };
      },
    };
  },
  async jax() {
    const { blockUntilReady, defaultDevice, init: start, jit, numpy: np } = await import('@jax-js/jax');
    await start('wasm');
    defaultDevice('wasm');
    const product = jit((a, b) => np.matmul(a, b));
    return {
      build: `jax-js ${version('@jax-js/jax')}, wasm, jit, 1 thread`,
      make(m, n, k) {
        const a = np.array(values(m * k)).reshape([m, k]);
        const b = np.array(values(k * n)).reshape([k, n]);
        return {
          run: async () => (await blockUntilReady(product(a.ref, b.ref))).dispose(),
          first: async () => (await product(a.ref, b.ref).data()).slice(0, 8),
        };
      },
    };
  },
  async onnxruntime() {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = 1;
    return {
      build: `onnxruntime-web ${version('onnxruntime-web')}, wasm, 1 thread`,
      async make(m, n, k) {
        const session = await ort.InferenceSession.create(onnxMatMul(m, n, k, values(k * n)), {
          executionProviders: ['wasm'],
        });
        const feeds = { A: new ort.Tensor('float32', values(m * k), [m, k]) };
        return {
          run: async () => void (await session.run(feeds)),
          first: async () => (await session.run(feeds)).Y.data.slice(0, 8),
        };
      },
    };
  },
};

const builds = {};
const ready = {};
for (const name of Object.keys(engines)) {
  if (name !== 'prenorm' && only && !only.includes(name)) continue;
  try {
    ready[name] = await engines[name]();
    builds[name] = ready[name].build;
  } catch (error) {
    builds[name] = `failed: ${error.message}`;
  }
}
/** @type {{ size: number[], ms: Record<string, number[]>, failed: Record<string, string> }[]} */
const results = [];
for (const [m, n, k] of sizes) {
  const subjects = {};
  const failed = {};
  for (const [name, engine] of Object.entries(ready)) {
    let subject;
    let first;
    try {
      subject = await engine.make(m, n, k);
      first = await subject.first();
    } catch (error) {
      // A rival that cannot do this size stays in the table with its own words.
      if (name === 'prenorm') throw error;
      failed[name] = error.message;
      continue;
    }
    const expected = subjects.prenorm?.firstValues ?? first;
    const worst = Math.max(...Array.from(first, (x, i) => Math.abs(x - expected[i])));
    if (worst > 1e-3 * Math.sqrt(k)) throw new Error(`${name} differs by ${worst} at ${m}x${n}x${k}`);
    subjects[name] = { ...subject, firstValues: first };
  }
  const times = /** @type {Record<string, number[]>} */ (
    Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
  );
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, { run }] of Object.entries(subjects)) {
      // All of them compute on one thread: what counts is the time in which they do.
      const task = new Bench({ time: ms, iterations: 3, warmup: false, now: bench.CLOCKS.cpu });
      task.add(name, run);
      await task.run();
      if (round > 0) times[name].push(task.tasks[0].result.latency.p50);
    }
  }
  results.push({ size: [m, n, k], ms: times, failed });
}
process.stdout.write(`${JSON.stringify({ builds, results })}\n`);
process.exit(0);
