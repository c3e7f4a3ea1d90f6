/** @file Numbers that are no options are refused as options are. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PrenormError } from '../../src/errors.js';
import * as prenorm from '../../src/index.js';
import { decayGroups } from '../../src/optim/index.js';
import { asyncRefusal } from '../support.js';
import { batches, f32, labelled, lm, probe, report, rows, two, w } from './samples.js';

const test = suite('options: numbers');
const { nn, optim, data, text, theory, tensor } = prenorm;

test('numbers that are no options are looked at too', async () => {
  const cases: [string, () => unknown][] = [
    ['dropout: p', () => prenorm.dropout(f32(2), 1, 'x')],
    ['dropout: p', () => prenorm.dropout(f32(2), '0.5' as never, 'x')],
    ['Dropout: p', () => new nn.Dropout(-0.1)],
    ['scale: alpha', () => prenorm.scale(f32(2), f32(1) as never)],
    ['addScalar: alpha', () => prenorm.addScalar(f32(2), '1' as never)],
    ['Parameter: role', () => new prenorm.Parameter([2], 'wieght' as never)],
    ['Parameter: a shape', () => new prenorm.Parameter([2.5], 'weight')],
    ['zeros: a shape', () => prenorm.zeros([-2, -2])],
    ['ones: a shape', () => prenorm.ones([Number.NaN])],
    ['broadcastTo: a shape', () => prenorm.broadcastTo(f32(1), [-1])],
    ['permute: order', () => prenorm.permute(f32(2, 2), [0, 0.5])],
    ['LayerNorm: eps', () => new nn.LayerNorm(2, Number.NaN)],
    ['RMSNorm: eps', () => new nn.RMSNorm(2, -1)],
    ['ScaleNorm: eps', () => new nn.ScaleNorm(2, -1)],
    ['makeNorm: norm', () => nn.makeNorm({ norm: 'batch' as never, dModel: 2, eps: 1 })],
    ['FeedForward: activation', () => new nn.FeedForward(2, 2, 'GELU' as never)],
    ['Dropout: p', () => new nn.FeedForward(2, 2, 'gelu', 1)],
    ['Positions: kind', () => new nn.Positions('rotatory' as never, 2, 2)],
    ['Positions: maxSeqLen', () => new nn.Positions('learned', 0, 2)],
    ['sinusoids: length', () => nn.sinusoids(1.5, 2)],
    ['randomNormal: seed', () => nn.randomNormal([2], -1, 'x')],
    ['init: seed', () => nn.initializeModel(lm, 'paper', 1.5)],
    ['KeyValueCache.reorder: order[0]', () => new nn.KeyValueCache(lm.runtime(), 1, 2).reorder([1])],
    ['train: mode', () => lm.train('false' as never)],
    ['manualSeed: seed', () => prenorm.manualSeed(-1)],
    ['setRandomPosition: step', () => lm.runtime().setRandomPosition(0.5, 0)],
    ['clipGradNorm: maxNorm', () => new optim.SGD([w], { lr: 1 }).clipGradNorm('1' as never)],
    ['optimizer: number 0 is no parameter', () => new optim.SGD([f32(2) as never], { lr: 1 })],
    ['decayGroups: weightDecay', () => decayGroups([w], 0)],
    ['SGD: nesterov', () => new optim.SGD([w], { lr: 1, nesterov: true })],
    ['Adam: betas', () => new optim.Adam([w], { lr: 1, betas: [0.9] as never })],
    ['cosine: minLr', () => optim.cosine({ maxLr: 1, warmupSteps: 0, totalSteps: 2, minLr: 2 })],
    ['wsd: minLr', () => optim.wsd({ maxLr: 1, warmupSteps: 0, totalSteps: 2, minLr: 2 })],
    ['schedule: schedule', () => optim.makeSchedule({ kind: 'warm' } as never)],
    ['trainChars: maxVocab', () => text.trainChars('ab', 1.5)],
    ['tokenizeWords: language', () => text.tokenizeWords('ab', 'fr' as never)],
    ['theorem1Bound: placement', () => theory.theorem1Bound('peri' as never, 2, 1, 1)],
    ['measureBranchScaling: layer', () => theory.measureBranchScaling(probe, 1, 2)],
    ['cleanExamples: texts', () => data.cleanExamples([], 0, { maxWords: 1, maxRatio: 1 }, report)],
    ['holdOut: offset', () => data.holdOut([1], 24)],
    [
      'PairBatches: pair 1: source[0]',
      () => {
        new data.PairBatches([{ source: [0.5] as never, target: two }], { ...batches, seed: 0 });
      },
    ],
    [
      'LabelledPairBatches: pair 1: label',
      () => {
        new data.LabelledPairBatches([{ ...labelled[0], label: 0.5 }], { ...rows, seed: 0 });
      },
    ],
  ];
  for (const [says, run] of cases) {
    const error = await asyncRefusal((async () => run())()).catch(() =>
      assert.unreachable(`${says} is taken`),
    );
    assert.ok(
      (error as unknown as PrenormError).message.startsWith(says),
      (error as unknown as PrenormError).message,
    );
  }
});

test('an i32 tensor takes integers of 32 bits and nothing that would become one', () => {
  const refused = [
    4294967295,
    2147483648,
    -2147483649,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1',
    1n,
    null,
  ];
  const target = tensor([0], { dtype: 'i32' });
  const source = (value: unknown) => ({ length: 1, 0: value }) as never;
  for (const value of refused) {
    for (const run of [
      () => tensor([value] as never, { dtype: 'i32' }),
      () => tensor([[value]] as never, { dtype: 'i32' }),
      () => tensor(source(value), { dtype: 'i32' }),
      () => target.set([value] as never),
    ]) {
      let error: unknown;
      try {
        run();
      } catch (thrown) {
        error = thrown;
      }
      assert.instance(error, PrenormError, `${String(value)} is taken`);
      assert.is((error as PrenormError).code, 'DATA');
    }
  }
  assert.throws(() => tensor(Uint32Array.of(4294967295), { dtype: 'i32' }), /32 bits/);
  assert.throws(() => tensor(Float32Array.of(0.5), { dtype: 'i32' }), /32 bits/);
  assert.throws(() => tensor(['1'] as never), /values\[0\] must be a number|values must be numbers/);
  assert.throws(() => f32(1).set(['1'] as never), /must be a number/);
  assert.equal(
    [...tensor([-2147483648, 2147483647, -0], { dtype: 'i32' }).toArray()],
    [-2147483648, 2147483647, 0],
  );
  assert.equal([...target.set([7]).toArray()], [7]);
  assert.equal([...tensor({ length: 2, 0: 1, 1: 2 }).toArray()], [1, 2]);
});

test.run();
