/** @file The kinds behind the mechanism and parity: one step of Adam, and a source whose entropy rate is known. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exportAmplification } from '../../../scripts/amplification-twin.js';
import { mechanism } from '../../../src/experiments/figures/mechanism.js';
import { markovRun, parity } from '../../../src/experiments/figures/parity.js';
import { executeRun, type RunRecord } from '../../../src/experiments/index.js';
import { syntheticParity } from '../../../src/experiments/judges/synthetic.js';
import { type AmplificationRun, oneStep } from '../../../src/experiments/kinds/amplification.js';
import { MarkovBatches, MarkovSource } from '../../../src/experiments/kinds/markov.js';
import { decodeSafetensors } from '../../../src/io/index.js';
import { init } from '../../../src/runtime/init.js';
import { judgeMock } from '../mock-runs.js';

const test = suite('experiments/kinds/mechanism');
await init();

test('one step of Adam changes the logits, more so in deeper models, and the same again', async () => {
  const [registered] = mechanism.runs({ preset: 'quick', seed: 9000 }) as AmplificationRun[];
  const run = { ...registered!, layers: [1, 4], seeds: [9001, 9002], dModel: 16 };
  const [first, second] = [await executeRun(run), await executeRun(run)];
  assert.is(first.hash, second.hash);
  const { 'change@1': shallow, 'change@4': deep } = first.measured as Record<string, number[]>;
  assert.is(shallow!.length, 2);
  for (const [i, change] of shallow!.entries()) {
    assert.ok(change > 0 && change < 0.05, String(change));
    assert.ok(deep![i]! > change);
  }
  // At such a rate the model is linear in it.
  const double = await executeRun({ ...run, lr: 2 * run.lr } as AmplificationRun);
  const ratio = (double.measured as Record<string, number[]>)['change@1']![0]! / shallow![0]!;
  assert.ok(Math.abs(ratio - 2) < 0.05, String(ratio));
});

/** Changes that grow as c L^k. */
const record = (placement: string, c: number, k: number): RunRecord => ({
  id: `amplification-${placement}`,
  experiment: 'amplification',
  label: placement,
  placement,
  seed: 1,
  config: { layers: [3, 6, 12, 24], seeds: [1, 2] },
  status: 'measured',
  steps: 8,
  seconds: 1,
  hash: `hash-${placement}`,
  measured: Object.fromEntries(
    [3, 6, 12, 24].map((L) => [`change@${L}`, [0.9, 1.1].map((s) => s * c * L ** k)]),
  ),
});

test('amplification is judged by its slope and beside Pre-LN, with controls that fail', () => {
  const of = (post: RunRecord, pre: RunRecord, peri: RunRecord) =>
    judgeMock([post, pre, peri], ['mechanism']).filter(({ claim }) => claim.startsWith('amplification'));
  const rows = of(record('post', 0.002, 1.3), record('pre', 0.002, 0.8), record('peri', 0.002, 0.7));
  assert.equal(
    rows.map(({ verdict }) => verdict),
    ['holds', 'holds'],
  );
  assert.equal(
    rows.map(({ control }) => control!.verdict),
    ['does not hold', 'does not hold'],
  );
  const other = of(record('post', 0.002, 0.9), record('pre', 0.002, 0.8), record('peri', 0.002, 0.7));
  assert.equal(
    other.map(({ verdict }) => verdict),
    ['does not hold', 'does not hold'],
  );
});

test('the PyTorch twin is given the weights, the batch and what came out here', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-amplification-'));
  try {
    const names = exportAmplification(folder, [1], 16, 1e-5);
    assert.is(names.length, 6);
    const path = join(folder, names[0]!);
    const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
    assert.is(metadata.placement, 'post');
    const { change } = oneStep({ placement: 'post', dModel: 16, lr: 1e-5 } as AmplificationRun, 1, 9001);
    assert.is(Number(metadata.change), change);
    assert.equal(tensors.get('ids')!.shape, [8, 32]);
    assert.equal(tensors.get('encoder.layers.0.linear1.weight')!.shape, [32, 16]);
    assert.match(readFileSync('scripts/amplification-twin.py', 'utf8'), /torch\.optim\.Adam/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the source has the entropy rate it states: the mean of -ln p over its own texts', () => {
  const source = new MarkovSource();
  const rate = source.entropyRate();
  assert.ok(rate > 0.5 && rate < Math.log(8));
  const batches = new MarkovBatches(source, 9001);
  let total = 0;
  let count = 0;
  for (let b = 0; b < 100; b++) {
    const { ids, targets, seqLen } = batches.next();
    for (let i = 0; i < ids.length; i++) {
      if (targets[i]! < 0) continue;
      assert.ok(i % seqLen > 0);
      total -= Math.log(source.probability(ids[i - 1]! * 8 + ids[i]!, targets[i]!));
      count++;
    }
  }
  // 49,600 symbols with a deviation of about 1: three standard errors are 0.014.
  assert.ok(Math.abs(total / count - rate) < 0.015, `${total / count} and ${rate}`);
});

test('a batch is keyed by seed and step, and a cursor goes back to it', () => {
  const [a, b] = [1, 1].map((seed) => new MarkovBatches(new MarkovSource(), seed));
  const first = a!.next();
  assert.equal(b!.next(), first);
  const cursor = a!.state();
  const second = a!.next();
  assert.not.equal(second.ids, first.ids);
  a!.restore(cursor);
  assert.equal(a!.next(), second);
});

test('a run on it trains, and says the entropy rate', async () => {
  const run = markovRun('pre', false, 9001);
  const { steps, measured, curve, hash } = await executeRun({
    ...run,
    numLayers: 1,
    dModel: 16,
    recipe: { ...run.recipe, steps: 4, evalEvery: 2 },
  } as never);
  assert.is(steps, 4);
  assert.ok((measured!.entropyRate as number) < curve!.at(-1)!.validNll!);
  assert.is(hash.length, 64);
});

test('parity looks both ways, wants a plateau, and its control is stopped early', () => {
  const arm = (placement: string, seed: number, nll: number[]): RunRecord => ({
    ...record(placement, 1, 1),
    id: `markov-${placement}-s${seed}`,
    experiment: 'markov',
    seed,
    steps: nll.length * 100,
    hash: `hash-${placement}-${seed}`,
    measured: { entropyRate: 1.5 },
    curve: nll.map((validNll, i) => ({ step: (i + 1) * 100, lr: 1, trainLoss: validNll, validNll })),
  });
  const flat = (last: number) => [2.5, 2, 1.8, last, last, last, last, last, last, last];
  const runs = (post: number[], pre: number[]) =>
    [1, 2, 3, 4, 5].flatMap((seed) => [arm('post', seed, post), arm('pre', seed, pre)]);
  const verdict = (post: number[], pre: number[], part = 1) => syntheticParity(runs(post, pre), part).verdict;
  assert.is(verdict(flat(1.55), flat(1.56)), 'holds');
  assert.is(verdict(flat(1.55), flat(1.56), 0.25), 'does not hold');
  assert.is(verdict(flat(1.55), flat(1.6)), 'does not hold');
  assert.is(verdict(flat(1.6), flat(1.55)), 'does not hold');
  assert.is(verdict(flat(1.55), [2.5, 2, 1.9, 1.8, 1.75, 1.7, 1.65, 1.6, 1.58, 1.55]), 'not tested');
  assert.is(syntheticParity([]).verdict, 'not tested');
  assert.is(parity.figures(runs(flat(1.55), flat(1.56)), {} as never)[0]!.series.length, 2);
});

test.run();
