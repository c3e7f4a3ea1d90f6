/**
 * @file Runs of kind `law`: one quantity of the theory at initialisation, measured on real norms and models. A record's
 * `measured` holds it per seed or per size; what it should be is predicted where it is judged (theory.ts).
 */
import { gelu, noGrad } from '../../autograd/index.js';
import { sha256 } from '../../io/sha256.js';
import { LayerNorm, type NormPlacement, RMSNorm, randomNormal } from '../../nn/index.js';
import { RandomStream } from '../../random.js';
import {
  largestRelu,
  measureBranchScaling,
  measureInit,
  measureJacobian,
  measureReluNorm,
  type ProbeConfig,
  type ProbeResult,
  probeHiddenNorms,
  reluMaximum,
  shareAbove,
} from '../../theory/index.js';
import { encodeBytes } from '../../utf8.js';
import { mean } from '../statistics.js';
import type { RunKind, RunSpec } from './run-kind.js';

export const lawNames = [
  'jacobian',
  'relu',
  'hidden',
  'width',
  'zipf-profile',
  'concentration',
  'peri-scaling',
  'last-layer',
] as const;

export type LawName = (typeof lawNames)[number];

export interface LawRun extends RunSpec {
  kind: 'law';
  law: LawName;
  seeds: number[];
  placement?: NormPlacement;
  numLayers?: number;
  /** Widths that are gone through. */
  dModel: number[];
  /** dFF over dModel, and the probe's setting; for the laws about models. */
  setting?: ProbeConfig['setting'];
  r?: number;
  /** Of `concentration`. */
  eps?: number;
  /** Of `last-layer`: the depths that are gone through. */
  layers?: number[];
  /** Rows of 32 positions in a batch. Default 8. */
  rows?: number;
  /** Of `jacobian`: the norm. Default `layer`. */
  norm?: 'layer' | 'rms';
  /** Of `relu`: what stands in its place. Default `relu`. */
  activation?: 'relu' | 'gelu';
}

/** Mean of ||GELU(X)||² over draws of X ~ N(0, I_d). */
function geluNorm(d: number, draws: number, seed: number): number {
  const values = noGrad(() => gelu(randomNormal([draws, d], seed, 'theory:normals')).toArray());
  let total = 0;
  for (const v of values) total += v * v;
  return total / draws;
}

type Measured = Record<string, number | number[]>;
const SHAPE = { vocabSize: 1000, batch: 8, length: 32 };

function model(run: LawRun, dModel: number): Omit<ProbeConfig, 'seed'> {
  const { setting = 'theory', placement = 'post', numLayers = 6, r, rows = SHAPE.batch } = run;
  const size = { dModel, ...(r ? { dFF: r * dModel } : {}), ...SHAPE, batch: rows };
  return { setting, placement, numLayers, ...size };
}

/** Mean over seeds of a number per layer. */
function perLayer(probes: readonly ProbeResult[], of: (layer: ProbeResult['layers'][number]) => number) {
  return probes[0].layers.map((_, l) => mean(probes.map(({ layers }) => of(layers[l]))));
}

