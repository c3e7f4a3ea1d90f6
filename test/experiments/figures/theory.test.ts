/** @file Claims of the theory, of the toy task and of Fig. 3 in `standard`: real runs at small scale, and made-up ones. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  executeRun,
  experiments,
  makePreset,
  type RunRecord,
  type RunSpec,
} from '../../../src/experiments/index.js';
import type { LawRun } from '../../../src/experiments/kinds/law.js';
import type { ToyRun } from '../../../src/experiments/kinds/toy.js';
import { init } from '../../../src/runtime/init.js';
import { gradientRun, judgeMock } from '../mock-runs.js';

const test = suite('experiments/figures/theory');
await init();

const runsOf = (name: string) => {
  const found = experiments.find((experiment) => experiment.name === name);
  assert.ok(found, name);
  return found.runs({ preset: 'standard', seed: 0 });
};
const row = (runs: RunRecord[], only: string, claim: string) => {
  const found = judgeMock(runs, [only], 'standard').find((each) => each.claim === claim);
  assert.ok(found, claim);
  return found;
};

test('bar 2 as a run: real Jacobians, and the verdict turns with one value', async () => {
  const spec = runsOf('theory').find(({ id }) => id === 'law-jacobian') as LawRun;
  const small = { ...spec, seeds: [9001, 9002], dModel: [16] };
  const record = await executeRun(small);
  assert.is((await executeRun(small)).hash, record.hash);
  assert.is(row([record], 'theory', 'layer-norm-jacobian').verdict, 'holds');
  (record.measured?.spectral as number[])[1] *= 1.001;
  assert.is(row([record], 'theory', 'layer-norm-jacobian').verdict, 'does not hold');
});

function toyRecord({ id, placement, ...rest }: ToyRun, loss: number, accuracy: number): RunRecord {
  return {
    id,
    experiment: 'toy',
    label: id,
    placement,
    seed: rest.recipe.seed,
    config: { placement, ...rest },
    status: 'measured',
    steps: rest.recipe.steps,
    seconds: 1,
    hash: `hash-${id}`,
    measured: { loss, accuracy },
  };
}

test('bars 17 and 18: a majority of seeds decides', () => {
  const specs = runsOf('toy') as ToyRun[];
  const records = specs.map((spec) => {
    const fails = spec.placement === 'post' && spec.arm !== 'warmup';
    return toyRecord(spec, fails ? 2.1 : 0.01, fails ? 0.5 : 1);
  });
  const verdicts = () => judgeMock(records, ['toy'], 'standard').map(({ verdict }) => verdict);
  assert.equal(verdicts(), ['holds', 'holds', 'holds', 'holds', 'holds']);
  const post = records.filter(({ id }) => id.startsWith('toy-post-6-0.003-constant-s'));
  assert.is(post.length, 3);
  post[0].measured = { loss: 0.7, accuracy: 0.8 };
  assert.is(verdicts()[0], 'holds');
  post[1].measured = { loss: 0.7, accuracy: 0.8 };
  assert.is(verdicts()[0], 'does not hold');
  const diverged = records.find(({ id }) => id.startsWith('toy-post-6-0.003-literal'));
  assert.ok(diverged);
  delete diverged.measured;
  assert.is(verdicts()[2], 'holds', 'a run that diverged has not trained');
});

test('a toy run trains, repeats bit for bit, and says its accuracy', async () => {
  const [spec] = (runsOf('toy') as ToyRun[]).filter(
    ({ placement, numLayers }) => placement === 'pre' && numLayers === 6,
  );
  const short = { ...spec, numLayers: 1, recipe: { ...spec.recipe, steps: 12, seed: 9001 } };
  const [first, second] = [await executeRun(short), await executeRun(short)];
  assert.is(first.hash, second.hash);
  assert.ok((first.measured?.accuracy as number) > 0.03 && (first.measured?.accuracy as number) < 0.5);
  assert.ok((first.curve?.[0].trainLoss ?? 0) > 2);
});

test('Post-LN after its warm-up is judged against the same seeds at initialisation', () => {
  const before = gradientRun('translation', 'post');
  const after = structuredClone(before);
  after.id = 'gradients-translation-post-trained';
  after.config.trained = { steps: 200, maxLr: 0.002 };
  const scale = (factor: number) => {
    for (const [i, point] of after.points.entries())
      point.decoder?.forEach((layer, l) => {
        layer.w2 = (before.points[i].decoder?.[l].w2 ?? 0) * factor;
      });
  };
  scale(0.1);
  assert.is(row([before, after], 'fig3', 'post-after-warmup-small').verdict, 'holds');
  scale(0.8);
  assert.is(row([before, after], 'fig3', 'post-after-warmup-small').verdict, 'does not hold');
});

test('the runs of Fig. 3 at width 512 and after warm-up are registered in standard only', () => {
  const ids = (preset: 'quick' | 'standard') =>
    makePreset(preset, { only: ['fig3'] }).runs.map(({ id }: RunSpec) => id);
  for (const id of ['gradients-translation-post-512', 'gradients-translation-post-trained']) {
    assert.ok(ids('standard').includes(id));
    assert.not.ok(ids('quick').includes(id));
  }
});

test.run();
