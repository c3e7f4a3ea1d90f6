/**
 * @file What `fromPretrained` needs of memory at its peak: the model and one tensor. Counted are the memory of the kernels and the
 * bytes of all other buffers, looked at whenever a file is read. What garbage there is has been collected.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, type PretrainedFile, toPretrained } from '../../src/interop/index.js';
import { CausalLM, type ModelOptions } from '../../src/nn/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';

const test = suite('interop/memory');
await init();

const MB = 1e6;
const size = { vocabSize: 8000, dModel: 256, numHeads: 4, numLayers: 4, dFF: 1024, maxSeqLen: 64 };
const llama = { positions: 'rotary', norm: 'rms', gatedFFN: true, activation: 'silu', bias: false } as const;
const gpt2 = { positions: 'learned', activation: 'geluTanh' } as const;

/** A Blob that looks at the memory whenever a piece of it is read, and keeps nothing. */
class Watched extends Blob {
  constructor(
    readonly file: Uint8Array<ArrayBuffer>,
    readonly look: () => Promise<void>,
  ) {
    super([]);
  }

  override get size(): number {
    return this.file.length;
  }

  override slice(begin = 0, end = this.file.length): Blob {
    const { file, look } = this;
    const part = new Blob([]);
    part.arrayBuffer = async () => {
      await look();
      return file.slice(begin, end).buffer;
    };
    return part;
  }
}

async function peakOf(
  options: Partial<ModelOptions>,
  dtype?: 'f16',
): Promise<{ model: number; largest: number; peak: number }> {
  const made = new CausalLM({ ...size, ...options, embeddingScale: 1, seed: 3 });
  const small = made.parameters().reduce((sum, { rank, size }) => (rank === 1 ? sum + size : sum), 0);
  const model = dtype ? 2 * made.numParameters() + 2 * small : 4 * made.numParameters();
  const largest = 4 * Math.max(...made.parameters().map((parameter) => parameter.size));
  const files = toPretrained(made, { maxShardBytes: 5 * MB });
  assert.ok(files.size > 4, 'it has several shards');
  const runtime = await createRuntime();
  let peak = 0;
  const used = async (): Promise<number> => {
    // Buffers are given back by another thread, some time after the collection that finds them.
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return process.memoryUsage().arrayBuffers;
  };
  const before = (await used()) + runtime.memory().persistentInUse;
  const look = async () => {
    peak = Math.max(peak, (await used()) + runtime.memory().persistentInUse - before);
  };
  const source = new Map<string, PretrainedFile>(
    [...files].map(([name, bytes]) => [name, new Watched(bytes, look)]),
  );
  const loaded = await withRuntime(runtime, () => fromPretrained(source, { dtype }));
  await look();
  assert.is(loaded.model.numParameters(), made.numParameters());
  return { model, largest, peak };
}

for (const [name, options, dtype] of [
  ['llama, parts of packed matrices', llama],
  ['llama, stored in 16 bits', llama, 'f16'],
  ['gpt2, transposed matrices', gpt2],
] as const) {
  test(`${name}: the peak is the model and one tensor`, async () => {
    if (!globalThis.gc) return console.log('skipped: memory needs node --expose-gc');
    const { model, largest, peak } = await peakOf(options, dtype);
    const megabytes = (bytes: number) => (bytes / MB).toFixed(1);
    console.log(`model ${megabytes(model)} MB, largest ${megabytes(largest)} MB, peak ${megabytes(peak)} MB`);
    assert.ok(peak >= model, 'the model is among what is counted');
    assert.ok(
      peak < model + largest + MB,
      `${peak} bytes for a model of ${model} and a tensor of ${largest}`,
    );
  });
}

test.run();
