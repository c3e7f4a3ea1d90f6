/** @file A `Results` as the quick preset gives it, made up but plausible: same seed, same values. */
import type { ClaimRow, Figure, Results, RunRecord, Series } from '../../src/experiments/results.js';

const unigram = 5.93;
const reference = 3.28;
const seeds = [11, 12, 13];
export const placements = [
  ['post', 'Post-LN'],
  ['pre', 'Pre-LN'],
  ['peri', 'Peri-LN'],
] as const;

export interface MockOptions {
  /** Text put where a result may hold anything: statements, labels, samples, settings. */
  hostile?: string;
}

export function mockResults({ hostile = '' }: MockOptions = {}): Results {
  const random = generator(7);
  const runs = trainingRuns(random, hostile);
  return {
    format: 'prenorm-results',
    version: 1,
    preset: 'quick',
    command: 'prenorm reproduce --preset quick',
    prenorm: '0.1.0',
    kernelHash: hash('kernels'),
    environment: {
      runtime: 'Node 20.20.2',
      platform: 'linux x64',
      cpu: 'AMD EPYC 7B13',
      cores: 2,
      processes: 2,
    },
    seconds: 281.4,
    budgetSeconds: 300,
    settings: [
      { name: 'Model', value: 'encoder-decoder 6 + 6, d 64, feed-forward 128, 4 heads' },
      { name: 'Data', value: `ui-de-en, 9,612 training pairs, joint BPE of 2,000${hostile}` },
      { name: 'Optimizer', value: 'Adam (0.9, 0.98), eps 1e-9, no clipping, no weight decay' },
      { name: 'Schedule', value: 'linear warm-up over 200 steps or none, then maxLr min(1, sqrt(200/t))' },
      { name: 'Initialisation', value: 'paper: Gaussian, variance 2 / (n_in + n_out), separate Q, K, V' },
      { name: 'Batches', value: '1,024 tokens, 600 steps' },
    ],
    claims: claims(runs, hostile),
    figures: [depthFigure(random), profileFigure(random), curveFigure(runs), rateFigure(random, hostile)],
    runs: [...initialisationRuns(), ...runs],
  };
}

function depthFigure(random: () => number): Figure {
  const x = [6, 8, 10, 12, 14];
  const series = placements.flatMap(([placement, name]): Series[] => {
    const theory = x.map((layers) => {
      const stream = placement === 'post' ? 1.5 : placement === 'pre' ? 1 + layers : 1 + 2 * layers;
      return 1.62 * Math.sqrt(1.5 / stream);
    });
    const y = theory.map((value) => value * (1 + 0.06 * (random() - 0.5)));
    return [
      { label: name, placement, x, y, low: y.map((v) => 0.94 * v), high: y.map((v) => 1.07 * v) },
      { label: `${name}, theory`, placement, dashed: true, x, y: theory },
    ];
  });
  return {
    id: 'gradient-by-depth',
    title: 'Gradient norm of the last feed-forward layer at initialisation',
    caption:
      'Frobenius norm of the gradient of W2 in the last feed-forward sub-layer, averaged over 16 batches of real text, for models of 6 to 14 layers. Post-LN stays where it is; Pre-LN and Peri-LN shrink with depth, as the prediction sqrt(1.5 / x) says.',
    figure: 'Fig. 3c',
    xLabel: 'layers',
    yLabel: 'gradient norm of W2',
    xScale: 'linear',
    yScale: 'linear',
    series,
  };
}

function profileFigure(random: () => number): Figure {
  const x = Array.from({ length: 12 }, (_, index) => index + 1);
  return {
    id: 'gradient-profile',
    title: 'Gradient norm layer by layer at initialisation',
    caption: 'The same norm for W2 of every layer of a model of 12 layers. Logarithmic scale.',
    figure: 'Fig. 3a',
    xLabel: 'layer',
    yLabel: 'gradient norm of W2',
    xScale: 'linear',
    yScale: 'log',
    series: placements.map(([placement, name], index) => {
      const y = x.map((layer) => {
        const shape = index === 0 ? (2 / 3) ** ((12 - layer) / 4) * 1.6 : 0.45 * Math.sqrt(12 / layer) ** 0.8;
        return shape * (index === 2 ? 0.7 : 1) * (1 + 0.05 * random());
      });
      return { label: name, placement, x, y, low: y.map((v) => 0.9 * v), high: y.map((v) => 1.1 * v) };
    }),
  };
}

