/** @file Options of optimizers and schedules. */
import * as prenorm from '../../src/index.js';
import { Muon } from '../../src/optim/index.js';
import type { Row } from './row.js';
import { lm, rates, w, warmup } from './samples.js';

const { optim } = prenorm;

/** Options of optimizers and schedules. */
export const optimRows: Row[] = [
  // optim
  ...(['Adam', 'AdamW', 'RAdam'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => new optim[name]([w], o),
      good: { lr: 1 },
      keys: rates,
      required: ['lr'],
    }),
  ),
  {
    of: ['SGD'],
    call: (o) => new optim.SGD([w], o),
    good: { lr: 1 },
    keys: { lr: 'notNegative', momentum: 'share', nesterov: 'flag', weightDecay: 'notNegative' },
    required: ['lr'],
  },
  {
    of: ['Muon'],
    call: (o) => new Muon(lm.parameters(), o),
    good: { lr: 1 },
    keys: {
      ...rates,
      adamLr: 'notNegative',
      momentum: 'share',
      nesterov: 'flag',
      nsSteps: 'positiveWhole',
      adjustLr: 'choice',
    },
    required: ['lr'],
  },
  {
    of: [],
    op: 'optimizer',
    call: (group) => new Muon([group], { lr: 1 }),
    good: { params: lm.parameters() },
    keys: { params: 'other', lr: 'notNegative', weightDecay: 'notNegative', muon: 'flag' },
  },
  {
    of: [],
    op: 'optimizer',
    call: (group) => new optim.SGD([group], { lr: 1 }),
    good: { params: [w] },
    keys: { params: 'other', lr: 'notNegative', weightDecay: 'notNegative' },
  },
  {
    of: ['inverseSqrt'],
    call: optim.inverseSqrt,
    good: { maxLr: 1, warmupSteps: 2 },
    keys: { ...warmup, tailStart: 'positiveWhole' },
    required: ['maxLr', 'warmupSteps'],
  },
  {
    of: ['linearDecay'],
    call: optim.linearDecay,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: { ...warmup, totalSteps: 'positiveWhole' },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  {
    of: ['cosine'],
    call: optim.cosine,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: { ...warmup, totalSteps: 'positiveWhole', minLr: 'notNegative' },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  {
    of: ['wsd'],
    call: optim.wsd,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: {
      ...warmup,
      totalSteps: 'positiveWhole',
      decaySteps: 'positiveWhole',
      decayShape: 'choice',
      minLr: 'notNegative',
    },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  { of: ['constant'], call: optim.constant, good: { maxLr: 1 }, keys: warmup, required: ['maxLr'] },
  {
    of: ['stepDecay'],
    call: optim.stepDecay,
    good: { maxLr: 1, steps: [3] },
    keys: { ...warmup, steps: 'list', factor: 'notNegative' },
    required: ['maxLr', 'steps'],
  },
  {
    of: ['makeSchedule'],
    op: 'constant',
    call: (o: object) => optim.makeSchedule({ kind: 'constant', ...o } as never),
    good: { maxLr: 1 },
    keys: warmup,
    required: ['maxLr'],
  },
];
