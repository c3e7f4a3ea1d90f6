/** @file The preset `field`: its claims on made-up records that meet every expectation, and what turns each of them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ClaimRow,
  judgeClaims,
  kindOf,
  makeFigures,
  makePreset,
  type RunRecord,
  type RunSpec,
} from '../../../src/experiments/index.js';

const test = suite('experiments/figures/field');
const preset = makePreset('field');
const UNIGRAM = 3;
const context = { preset: 'field', commonRate: 0.002, unigramNll: 6, log: Math.log } as const;

/** Lowest NLL of Pre-LN by rate: without warm-up the best is 0.002, with it 0.004. */
const ADVICE: Record<string, Record<number, number>> = {
  none: { 0.008: 3.9, 0.004: 3.5, 0.002: 3.4, 0.001: 3.6 },
  warmup: { 0.008: 3.4, 0.004: 3.2, 0.002: 3.35, 0.001: 3.62 },
};
const FAILS = ['post', 'deepnorm', 'admin', 'b2t', 'residual', 'mix', 'hybrid'];
/** What the rates 0.003, 0.01 and 0.03 end at, with the largest |x| and the spikes. */
const TOLERANCE: Record<string, [number, number, number, largest: number, spikes: number]> = {
  pre: [2.1, 2.3, 2.7, 400, 9],
  peri: [2.08, 2.2, 2.4, 50, 2],
  frozen: [2.07, 2.5, 2.6, 50, 2],
  olmo2: [2.1, 2.2, 2.4, 60, 2],
  lns: [2.1, 2.2, 2.7, 90, 3],
  post: [2.2, 2.9, 3, 5, 0],
};
const DROPPED: Record<string, (layer: number) => number> = {
  post: (layer) => 0.1 * layer,
  pre: (layer) => 1 / layer,
  lns: () => 0.4,
  mix: () => 0.4,
};

type Outcome = Partial<RunRecord>;
const outcomes: Record<string, (parts: string[], spec: RunSpec) => Outcome> = {
  translation: ([, , arm, rate]) => {
    const nll = ADVICE[arm][Number(rate)];
    return {
      finalValidNll: nll + 0.1,
      curve: [nll + 1, nll, nll + 0.1].map((validNll, i) => ({
        step: i,
        lr: 1,
        trainLoss: validNll,
        validNll,
      })),
    };
  },
  tolerance: ([, arm, lr, seed]) => {
    const [low, middle, high, most, gradSpikes] = TOLERANCE[arm];
    // Pre-LN comes near the largest number of 16 bits, and beyond it in some seeds.
    const largest = arm === 'pre' && lr === '0.03' ? (seed === 's821' ? 7e4 : 6e4) : most;
    const finalLoss = { '0.003': low, '0.01': middle, '0.03': high }[lr] as number;
    return { measured: { finalLoss, gradSpikes, 'largest@2000': [1, largest] } };
  },
  depth: ([, placement]) => ({
    finalValidNll: FAILS.includes(placement) ? 2.95 : 2.4,
    measured: { unigramNll: UNIGRAM },
  }),
  layer: ([, , placement]) => ({
    measured: {
      unigramNll: UNIGRAM,
      dropped: Array.from({ length: 12 }, (_, i) => DROPPED[placement](i + 1)),
    },
  }),
  wsd: (parts) => {
    const [optimizer, placement] = parts.slice(1);
    const isDyt = parts[3] === 'dyt';
    const warmup = parts.includes('warmup');
    const bad = placement === 'post' && !warmup;
    if (isDyt) return { finalValidNll: placement === 'pre' ? 2.4 : 2.95, measured: { unigramNll: UNIGRAM } };
    const failed = optimizer === 'muon' ? 2.32 : 2.95;
    return { finalValidNll: bad ? failed : 2.3, measured: { unigramNll: UNIGRAM } };
  },
  norm: (_, { id }) => {
    const seed = Number(id.slice(id.lastIndexOf('s') + 1));
    const measured: NonNullable<RunRecord['measured']> = {};
    for (const [shift, fsr, lambda] of [
      ['none', 0.4, 1],
      ['translated', 0.5, 1.2],
      ['rotated', 0.7, 1.5],
    ] as const) {
      measured[`fsr@${shift}`] = [fsr - 0.1, fsr, 1];
      for (const fraction of [0.05, 0.2, 1]) {
        const key = `${shift}@${fraction}`;
        measured[`lambda@${key}@cyclic`] = lambda;
        measured[`accuracy@${key}@joint`] = 0.8;
        measured[`accuracy@${key}@cyclic`] = seed % 2 ? 0.82 : 0.79;
        measured[`accuracy@${key}@probe`] = 0.5;
      }
    }
    return { measured };
  },
};

