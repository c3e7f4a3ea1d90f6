/**
 * @file `npm run bench`: kernels and whole steps with tinybench, on the built package. Throughputs are ratios to
 * the GEMM at 512 where they can be, because absolute numbers swing with the machine's load.
 */
import { currentRuntime, init } from 'prenorm';
import { CausalLM } from 'prenorm/nn';
import { Adam } from 'prenorm/optim';
import { Trainer } from 'prenorm/train';
import { Bench } from 'tinybench';

const runtime = await init();
const { kernels } = runtime;
const allocate = (count) => {
  const ptr = runtime.persistent.allocate(count * 4);
  runtime.heap.writeFloats(
    ptr,
    Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 500 - 1),
  );
  return ptr;
};
const time = process.argv.includes('--quick') ? 100 : 500;
const rows = [];

async function measure(name, unit, work, run) {
  const bench = new Bench({ time, warmupTime: 50 });
  bench.add(name, run);
  await bench.run();
  const { latency } = bench.tasks[0].result;
  rows.push({ name, median: latency.p50, unit, rate: work / latency.p50 / 1e6 });
}

const work = runtime.workspace(kernels.gemmWorkspaceBytes());
for (const [m, n, k, ta, tb] of [
  [64, 64, 64, 0, 0],
  [256, 256, 256, 0, 0],
  [512, 512, 512, 0, 0],
  [1024, 1024, 1024, 0, 0],
  [704, 64, 64, 0, 1],
  [704, 192, 64, 0, 1],
  [704, 1900, 64, 0, 1],
  [1900, 64, 704, 1, 0],
]) {
  const [c, a, b] = [allocate(m * n), allocate(m * k), allocate(k * n)];
  const name = `sgemm ${'NT'[ta]}${'NT'[tb]} ${m}x${n}x${k}`;
  await measure(name, 'GFLOP/s', 2 * m * n * k, () =>
    kernels.sgemm(c, a, b, m, n, k, ta ? m : k, tb ? k : n, n, ta, tb, 0, work),
  );
}
{
  const [r, c] = [2048, 512];
  const [x, y, z] = [allocate(r * c), allocate(r * c), allocate(r * c)];
  const [mean, rstd, w, dw, db] = [allocate(r), allocate(r), allocate(c), allocate(c), allocate(c)];
  const bytes = r * c * 4;
  await measure('copy 4 MB', 'GB/s', 2 * bytes, () => kernels.copyForward(y, x, r * c));
  await measure('layerNorm forward 2048x512', 'GB/s', 2 * bytes, () =>
    kernels.layerNormForward(y, 0, mean, rstd, x, 0, w, w, r, c, 1e-5),
  );
  await measure('layerNorm backward 2048x512', 'GB/s', 3 * bytes, () =>
    kernels.layerNormBackward(z, dw, db, y, 0, x, mean, rstd, w, r, c),
  );
  await measure('softmax 2048x512', 'Gelement/s', r * c, () => kernels.softmaxForward(y, x, 0, r, c, 1));
}
for (const [name, config, batch, length] of [
  ['tiny', { numLayers: 2, dModel: 64, numHeads: 4, dFF: 256, vocabSize: 512, maxSeqLen: 64 }, 8, 64],
  ['small', { numLayers: 6, dModel: 128, numHeads: 4, dFF: 512, vocabSize: 2048, maxSeqLen: 64 }, 16, 64],
]) {
  const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * 31) % config.vocabSize);
  const data = {
    next: () => ({ ids, targets: ids, batchSize: batch, seqLen: length, tokens: ids.length }),
    state: () => ({ epoch: 0, batch: 0 }),
    restore: () => {},
  };
  const model = new CausalLM({ ...config, normPlacement: 'pre' });
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  const trainer = new Trainer({ model, data, optimizer, steps: 1e9 });
  // 6 FLOPs per weight and token, and half the attention because it is causal.
  const attention = 6 * config.numLayers * batch * length * length * config.dModel;
  await measure(
    `step ${name}`,
    'GFLOP/s',
    6 * model.numParameters() * batch * length + attention,
    () => void trainer.trainStep(),
  );
}

const peak = rows.find((row) => row.name.includes('512x512x512')).rate;
console.log(`prenorm ${currentRuntime().simd}, Node ${process.version}, one thread\n`);
for (const row of rows) {
  const share =
    row.unit === 'GFLOP/s' ? `${((100 * row.rate) / peak).toFixed(0).padStart(4)} % of sgemm 512` : '';
  console.log(
    `${row.name.padEnd(30)} ${row.median.toFixed(3).padStart(9)} ms ${row.rate.toFixed(1).padStart(7)} ${row.unit.padEnd(11)} ${share}`,
  );
}
