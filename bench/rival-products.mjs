/** @file Rows about forward products beside other libraries. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bench } from '../scripts/built-bench.mjs';

const { makeRow, missingRow } = bench;

const TITLES = { tfjs: 'TensorFlow.js', jax: 'jax-js', onnxruntime: 'onnxruntime-web' };
const program = fileURLToPath(new URL('./engines/gemm.mjs', import.meta.url));

export async function measureRivalProducts(plan, wanted, builds) {
  const only = wanted.filter((name) => name in TITLES);
  if (only.length === 0) return [];
  const sizes = [
    [256, 256, 256],
    [512, 512, 512],
    [1024, 512, 128],
  ].slice(0, plan.quick ? 1 : 3);
  plan.onProgress(`forward products beside ${only.map((name) => TITLES[name]).join(', ')}`);
  const request = { sizes, rounds: plan.quick ? 5 : plan.rounds, ms: 4 * plan.sampleMs, only };
  const { builds: found, results } = JSON.parse(
    execFileSync(process.execPath, [program, JSON.stringify(request)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 24,
    })
      .trim()
      .split('\n')
      .at(-1),
  );
  if (found.onnxruntime) builds['onnxruntime-web'] = found.onnxruntime;
  const rows = [];
  for (const { size, ms, failed } of results) {
    const [m, n, k] = size;
    const label = `product ${m}x${n}x${k}`;
    const rate = (time) => (2 * m * n * k) / time / 1e6;
    const reference = `${label}, Prenorm`;
    const base = { unit: 'GFLOP/s', better: /** @type {const} */ ('higher') };
    rows.push(makeRow({ ...base, name: reference, samples: ms.prenorm.map(rate), note: found.prenorm }));
    for (const engine of only) {
      const name = `${label} beside ${TITLES[engine]}`;
      const note = failed[engine] ? `failed: ${failed[engine]}` : found[engine];
      if (!ms[engine]) rows.push(missingRow({ ...base, name, reference, note }));
      else {
        const shares = ms[engine].map((time, i) => time / ms.prenorm[i]);
        rows.push(makeRow({ ...base, name, reference, samples: ms[engine].map(rate), shares, note }));
      }
    }
  }
  return rows;
}
