/** How a worker is brought up: whatever stands still, somebody hears of it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WorkerTrainer, type WorkerTrainerOptions } from '../../src/worker/index.js';

const test = suite('worker link');
const worker = new URL('./no-threads-worker.mjs', import.meta.url);
const text = 'In the beginning was the word, and the word was with the others. '.repeat(8);
const options = (): WorkerTrainerOptions => ({
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 1 },
  optimizer: { kind: 'adamw', lr: 0.01 },
  data: { kind: 'text', text: new TextEncoder().encode(text), batchSize: 2, seqLen: 16 },
  steps: 3,
});

test('a worker whose threads never start is replaced by one without, to the same bits', async () => {
  const plain = new WorkerTrainer(options());
  const replaced = new WorkerTrainer({ ...options(), worker, runtime: { threads: 2 } });
  const { capabilities } = await replaced.ready;
  assert.is(capabilities.threads, 1);
  assert.is(capabilities.threadsReason, 'a worker with threads did not start within 10000 ms');
  for (const trainer of [plain, replaced]) for await (const _ of trainer.run());
  assert.is(await replaced.hash(), await plain.hash());
  for (const trainer of [plain, replaced]) trainer.close();
});

test('bytes move when the trainer is made, not when the worker is ready', async () => {
  const { data, ...rest } = options();
  const bytes = new TextEncoder().encode(text);
  const trainer = new WorkerTrainer({ ...rest, data: { ...data, text: bytes } as typeof data });
  assert.is(bytes.length, 0);
  assert.is((await trainer.ready).tokens, Math.ceil(text.length * 0.9));
  trainer.close();
});

test('closed before it is up, it is refused like everything else', async () => {
  const trainer = new WorkerTrainer({ ...options(), worker, runtime: { threads: 2 } });
  trainer.close();
  for (const refused of [trainer.ready, trainer.hash()]) {
    const error = await refused.then(
      () => null,
      (reason: Error) => reason,
    );
    assert.is(error?.name, 'AbortError');
  }
});

test.run();