function curveFigure(runs: RunRecord[]): Figure {
  const first = runs.filter(({ seed }) => seed === seeds[0]);
  return {
    id: 'valid-nll-fig2',
    title: 'Validation NLL over training, with and without warm-up',
    caption:
      'Per token, without label smoothing; dashed without warm-up, solid with it. At the larger rate Post-LN without warm-up never leaves the unigram level.',
    figure: 'Fig. 2a, 4a',
    xLabel: 'step',
    yLabel: 'valid NLL per token',
    xScale: 'linear',
    yScale: 'linear',
    series: first.map((run) => {
      const points = run.curve!.filter(({ validNll }) => validNll !== undefined);
      return {
        label: run.label,
        placement: run.placement,
        dashed: run.config.warmupSteps === 0,
        x: points.map(({ step }) => step),
        y: points.map(({ validNll }) => validNll!),
      };
    }),
    levels: [{ label: 'unigram', y: unigram }],
  };
}

function rateFigure(random: () => number, hostile: string): Figure {
  const x = [0.00025, 0.0005, 0.001, 0.002, 0.004];
  const ends: Record<string, (number | null)[]> = {
    'Post-LN, no warm-up': [4.95, 4.73, 4.66, 5.87, null],
    'Post-LN, warm-up': [4.9, 4.5, 4.2, 4.14, 5.6],
    'Pre-LN, no warm-up': [4.6, 4.1, 3.6, 3.33, 3.5],
    'Pre-LN, warm-up': [4.7, 4.2, 3.65, 3.38, 3.42],
  };
  return {
    id: 'nll-by-rate',
    title: `Final NLL against the maximal learning rate${hostile}`,
    caption:
      'One line per arm; the reference level R is the best of Post-LN with warm-up. A gap is a diverged run.',
    figure: 'Fig. 2b',
    xLabel: 'maxLr',
    yLabel: 'final valid NLL',
    xScale: 'log',
    yScale: 'linear',
    series: Object.entries(ends).map(([label, y]) => ({
      label,
      placement: label.startsWith('Post') ? 'post' : 'pre',
      dashed: !label.includes('no warm-up'),
      x,
      y,
      low: y.map((value) => (value === null ? null : value - 0.05 - 0.08 * random())),
      high: y.map((value) => (value === null ? null : value + 0.05 + 0.08 * random())),
    })),
    levels: [
      { label: 'unigram level U', y: unigram },
      { label: 'reference R', y: reference },
    ],
  };
}

function initialisationRuns(): RunRecord[] {
  return placements.map(([placement, name]) => ({
    id: `init-${placement}`,
    experiment: 'init-gradients',
    label: `${name}, statistics at initialisation`,
    placement,
    seed: 11,
    config: { numLayers: [6, 8, 10, 12, 14], dModel: 64, batches: 16, initialisation: 'paper' },
    status: 'measured',
    steps: 0,
    seconds: 3.1,
    hash: hash(`init ${placement}`),
  }));
}

function trainingRuns(random: () => number, hostile: string): RunRecord[] {
  const arms = [
    { placement: 'post', warmupSteps: 0, maxLr: 0.002, end: 5.87 },
    { placement: 'post', warmupSteps: 0, maxLr: 0.0005, end: 4.73 },
    { placement: 'post', warmupSteps: 200, maxLr: 0.002, end: 4.14 },
    { placement: 'post', warmupSteps: 200, maxLr: 0.0005, end: 4.5 },
    { placement: 'pre', warmupSteps: 0, maxLr: 0.002, end: 3.33 },
    { placement: 'pre', warmupSteps: 0, maxLr: 0.0005, end: 4.1 },
    { placement: 'pre', warmupSteps: 200, maxLr: 0.002, end: 3.38 },
    { placement: 'pre', warmupSteps: 200, maxLr: 0.0005, end: 4.2 },
  ];
  return seeds.flatMap((seed) =>
    arms.map(({ placement, warmupSteps, maxLr, end }): RunRecord => {
      const name = placement === 'post' ? 'Post-LN' : 'Pre-LN';
      const final = end + 0.06 * (random() - 0.5);
      const progress = (unigram - final) / (unigram - reference);
      const curve = Array.from({ length: 31 }, (_, index) => {
        const step = index * 20;
        const decay = Math.exp(-step / (end > 5.8 ? 60 : 170)) * (1 - step / 600);
        const nll = final + (7.6 - final) * decay + 0.04 * (random() - 0.5) * (index < 30 ? 1 : 0);
        return { step, lr: maxLr, trainLoss: nll + 0.4, validNll: index === 30 ? final : nll };
      });
      const score = Math.max(0.2, 24 * Math.max(0, progress) ** 2);
      return {
        id: `${placement}-${warmupSteps}-${maxLr}-${seed}`,
        experiment: 'translation',
        label: `${name}, ${warmupSteps ? `warm-up ${warmupSteps}` : 'no warm-up'}, maxLr ${maxLr}`,
        placement,
        seed,
        config: {
          normPlacement: placement,
          warmupSteps,
          maxLr,
          numLayers: 6,
          dModel: 64,
          dFF: 128,
          steps: 600,
        },
        status: progress < 0.25 ? 'failed' : progress < 0.85 ? 'behind' : 'trained',
        progress,
        finalValidNll: final,
        steps: 600,
        seconds: 31 + 3 * random(),
        hash: hash(`${placement} ${warmupSteps} ${maxLr} ${seed}`),
        curve,
        bleu: {
          score,
          low: 0.9 * score,
          high: 1.1 * score,
          signature: 'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3',
          brevityPenalty: 0.94,
          sentences: 500,
          decoding: 'beam 4, length penalty 1',
          loops: progress < 0.25 ? 0.61 : 0.024,
        },
        samples: [
          {
            source: 'Die Datei konnte nicht gespeichert werden.',
            reference: 'The file could not be saved.',
            hypothesis: progress < 0.25 ? 'The the the the the the' : 'The file could not be saved.',
          },
          {
            source: `Öffnet <script>alert("x")</script> im Editor${hostile}`,
            reference: 'Opens <b>{0}</b> & closes "{1}" in the editor',
            hypothesis: progress < 0.25 ? '' : 'Open <b>{0}</b> in the editor',
          },
        ],
      };
    }),
  );
}

