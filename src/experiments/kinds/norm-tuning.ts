/**
 * @file Kind `norm-tuning`: a vision transformer trained on digits, then tuned on shifted ones in its norms and head
 * alone (Tan et al. 2025, arXiv 2508.07577). One run is one seed: source model, then every shift, fraction and arm
 * from the same source weights.
 */
import { crossEntropy, noGrad, tensor } from '../../autograd/index.js';
import { checkValue, flag, optional, positive } from '../../checks.js';
import { loadDigits } from '../../data/index.js';
import { sha256 } from '../../io/sha256.js';
import { type StateDict, VisionTransformer } from '../../nn/index.js';
import { RandomStream } from '../../random.js';
import {
  checkTrainingRecipe,
  ImageBatches,
  type Images,
  pickImages as pick,
  type TrainingRecipe,
  trainerOptions,
} from '../../recipe/index.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { cyclicTuning, normParameters, normShift, rescaleNorms, Trainer } from '../../train/index.js';
import { encodeBytes } from '../../utf8.js';
import type { RunKind, RunOutcome, RunSpec } from './run-kind.js';

export const shifts = ['none', 'translated', 'rotated'] as const;
export const arms = ['probe', 'joint', 'cyclic', 'full'] as const;
export const lambdas = [0.5, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2];
export type ShiftName = (typeof shifts)[number];
export type ArmName = (typeof arms)[number];

export interface NormTuningRun extends RunSpec {
  kind: 'norm-tuning';
  seed: number;
  dModel: number;
  numLayers: number;
  batchSize: number;
  /** How the source model is trained. */
  source: TrainingRecipe;
  /** How every arm is tuned; the cyclic one divides the steps by its 2 x cycles phases. */
  tuning: TrainingRecipe;
  cycles: number;
  /** The cyclic arm gives head and norms as many updates each as the joint one gives both. Default: half as many. */
  equalUpdates?: boolean;
  /** The grid that lambda is chosen from, 1 among them. Default: that of `lambdas`. */
  lambdaGrid?: number[];
  /** Images per split of the shuffled digits. */
  sizes: { source: number; target: number; valid: number; test: number };
  /** Shares of the target images to tune on, rising; the last is 1 (T* of FSR). */
  fractions: number[];
}

const gridRule = {
  wanted: 'a list of numbers above 0, 1 among them',
  holds: (grid: unknown) => Array.isArray(grid) && grid.includes(1) && grid.every(positive.holds),
};

const PIXELS = 64;

/** Digits of 8 x 8 under a shift: unchanged; one pixel to the right, zeros coming in; or turned by 90 degrees with inverted contrast. */
export function shiftImages({ images, labels }: Images, shift: ShiftName): Images {
  const out = new Float32Array(images.length);
  for (let i = 0; i < images.length; i++) {
    const first = i - (i % PIXELS);
    const y = (i - first) >> 3;
    const x = i & 7;
    if (shift === 'none') out[i] = images[i];
    else if (shift === 'translated') out[i] = x === 0 ? 0 : images[i - 1];
    else out[i] = 1 - images[first + (7 - x) * 8 + y];
  }
  return { images: out, labels };
}

/** Share of images whose largest logit is the label's, and their mean NLL. */
function score(model: VisionTransformer, data: Images): { accuracy: number; nll: number } {
  const batch = { ...data, batchSize: data.labels.length };
  model.eval();
  const runtime = currentRuntime();
  const { logits, nll } = noGrad(() => {
    const y = model.forward(batch);
    return { logits: y.toArray(), nll: crossEntropy(y, tensor(data.labels)).loss.item() };
  });
  runtime.endStep();
  let hits = 0;
  const classes = model.config.numClasses;
  data.labels.forEach((label, row) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[row * classes + c] > logits[row * classes + best]) best = c;
    if (best === label) hits++;
  });
  return { accuracy: hits / data.labels.length, nll };
}

const HEAD = 'head.*';
const isHead = (path: string) => path.startsWith('head.');
/** What an arm tunes. */
const tuned = { probe: HEAD, joint: ['norms', HEAD], full: 'all' } as const;