function records(): RunRecord[] {
  return preset.runs.map((spec): RunRecord => {
    const { placement, arm } = spec as RunSpec & { placement?: string; arm?: { placement: string } };
    const parts = spec.id.split('-');
    return {
      id: spec.id,
      experiment: spec.kind,
      label: spec.label,
      placement: placement ?? arm?.placement ?? 'pre',
      seed: kindOf(spec).seeds(spec)[0],
      config: JSON.parse(JSON.stringify(spec)),
      status: 'measured',
      steps: 10,
      seconds: 1,
      hash: `hash-${spec.id}`,
      ...outcomes[parts[0]](parts, spec),
    };
  });
}

const judge = (runs: RunRecord[]): Map<string, ClaimRow> =>
  new Map(judgeClaims(preset, runs, context).map((row) => [row.claim, row]));

test('runs as they are expected give every claim its expected verdict, and fail every control', () => {
  const rows = judge(records());
  assert.is(
    rows.size,
    preset.experiments.reduce((n, { experiment }) => n + experiment.claims.length, 0),
  );
  for (const [claim, { verdict, expected, control, uncontrolled, runHashes }] of rows) {
    assert.is(verdict, expected, claim);
    assert.ok(runHashes.length > 0, claim);
    if (control) assert.is(control.verdict, 'does not hold', claim);
    else assert.match(uncontrolled!, /fails its bar itself/, claim);
  }
});

const set = (pattern: RegExp, change: (run: RunRecord) => void) => (runs: RunRecord[]) => {
  const found = runs.filter(({ id }) => pattern.test(id));
  assert.ok(found.length > 0, String(pattern));
  found.forEach(change);
};
const nll = (value: number) => (run: RunRecord) => {
  run.finalValidNll = value;
};
const measure =
  (name: string, value: number | number[]) =>
  (run: RunRecord): void => {
    run.measured = { ...run.measured, [name]: value };
  };
const curve = (value: number) => (run: RunRecord) => {
  run.curve = run.curve?.map((point) => ({ ...point, validNll: value }));
};

