/**
 * @file `npm run soak -- [--steps 100000] [--seed 1]`: one long run of a tiny model over batches of many shapes, with
 * evaluation, checkpoints into a file, listeners that come and go, and restores. After the warm-up the memory of the
 * kernels and what is in use of it must not change by a byte, JavaScript's heap after collection stays within 1 MB
 * (beside the list of losses, which a run keeps: 8 bytes a step), and at the end nothing is left open.
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const src = resolve(fileURLToPath(import.meta.url), '../../src');
const HEAP_BYTES = 1 << 20;
/** A growing list has up to half its length in reserve. */
const LOSS_BYTES = 12;

/**
 * @param {{ steps: number, warmUp?: number, seed?: number, log?: (line: string) => void }} options
 * @returns what differs from what it should be, in words; empty when all is well
 */
export async function soak({ steps, warmUp = Math.min(2000, steps >> 1), seed = 1, log = () => {} }) {
  const load = (path) => import(pathToFileURL(join(src, path)).href);
  const [core, nn, optim, data, train, random, files] = await Promise.all(
    [
      'index.ts',
      'nn/index.ts',
      'optim/index.ts',
      'data/index.ts',
      'train/index.ts',
      'random.ts',
      'io/files-node.ts',
    ].map(load),
  );
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-soak-'));
  const path = join(folder, 'run.safetensors');
  await settle();
  const openBefore = openThings();
  const problems = [];
  const runtime = await core.createRuntime();
  try {
    const make = () =>
      core.withRuntime(runtime, () => {
        core.manualSeed(seed);
        const model = new nn.Transformer({
          vocabSize: 20,
          dModel: 8,
          numHeads: 2,
          numLayers: 1,
          dFF: 16,
          maxSeqLen: 16,
          dropout: 0.1,
          seed,
        });
        return new train.Trainer({
          model,
          data: new data.PairBatches(makePairs(random, seed), {
            maxTokens: 90,
            seed,
            padId: 0,
            bosId: 1,
            eosId: 2,
          }),
          optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
          schedule: optim.inverseSqrt({ maxLr: 3e-3, warmupSteps: 100 }),
          validation: [
            new data.PairBatches(makePairs(random, 2), {
              maxTokens: 90,
              seed,
              padId: 0,
              bosId: 1,
              eosId: 2,
            }).next(),
          ],
          evalEvery: 50,
          clipNorm: 1,
          accumulate: 1,
          steps,
          checkpointEvery: Math.max(1, Math.min(1000, steps >> 2)),
          onCheckpoint: (bytes) => files.writeFileAtomic(path, bytes, 'checkpoint'),
        });
      });
    const trainer = make();
    const next = trainer.options.data.next.bind(trainer.options.data);
    const shapes = new Set();
    trainer.options.data.next = () => {
      const batch = next();
      shapes.add(`${batch.batchSize} ${batch.sourceLen} ${batch.targetLen}`);
      return batch;
    };
    let heard = 0;
    let base;
    const look = async () => {
      await settle();
      return { ...runtime.memory(), heap: process.memoryUsage().heapUsed };
    };
    for await (const { step } of trainer.run()) {
      const stop = trainer.on('step', () => heard++);
      if (step % 7 !== 0) stop();
      else {
        // Both go from within an event.
        const once = trainer.on('step', () => {
          stop();
          once();
        });
      }
      if (step % 2500 === 0) trainer.restore(trainer.save());
      if (step === warmUp) base = await look();
      if (step > warmUp && (step === steps || step % Math.max(1, Math.floor(steps / 10)) === 0)) {
        const now = await look();
        const grown = now.heap - base.heap - LOSS_BYTES * (step - warmUp);
        log(
          `step ${step}: ${now.bufferBytes} bytes of memory, ${now.arenaHighWater} at most in the arena, ${shapes.size} shapes, heap ${signed(now.heap - base.heap)} bytes, ${signed(grown)} beside the losses`,
        );
        for (const key of Object.keys(runtime.memory())) {
          if (now[key] !== base[key]) problems.push(`step ${step}: ${key} is ${now[key]}, was ${base[key]}`);
        }
        if (now.arenaInUse !== 0) problems.push(`step ${step}: ${now.arenaInUse} bytes in use in the arena`);
        if (globalThis.gc && grown > HEAP_BYTES)
          problems.push(`step ${step}: the heap grew by ${grown} bytes`);
      }
    }
    if (heard !== Math.floor((steps - 1) / 7)) problems.push(`${heard} events heard`);
    if (shapes.size < 8) problems.push(`only ${shapes.size} shapes`);
  } finally {
    await runtime.close?.();
    rmSync(folder, { recursive: true });
  }
  await settle();
  const openAfter = openThings();
  for (const [kind, before] of Object.entries(openBefore)) {
    // Only what is new is left open by the run: a loader's own file may be closed meanwhile.
    for (const name of added(before, openAfter[kind])) problems.push(`left open: ${kind}: ${name}`);
  }
  return problems;
}

function makePairs(random, seed) {
  const stream = new random.RandomStream(seed, 'soak');
  return Array.from({ length: 200 }, () => {
    const ids = Array.from({ length: 2 + stream.nextInt(12) }, () => 3 + stream.nextInt(17));
    return { source: Int32Array.from([...ids, 2]), target: Int32Array.from(ids.reverse()) };
  });
}

/** Collects, and lets what waits for the event loop (finalizers, closed files) happen. */
async function settle() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await turn();
  }
}

/** @returns {Record<string, string[]>} */
export function openThings() {
  return {
    resources: process.getActiveResourcesInfo().filter((name) => name !== 'Immediate'),
    listeners: process
      .eventNames()
      .flatMap((name) => Array.from({ length: process.listenerCount(name) }, () => String(name))),
    files: process.platform === 'linux' ? openFiles() : [],
  };
}

/** What every open descriptor points to; the one that lists them is gone by the time it is asked. */
function openFiles() {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

/**
 * What stands in `after` more often than in `before`.
 * @param {readonly string[]} before
 * @param {readonly string[]} after
 */
export function added(before, after) {
  const left = [...before];
  return after.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function signed(n) {
  return n < 0 ? String(n) : `+${n}`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: { steps: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
  });
  if (!globalThis.gc) console.log('the heap is not judged: node --expose-gc is needed');
  const steps = Number(values.steps);
  const problems = await soak({ steps, seed: Number(values.seed), log: console.log });
  for (const problem of problems) console.log(problem);
  console.log(`${steps} steps, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
