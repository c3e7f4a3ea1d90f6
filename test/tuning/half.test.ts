/** LoRA on a base in 16 bits: the bits of the same adapter on the rounded base, in half the memory. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { storeInHalf } from '../../src/nn/half.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { plan, Trainer } from '../../src/train/index.js';
import { LoraAdapter } from '../../src/tuning/lora.js';
import { refusal } from '../support.js';
import { languageModel, textWindows } from '../train/setup.js';

const test = suite('tuning: half');
test.before(async () => {
  await init();
});

const options = { numLayers: 3, dModel: 16, dFF: 40, dropout: 0.1 };

test('an adapter is trained on it as on the rounded weights, and it stays as it is', () => {
  const run = (half: boolean, recompute: boolean | number) => {
    const rounded = storeInHalf(languageModel(options), 'bf16');
    const model = half ? rounded : languageModel(options);
    model.loadStateDict(rounded.stateDict());
    const base = model.stateDict();
    const adapter = new LoraAdapter(model, { rank: 2, dropout: 0.1 }).attach();
    model.setTrainable((path) => path.includes('.lora_'));
    const optimizer = new Adam(adapter.parameters(), { lr: 0.01 });
    const trainer = new Trainer({ model, data: textWindows(), optimizer, steps: 12, recompute });
    while (trainer.step < 12) trainer.trainStep();
    assert.is(trainer.replayRefusal, null);
    for (const [path, { data }] of base) assert.equal(model.stateDict().get(path)?.data, data, path);
    return { hash: trainer.hash(), memory: plan(model, textWindows().next()) };
  };
  const full = run(false, false);
  const half = run(true, false);
  const again = run(true, true);
  assert.is(half.hash, full.hash);
  assert.is(again.hash, full.hash);
  assert.ok(half.memory.parameters < 0.7 * full.memory.parameters);
  assert.is(half.memory.optimizer, full.memory.optimizer);
  assert.ok(again.memory.activations < half.memory.activations);
});

test('what would lose its rounding is refused', () => {
  const model = storeInHalf(languageModel(options), 'f16');
  const adapter = new LoraAdapter(model, { rank: 2 }).attach();
  const error = refusal(() => adapter.merge());
  assert.is(error.code, 'CONFIG');
  assert.match(error.message, /the matrix of .* is stored in f16/);
  assert.ok(adapter.attached && !adapter.merged);
  // The adapter's own matrices are not the base's.
  storeInHalf(model, 'bf16');
  assert.ok(adapter.parameters().every(({ dtype, requiresGrad }) => dtype === 'f32' && requiresGrad));
});

test.run();
