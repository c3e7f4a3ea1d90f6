/** @file What is planned for generating is what it takes, to the byte. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lmStepper, planGeneration, type Stepper, translationStepper } from '../../src/generate/index.js';
import { CausalLM, MaskedLM, Transformer } from '../../src/nn/index.js';
import { createRuntime } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { refusal } from '../support.js';

const test = suite('generate/plan');
const SIZES = { vocabSize: 50, dModel: 48, numHeads: 4, dFF: 96, numLayers: 2, maxSeqLen: 100 } as const;
let held: Stepper | null = null;

for (const arithmetic of ['strict', 'int12'] as const) {
  test(`${arithmetic}: keys, values and packed matrices of texts and of translations`, async () => {
    const runtime = await createRuntime({ arithmetic });
    withRuntime(runtime, () => {
      const lm = new CausalLM({ ...SIZES, numKVHeads: 2 }).eval();
      const mt = new Transformer({ ...SIZES, seed: 2 }).eval();
      for (const [texts, beamSize, tokens] of [
        [1, 1, 16],
        [3, 1, 40],
        [2, 5, 70],
      ]) {
        const used = (run: () => void): number => {
          const before = runtime.memory().persistentInUse;
          run();
          return runtime.memory().persistentInUse - before;
        };
        const go = (stepper: Stepper): void => {
          for (let t = 0; t < tokens; t++) {
            stepper.best?.(new Int32Array(stepper.batch).fill(3), 2 * beamSize, 0);
            if (t === 0 && beamSize > 1)
              stepper.reorder(
                Int32Array.from({ length: texts * beamSize }, (_, i) => Math.floor(i / beamSize)),
              );
          }
        };
        const planned = planGeneration(lm, { texts, beamSize, tokens });
        assert.ok(planned.cache > 0);
        assert.is(planned.packed > 0, arithmetic === 'int12');
        assert.is(
          planned.peakBytes,
          planned.parameters + planned.cache + planned.packed + planned.activations,
        );
        const whole = used(() => {
          held = lmStepper(lm, texts);
          go(held);
        });
        assert.is(
          whole,
          planned.cache + planned.packed,
          `${texts} texts, ${beamSize} beams, ${tokens} tokens`,
        );
        held?.release?.();
        const source = new Int32Array(texts * 9).fill(3);
        const translation = planGeneration(mt, { texts, beamSize, tokens, sourceTokens: 9 });
        const taken = used(() => {
          held = translationStepper(mt, source, new Int32Array(texts).fill(9));
          go(held);
        });
        assert.is(taken, translation.cache + translation.packed, `${texts} translations, ${beamSize} beams`);
        assert.is(translation.cachePerText, translation.cache / texts);
        held?.release?.();
      }
    });
  });
}

test('what it does not plan is refused', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const lm = new CausalLM(SIZES);
    assert.match(refusal(() => planGeneration(lm, { tokens: 101 })).message, 'tokens');
    assert.match(refusal(() => planGeneration(lm, { beams: 2 } as never)).message, 'beams');
    assert.match(refusal(() => planGeneration(new MaskedLM(SIZES) as never)).message, 'only a CausalLM');
  });
});

test.run();