const laws: Record<LawName, (run: LawRun) => Measured> = {
  // Per seed: measured over predicted-free quantities of one Jacobian, at a random x of mean 0.3 and deviation 1.7.
  jacobian({ seeds, dModel: [d], norm: kind = 'layer' }) {
    const made = seeds.map((seed) => {
      const random = new RandomStream(seed, 'law:jacobian');
      const x = Float64Array.from({ length: d }, () => 0.3 + 5.9 * (random.nextFloat() - 0.5));
      const norm = kind === 'rms' ? new RMSNorm(d) : new LayerNorm(d);
      const mu = mean([...x]);
      const variance = mean([...x].map((v) => (v - mu) * (v - mu)));
      const once = measureJacobian(norm, x);
      const tripled = measureJacobian(
        norm,
        x.map((v) => 3 * v),
      );
      return { ...once, variance, tripled: tripled.spectral };
    });
    return {
      variance: made.map((m) => m.variance),
      spectral: made.map((m) => m.spectral),
      frobenius: made.map((m) => m.frobenius),
      rank: made.map((m) => m.rank),
      onesResidual: made.map((m) => m.onesResidual),
      tripled: made.map((m) => m.tripled),
    };
  },
  relu: ({ seeds, dModel: [d], activation }) => ({
    norm: seeds.map((seed) =>
      activation === 'gelu' ? geluNorm(d, 2000, seed) : measureReluNorm(d, 2000, seed),
    ),
    belowMaximum: seeds.map((seed) => {
      const bound = reluMaximum(d);
      return mean(largestRelu(d, 2000, seed).map((v) => (v <= bound ? 1 : 0)));
    }),
  }),
  hidden(run) {
    const probes = run.seeds.map((seed) => measureInit(model(run, run.dModel[0]), seed));
    return {
      hidden: perLayer(probes, ({ hidden }) => hidden),
      perSeed: probes.map(({ layers }) => mean(layers.map(({ hidden }) => hidden))),
    };
  },
  width: (run) => ({
    w2: run.dModel.map((d) => {
      const probes = run.seeds.map((seed) => measureInit(model(run, d), seed));
      return mean(probes.map(({ layers }) => layers[layers.length - 1].w2));
    }),
  }),
  'last-layer'(run) {
    const { seeds, dModel, layers = [] } = run;
    const measured: Measured = {};
    for (const numLayers of layers) {
      const last = seeds.map((seed) => {
        const { layers: all } = measureInit(model({ ...run, numLayers }, dModel[0]), seed);
        return all[numLayers - 1];
      });
      measured[`w2@${numLayers}`] = last.map(({ w2 }) => w2);
      measured[`hidden@${numLayers}`] = mean(last.map(({ hidden }) => hidden));
    }
    return measured;
  },
  'zipf-profile'(run) {
    const config = { ...model(run, run.dModel[0]), tokens: 'zipf' as const, batches: 6 };
    const probes = run.seeds.map((seed) => measureInit(config, seed));
    return {
      w2: perLayer(probes, ({ w2 }) => w2),
      perSeed: probes.map(({ layers }) => layers[0].w2 / layers[layers.length - 1].w2),
    };
  },
  concentration: (run) => ({
    share: run.seeds.map((seed) =>
      shareAbove(probeHiddenNorms({ ...model(run, run.dModel[0]), seed }), run.eps ?? 0.1),
    ),
  }),
  'peri-scaling'(run) {
    const factors = [0.5, 2, 4];
    const made = factors.map((c) =>
      run.seeds.map((seed) => measureBranchScaling({ ...model(run, run.dModel[0]), seed }, 0, c)),
    );
    return {
      factors,
      outputChange: made.map((row) => Math.max(...row.map((m) => m.outputChange))),
      gradientTimesC: made.map((row, i) => mean(row.map((m) => m.gradientRatio * factors[i]))),
    };
  },
};

export const lawKind: RunKind<LawRun> = {
  kind: 'law',
  version: 1,
  keys: [
    'law',
    'seeds',
    'dModel',
    'placement?',
    'numLayers?',
    'setting?',
    'r?',
    'eps?',
    'layers?',
    'rows?',
    'norm?',
    'activation?',
  ],
  async execute(run, { onProgress }) {
    const measured = laws[run.law](run);
    onProgress({ done: 1, total: 1, text: run.law });
    return {
      id: run.id,
      experiment: 'theory',
      label: run.label,
      placement: run.placement ?? 'post',
      seed: run.seeds[0],
      config: { ...run },
      status: 'measured',
      steps: run.seeds.length,
      hash: sha256(encodeBytes(JSON.stringify(measured))),
      measured,
    };
  },
  cost: ({ law, seeds, dModel, layers, rows = SHAPE.batch, numLayers = 6 }) => {
    if (law === 'jacobian' || law === 'relu') return 0.1 * seeds.length;
    if (layers) return seeds.length * layers.reduce((sum, n) => sum + n / 6, 0) * 0.004 * (1 + rows);
    const repeats = law === 'zipf-profile' || law === 'peri-scaling' ? 6 : 1;
    return (
      seeds.length * (numLayers / 6) * repeats * dModel.reduce((s, d) => s + 0.03 * (d / 64) * (d / 64), 0)
    );
  },
  steps: ({ seeds, dModel }) => seeds.length * dModel.length,
  seeds: ({ seeds }) => seeds,
};