function claims(runs: RunRecord[], hostile: string): ClaimRow[] {
  const of = (placement: string, warmupSteps: number, maxLr: number) =>
    runs.filter(
      ({ config, ...run }) =>
        run.placement === placement && config.warmupSteps === warmupSteps && config.maxLr === maxLr,
    );
  const row = (
    row: Pick<ClaimRow, 'claim' | 'statement' | 'figure' | 'metric' | 'threshold'> & Partial<ClaimRow>,
    judged: RunRecord[] = [],
  ): ClaimRow => ({
    protocol:
      'All seeds on one side of the bar, at the common maximal rate of 0.002 and under the common tail.',
    seeds: judged.map(({ seed }) => seed),
    perSeed: judged.map(({ progress }) => progress!),
    verdict: 'holds',
    expected: 'holds',
    runHashes: judged.map((run) => run.hash),
    command: `prenorm reproduce --only ${row.claim}`,
    ...row,
  });
  return [
    row(
      {
        claim: 'post-needs-warmup',
        statement: `Post-LN does not train without warm-up${hostile}`,
        figure: 'Fig. 2a',
        metric: 'progress p of Post-LN without warm-up at maxLr 0.002',
        threshold: 'p < 0.25',
      },
      of('post', 0, 0.002),
    ),
    row(
      {
        claim: 'post-trains-with-warmup',
        statement: 'With warm-up Post-LN trains at the same rate',
        figure: 'Fig. 2a',
        metric: 'progress p of Post-LN with warm-up at maxLr 0.002',
        threshold: 'p > 0.25',
      },
      of('post', 200, 0.002),
    ),
    row(
      {
        claim: 'pre-trains-without-warmup',
        statement: 'Pre-LN trains without warm-up',
        figure: 'Fig. 4a',
        metric: 'progress p of Pre-LN without warm-up at maxLr 0.002',
        threshold: 'p >= 0.85',
      },
      of('pre', 0, 0.002),
    ),
    row({
      claim: 'pre-gradient-falls-with-depth',
      statement: 'The gradient of the last layer shrinks with depth in Pre-LN and stays in Post-LN',
      figure: 'Fig. 3c',
      metric: 'exponent of the gradient norm over depth, Pre-LN',
      threshold: '-0.6 < e < -0.4',
      seeds,
      perSeed: [-0.487, -0.512, -0.494],
      runHashes: [hash('init pre')],
    }),
    row({
      claim: 'post-profile-two-thirds',
      statement: 'Gradients of Post-LN fall by (2/3)^((L-l)/2) towards the input',
      figure: 'App. F',
      metric: 'first over last layer, measured over predicted',
      threshold: 'within 20 %',
      seeds,
      perSeed: [3.1, 2.96, 3.24],
      verdict: 'does not hold',
      expected: 'does not hold',
      reason: 'the factor is one part of an upper bound; the measured profile is flatter.',
    }),
    row({
      claim: 'equal-quality',
      statement: 'Pre-LN without warm-up ends as well as Post-LN with it',
      figure: 'Fig. 4b',
      metric: 'difference of final BLEU',
      threshold: 'within 1 BLEU',
      verdict: 'not tested',
      expected: 'not tested',
      reason: 'the quick preset stops long before a plateau; the standard preset tests it.',
    }),
  ];
}

/** Hex that looks like SHA-256 and depends on the text. */
export function hash(text: string): string {
  const random = generator(
    [...text].reduce((sum, character) => (31 * sum + character.charCodeAt(0)) >>> 0, 1),
  );
  return Array.from({ length: 64 }, () => Math.floor(16 * random()).toString(16)).join('');
}

/** Park and Miller's generator in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed % 2147483647 || 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