const turns: [claims: string, change: (runs: RunRecord[]) => void, verdict: string][] = [
  ['warmup-helps-pre', set(/-none-0\.002-advice-s811/, curve(3.1)), 'not decided'],
  ['warmup-helps-pre', set(/-warmup-0\.008-advice/, curve(3)), 'not decided'],
  ['pre-warmup-removable', set(/-none-0\.002-advice/, curve(3.2)), 'holds'],
  ['peri-bears-rates', set(/tolerance-peri-0\.03/, measure('finalLoss', 2.65)), 'does not hold'],
  ['olmo2-bears-rates', set(/tolerance-olmo2-0\.03/, measure('finalLoss', 2.9)), 'does not hold'],
  ['lns-bears-rates', set(/tolerance-lns-0\.03-s821/, measure('finalLoss', 2.3)), 'not decided'],
  ['post-bears-less', set(/tolerance-post-0\.03/, measure('finalLoss', 2.7)), 'does not hold'],
  ['frozen-gains-hurt', set(/tolerance-frozen-0\.003/, measure('finalLoss', 2.3)), 'holds'],
  ['pre-outgrows-peri', set(/tolerance-pre-0\.03/, measure('largest@2000', [1, 60])), 'does not hold'],
  ['pre-leaves-fp16', set(/tolerance-pre-0\.03/, measure('largest@2000', [1, 7e4])), 'holds'],
  ['pre-spikes-more', set(/tolerance-pre-0\.03/, measure('gradSpikes', 1)), 'does not hold'],
  ['depth-post-fails', set(/depth-post-6/, nll(2.4)), 'does not hold'],
  ['depth-pre-trains', set(/depth-pre-24-s831/, nll(2.9)), 'not decided'],
  ['depth-who-trains', set(/depth-lns-24/, nll(2.9)), 'does not hold'],
  [
    'pre-late-layers-cheap',
    set(
      /layer-drop-pre/,
      measure(
        'dropped',
        Array.from({ length: 12 }, (_, i) => i + 1),
      ),
    ),
    'does not hold',
  ],
  [
    'lns-late-layers-count',
    set(
      /layer-drop-lns/,
      measure(
        'dropped',
        Array.from({ length: 12 }, (_, i) => 12 - i + 20 / (i + 1)),
      ),
    ),
    'does not hold',
  ],
  [
    'mix-late-layers-count',
    set(
      /layer-drop-mix-s841/,
      measure(
        'dropped',
        Array.from({ length: 12 }, (_, i) => 1 / (i + 1) ** 3),
      ),
    ),
    'not decided',
  ],
  ['muon-post-needs-no-warmup', set(/wsd-muon-post-none-0\.006/, nll(2.6)), 'does not hold'],
  ['muon-post-needs-no-warmup', set(/wsd-adamw-post-none-0\.006/, nll(2.35)), 'not decided'],
  ['muon-post-trains-without', set(/wsd-muon-post-none-0\.006/, nll(2.9)), 'does not hold'],
  ['muon-post-trains-without', set(/wsd-adamw-post-none-0\.006/, nll(2.3)), 'not decided'],
  ['dyt-pre-trains-without', set(/wsd-adamw-pre-dyt-none/, nll(2.9)), 'does not hold'],
  ['fsr-lower-out-of-domain', set(/norm-tuning/, measure('fsr@rotated', [0.1, 0.2, 1])), 'holds'],
  ['lambda-higher-out-of-domain', set(/s861/, measure('lambda@none@0.05@cyclic', 3)), 'not decided'],
  [
    'lambda-falls-with-fsr',
    set(/norm-tuning/, (run) => {
      for (const fraction of [0.05, 0.2]) measure(`lambda@rotated@${fraction}@cyclic`, 0.5)(run);
    }),
    'holds',
  ],
  [
    'cycle-gains-equal-updates',
    set(/norm-tuning/, (run) => {
      for (const shift of ['none', 'translated', 'rotated'])
        for (const fraction of [0.05, 0.2]) measure(`accuracy@${shift}@${fraction}@cyclic`, 0.9)(run);
    }),
    'holds',
  ],
];

for (const [claim, change, verdict] of turns) {
  test(`${claim}: another outcome makes it "${verdict}"`, () => {
    const runs = records();
    change(runs);
    assert.is(judge(runs).get(claim)!.verdict, verdict);
  });
}

test('every claim is turned by something above', () => {
  const turned = new Set(turns.map(([claim]) => claim));
  for (const claim of judge(records()).keys()) assert.ok(turned.has(claim), claim);
});

test('a best rate on the edge of the grid decides nothing', () => {
  const runs = records();
  set(/-warmup-0\.008-advice/, curve(3))(runs);
  const row = judge(runs).get('warmup-helps-pre')!;
  assert.match(row.reason!, /on the edge of the grid/);
});

test('figures are drawn from every experiment, and each claim points at one of its own', () => {
  const figures = makeFigures(preset, records(), context);
  for (const { experiment } of preset.experiments) {
    const own = figures.filter((figure) => figure.experiment === experiment.name).map(({ id }) => id);
    assert.ok(own.length > 0, experiment.name);
    for (const { claim, drawnIn } of experiment.claims)
      if (drawnIn) assert.ok(own.includes(drawnIn), `${claim}: ${drawnIn}`);
  }
  const map = figures.find(({ id }) => id === 'depth-map')!.heatmap!;
  assert.equal(map.columns, ['6', '12', '24']);
  assert.is(map.rows.length, 16);
  assert.equal(makeFigures(preset, [], context), []);
});

test('registered seeds are below 1000, and no two parts share one', () => {
  const seen = new Map<number, string>();
  for (const { experiment, runs } of preset.experiments) {
    for (const run of runs) {
      for (const seed of kindOf(run).seeds(run)) {
        assert.ok(seed < 1000, run.id);
        assert.is(seen.get(seed) ?? experiment.name, experiment.name, String(seed));
        seen.set(seed, experiment.name);
      }
    }
  }
});

test('the parts fit into the budget of 2.5 hours on two cores at the speed that costs are in', () => {
  const seconds = preset.runs.reduce((sum, run) => sum + kindOf(run).cost(run), 0);
  assert.is(preset.budgetSeconds, 9000);
  assert.ok(seconds / 2 < preset.budgetSeconds, String(seconds / 2));
});

test.run();
