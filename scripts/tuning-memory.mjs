/**
 * @file `npm run tuning-memory [-- --steps N]`: what tuning a model of 30 M parameters takes, planned and used. A model is
 * written as a folder of Hugging Face; every way of tuning it reads that folder and trains some steps in a process of its own, so
 * that no memory of one is counted to another. Prints the table of docs/memory.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MB = 1e6;
const SEQ_LEN = 256;
const BATCH_SIZE = 2;
const PHONE = 512 * 1024 * 1024;

/** Ways of tuning; `phone` is held to 512 MiB. */
const ways = [
  { name: 'all of it', kind: 'all' },
  { name: 'all of it, in 512 MB', kind: 'all', phone: true },
  { name: 'all of it, recompute', kind: 'all', recompute: true },
  { name: 'LoRA', kind: 'lora' },
  { name: 'LoRA, recompute', kind: 'lora', recompute: true },
  { name: 'LoRA, f16', kind: 'lora', dtype: 'f16' },
  { name: 'LoRA, f16, recompute, in 512 MB', kind: 'lora', dtype: 'f16', recompute: true, phone: true },
  { name: 'used only', kind: 'none' },
  { name: 'used only, f16', kind: 'none', dtype: 'f16' },
];

async function writeFolder(folder) {
  const { init } = await import('../dist/index.js');
  const { CausalLM } = await import('../dist/nn/index.js');
  const { toPretrained } = await import('../dist/interop/index.js');
  await init();
  const model = new CausalLM({
    ...{ vocabSize: 10_000, dModel: 512, numHeads: 8, numLayers: 8, dFF: 2048, maxSeqLen: SEQ_LEN },
    ...{ positions: 'learned', activation: 'geluTanh', embeddingScale: 1, init: 'paper', seed: 1 },
  });
  for (const [name, bytes] of toPretrained(model)) writeFileSync(join(folder, name), bytes);
}

/** One way, in this process. */
async function tune(folder, { kind, dtype, recompute = false, phone }, steps) {
  const { init, noGrad, plan, Trainer } = await import('../dist/index.js');
  const { Adam } = await import('../dist/optim/index.js');
  const { fromPretrained } = await import('../dist/interop/index.js');
  const { LoraAdapter } = await import('../dist/interop/tuning.js');
  const runtime = await init(phone ? { maxMemory: PHONE } : {});
  const loaded = await fromPretrained(folder, { dtype, dropout: 0, attentionDropout: 0 });
  const model = /** @type {import('../dist/nn/index.js').CausalLM} */ (loaded.model);
  const ids = Int32Array.from({ length: BATCH_SIZE * SEQ_LEN }, (_, i) => (i * i * 31) % 10_000);
  const batch = { ids, targets: ids, batchSize: BATCH_SIZE, seqLen: SEQ_LEN };
  const base = { parameters: model.numParameters(), weights: model.summary().memory.parameters };
  if (kind === 'none') {
    noGrad(() => model.forward(batch));
    return { ...base, used: runtime.memory() };
  }
  let trained = model.parameters();
  if (kind === 'lora') {
    const adapter = new LoraAdapter(model, { rank: 8 }).attach();
    trained = adapter.parameters();
    model.setTrainable((path) => path.includes('.lora_'));
  }
  let trainer;
  try {
    trainer = new Trainer({
      model,
      data: { next: () => batch, state: () => ({ epoch: 0, batch: 0 }), restore() {} },
      optimizer: new Adam(trained, { lr: 1e-4 }),
      steps,
      recompute,
    });
    const planned = plan(model, batch);
    const seconds = [];
    while (trainer.step < steps) {
      const begun = process.cpuUsage();
      trainer.trainStep();
      const { user, system } = process.cpuUsage(begun);
      seconds.push((user + system) / 1e6);
    }
    const trainedCount = model.numParameters({ trainable: true });
    return {
      ...{ ...base, trained: trainedCount, planned, used: runtime.memory(), loss: trainer.losses },
      seconds: seconds.sort((a, b) => a - b)[seconds.length >> 1],
    };
  } catch (error) {
    return { ...base, refused: error.message };
  }
}

function main() {
  const at = process.argv.indexOf('--steps');
  const steps = at < 0 ? 3 : Number(process.argv[at + 1]);
  const folder = mkdtempSync(join(tmpdir(), 'tuning-memory-'));
  const self = fileURLToPath(import.meta.url);
  const run = (...args) =>
    execFileSync(process.execPath, [self, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 });
  try {
    run('--write', folder);
    console.log('| what | trained | weights | planned | used | its whole memory | s a step | loss |');
    console.log('|---|---|---|---|---|---|---|---|');
    for (const way of ways) {
      const found = JSON.parse(run('--tune', folder, JSON.stringify(way), String(steps)));
      const { trained = 0, weights, planned, used, seconds, loss, refused } = found;
      if (refused) {
        console.log(`| ${way.name} | refused: ${refused} |`);
        continue;
      }
      const mb = (bytes) => `${(bytes / MB).toFixed(0)} MB`;
      const inUse = used.persistentInUse + used.arenaHighWater;
      const cells = [
        ...[
          way.name,
          trained,
          mb(weights),
          planned ? mb(planned.peakBytes) : '',
          mb(inUse),
          mb(used.bufferBytes),
        ],
        ...[seconds?.toFixed(1) ?? '', loss?.at(-1).toFixed(6) ?? ''],
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [mode, folder, way, steps] = process.argv.slice(2);
if (mode === '--write') await writeFolder(folder);
else if (mode === '--tune') console.log(JSON.stringify(await tune(folder, JSON.parse(way), Number(steps))));
else main();