export const normTuningKind: RunKind<NormTuningRun> = {
  kind: 'norm-tuning',
  version: 2,
  keys: [
    ...['seed', 'dModel', 'numLayers', 'batchSize', 'source', 'tuning', 'cycles', 'sizes', 'fractions'],
    ...['equalUpdates?', 'lambdaGrid?'],
  ],
  check({ id, source, tuning, equalUpdates, lambdaGrid }) {
    for (const recipe of [source, tuning]) checkTrainingRecipe(recipe, id);
    checkValue(id, 'equalUpdates', equalUpdates, optional(flag));
    checkValue(id, 'lambdaGrid', lambdaGrid, optional(gridRule));
  },
  async execute(run, { onProgress, signal }): Promise<RunOutcome> {
    const { seed, sizes, batchSize, tuning, cycles, fractions, equalUpdates, lambdaGrid = lambdas } = run;
    const phases = equalUpdates ? cycles : 2 * cycles;
    currentRuntime().manualSeed(seed);
    const digits = await loadDigits();
    const order = new RandomStream(seed, 'data:split').shuffle(
      Array.from({ length: digits.labels.length }, (_, i) => i),
    );
    let from = 0;
    const take = (count: number): Images => {
      from += count;
      return pick(digits, order.slice(from - count, from));
    };
    const [sourceTrain, targetTrain, valid, test] = [sizes.source, sizes.target, sizes.valid, sizes.test].map(
      take,
    );
    const model = new VisionTransformer({
      imageSize: 8,
      patchSize: 2,
      numClasses: 10,
      dModel: run.dModel,
      numHeads: 2,
      numLayers: run.numLayers,
      dFF: 2 * run.dModel,
      seed,
    });
    const total = normTuningKind.steps(run);
    let done = 0;
    const train = async (images: Images, recipe: TrainingRecipe, stream: number) => {
      const data = new ImageBatches(images, batchSize, stream);
      const trainer = new Trainer({ ...trainerOptions(recipe, { model, data }), signal });
      for await (const { loss } of trainer.run())
        onProgress({ done: ++done, total, text: `loss ${loss.toFixed(3)}` });
    };
    await train(sourceTrain, run.source, seed);
    const source = model.stateDict();
    const norms = normParameters(model);
    const measured: Record<string, number | number[]> = {
      'accuracy@source': score(model, test).accuracy,
      trainable: 0,
      expectedTrainable: norms.size * run.dModel + model.head.weight.size + (model.head.bias?.size ?? 0),
      frozenChanged: 0,
      lambdaOneChanged: 0,
      lambdaZeroWrong: 0,
    };
    const add = (name: string, n: number) => {
      measured[name] = (measured[name] as number) + n;
    };

    for (const shift of shifts) {
      const [target, validT, testT] = [targetTrain, valid, test].map((part) => shiftImages(part, shift));
      measured[`distance@${shift}`] = distance(targetTrain, target);
      model.loadStateDict(source);
      measured[`untuned@${shift}`] = score(model, testT).accuracy;
      const jointShift: number[] = [];
      for (const fraction of fractions) {
        const sample = pick(
          target,
          Array.from({ length: Math.round(fraction * sizes.target) }, (_, i) => i),
        );
        for (const arm of arms) {
          const key = `${shift}@${fraction}@${arm}`;
          model.loadStateDict(source);
          if (arm === 'cyclic') {
            await cyclicTuning(model, {
              cycles,
              predictor: isHead,
              train: (part, cycle) =>
                train(
                  sample,
                  {
                    ...tuning,
                    steps: tuning.steps / phases,
                    trainable: part === 'norms' ? 'norms' : HEAD,
                  },
                  seed + 2 * cycle + (part === 'norms' ? 1 : 0),
                ),
            });
          } else {
            await train(sample, { ...tuning, trainable: tuned[arm] }, seed);
          }
          measured[`accuracy@${key}`] = score(model, testT).accuracy;
          if (arm === 'full' || arm === 'probe') continue;
          measured.trainable = model.numParameters({ trainable: true });
          add(
            'frozenChanged',
            countChanged(model, source, (path) => !isHead(path) && !norms.has(path)),
          );
          if (arm === 'joint') jointShift.push(normShift(model, source));
          if (arm === 'cyclic') measured[`lambda@${key}`] = chooseLambda(key);
        }
      }
      measured[`shift@${shift}`] = jointShift;
      measured[`fsr@${shift}`] = jointShift.map((value) => value / jointShift[jointShift.length - 1]);

      /** Applies every lambda to the tuned model; chosen on validation (accuracy, then NLL), reported on test. */
      function chooseLambda(key: string): number {
        const end = model.stateDict();
        let best = { lambda: 1, accuracy: -1, nll: 0, test: 0 };
        const curve = lambdaGrid.map((lambda) => {
          model.loadStateDict(end);
          rescaleNorms(model, source, lambda);
          if (lambda === 1)
            add(
              'lambdaOneChanged',
              countChanged(model, end, () => true),
            );
          const found = score(model, validT);
          const tested = score(model, testT).accuracy;
          const equal = found.accuracy === best.accuracy;
          if (found.accuracy > best.accuracy || (equal && found.nll < best.nll))
            best = { lambda, ...found, test: tested };
          return tested;
        });
        model.loadStateDict(end);
        rescaleNorms(model, source, 0);
        const isGamma = (path: string) => norms.get(path)?.role === 'normWeight';
        add('lambdaZeroWrong', countChanged(model, source, isGamma));
        measured[`overLambda@${key}`] = curve;
        measured[`rescaled@${key}`] = best.test;
        return best.lambda;
      }
    }
    model.setTrainable(() => true);
    return {
      id: run.id,
      experiment: 'norm-tuning',
      label: run.label,
      placement: 'pre',
      seed,
      config: { ...run },
      status: 'measured',
      steps: total,
      hash: sha256(encodeBytes(JSON.stringify(measured))),
      measured,
    };
  },
  cost: (run) => normTuningKind.steps(run) * run.batchSize * run.numLayers * (run.dModel / 32) * 1e-4,
  steps: ({ source, tuning, fractions, equalUpdates }) =>
    source.steps + shifts.length * fractions.length * (arms.length + (equalUpdates ? 1 : 0)) * tuning.steps,
  seeds: ({ seed }) => [seed],
};

/** Mean L2 distance between an image and its shifted self. */
function distance(a: Images, b: Images): number {
  let total = 0;
  for (let first = 0; first < a.images.length; first += PIXELS) {
    let sum = 0;
    for (let i = first; i < first + PIXELS; i++)
      sum += (a.images[i] - b.images[i]) * (a.images[i] - b.images[i]);
    total += Math.sqrt(sum);
  }
  return total / a.labels.length;
}

/** Number of elements that differ in the bit. */
function countChanged(model: VisionTransformer, state: StateDict, wanted: (path: string) => boolean): number {
  let changed = 0;
  for (const [path, parameter] of model.namedParameters()) {
    const before = state.get(path)?.data;
    if (!before || !wanted(path)) continue;
    parameter.toArray().forEach((value, i) => {
      if (!Object.is(value, before[i])) changed++;
    });
  }
  return changed;
}
