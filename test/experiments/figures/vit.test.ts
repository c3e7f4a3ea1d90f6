/** @file The kind `norm-tuning` on a tiny model, and the judgement of what it measured. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { vit } from '../../../src/experiments/figures/vit.js';
import { executeRun, type RunRecord } from '../../../src/experiments/index.js';
import { type NormTuningRun, shiftImages, shifts } from '../../../src/experiments/kinds/norm-tuning.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/figures/vit');
await init();

const context = { preset: 'standard', commonRate: 0, unigramNll: null, log: Number } as const;
const [registered] = vit.runs({ preset: 'standard', seed: 9000 }) as NormTuningRun[];
const tiny: NormTuningRun = {
  ...registered,
  dModel: 8,
  numLayers: 1,
  batchSize: 8,
  source: { ...registered.source, steps: 6 },
  tuning: { ...registered.tuning, steps: 4 },
  cycles: 2,
  sizes: { source: 40, target: 40, valid: 30, test: 40 },
};
const run = () => executeRun(tiny);
const first = await run();
const judge = (record: RunRecord) =>
  Object.fromEntries(vit.claims.map((claim) => [claim.claim, claim.judge([record], context).verdict]));

test('the shifts move pixels as they say', () => {
  const images = Float32Array.from({ length: 128 }, (_, i) => (i % 64) / 64);
  const labels = Int32Array.of(3, 4);
  const of = (shift: (typeof shifts)[number]) => shiftImages({ images, labels }, shift).images;
  assert.equal(of('none'), images);
  const translated = of('translated');
  for (const i of [0, 8, 64, 72]) assert.is(translated[i], 0);
  for (const i of [1, 15, 65, 127]) assert.is(translated[i], images[i - 1]);
  let turned: Float32Array = images;
  for (let n = 0; n < 4; n++) turned = shiftImages({ images: turned, labels }, 'rotated').images;
  assert.equal(turned, images, 'four turns, four inversions');
  assert.is(of('rotated')[64], 1 - images[64 + 56], 'the upper left corner was the lower left');
});

test('a second run is the same to the bit', async () => {
  const second = await run();
  assert.equal(second.measured, first.measured);
  assert.is(second.hash, first.hash);
});

test('every figure can be drawn and the exact claims hold even on a tiny model', () => {
  const figures = vit.figures([first], context);
  assert.is(figures.length, shifts.length + 2);
  for (const { series, id } of figures) for (const { y } of series) assert.ok(y.every(Number.isFinite), id);
  const verdicts = judge(first);
  for (const claim of ['norm-tuning-frozen', 'norm-tuning-count', 'lambda-ends'])
    assert.is(verdicts[claim], 'holds', claim);
  assert.is(verdicts['cyclic-gain'], 'not tested');
});

test('a changed number turns the verdict', () => {
  for (const [name, claim] of [
    ['frozenChanged', 'norm-tuning-frozen'],
    ['trainable', 'norm-tuning-count'],
    ['lambdaZeroWrong', 'lambda-ends'],
  ]) {
    const measured = { ...first.measured, [name]: (first.measured![name] as number) + 1 };
    assert.is(judge({ ...first, measured })[claim], 'does not hold', claim);
  }
  const at = (shift: string, value: number) => ({ [`shift@${shift}`]: [1, 1, value] });
  const rising = { ...first.measured, ...at('none', 1), ...at('translated', 2), ...at('rotated', 3) };
  assert.is(judge({ ...first, measured: rising })['norm-shift-tracks-data'], 'holds');
  const falling = { ...rising, ...at('rotated', 1.5) };
  assert.is(judge({ ...first, measured: falling })['norm-shift-tracks-data'], 'does not hold');
});

test.run();
