/** @file Options of ops. */
import * as prenorm from '../../src/index.js';
import type { Row } from './row.js';
import { f32, i32, loss, reduce, w } from './samples.js';

const { tensor } = prenorm;

/** Options of ops. */
export const opRows: Row[] = [
  // ops
  {
    of: ['tensor'],
    call: (o) => tensor([1, 2], o),
    good: {},
    keys: { shape: 'list', dtype: 'choice', requiresGrad: 'flag' },
  },
  {
    of: ['attention', 'selfAttention', 'crossAttention'],
    call: (o) => prenorm.attention(f32(1, 2, 4), f32(1, 2, 4), f32(1, 2, 4), o),
    good: { numHeads: 2 },
    keys: {
      numHeads: 'positiveWhole',
      numKVHeads: 'positiveWhole',
      causal: 'flag',
      queryOffset: 'number',
      lengths: 'other',
      dropout: 'share',
      stream: 'text',
    },
    required: ['numHeads'],
  },
  {
    of: ['crossEntropy'],
    call: (o) => prenorm.crossEntropy(f32(2, 3), i32(0, 1), o),
    good: {},
    keys: { ...loss, rowWeights: 'other' },
  },
  {
    of: ['linearCrossEntropy'],
    call: (o) => prenorm.linearCrossEntropy(f32(2, 4), f32(3, 4), i32(0, 1), o),
    good: {},
    keys: loss,
  },
  {
    of: ['customOp'],
    call: prenorm.customOp,
    good: { name: 'mine', forward: (x: never) => x, backward: () => [] },
    keys: { name: 'text', forward: 'callback', backward: 'callback' },
    required: ['name', 'forward', 'backward'],
  },
  {
    of: ['embedding'],
    call: (o) => prenorm.embedding(f32(3, 2), i32(1), o),
    good: {},
    keys: { scale: 'number' },
  },
  {
    of: ['linear'],
    call: (o) => prenorm.linear(f32(2, 4), f32(3, 4), null, o),
    good: {},
    keys: { activation: 'choice', rows: 'other' },
  },
  {
    of: ['matmul'],
    call: (o) => prenorm.matmul(f32(2, 2), f32(2, 2), o),
    good: {},
    keys: { transposeA: 'flag', transposeB: 'flag' },
  },
  {
    of: ['layerNorm', 'addLayerNorm'],
    call: (o) => prenorm.layerNorm(f32(2, 4), f32(4), null, o),
    good: {},
    keys: { eps: 'notNegative', residual: 'other' },
  },
  {
    of: ['rmsNorm', 'addRmsNorm'],
    call: (o) => prenorm.rmsNorm(f32(2, 4), f32(4), o),
    good: {},
    keys: { eps: 'notNegative', residual: 'other' },
  },
  ...(['sum', 'mean', 'max'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => reduce[name](f32(2, 3), o),
      good: {},
      keys: { axis: 'number', keepDim: 'flag' },
    }),
  ),
  { of: ['softmax'], call: (o) => prenorm.softmax(f32(2, 3), o), good: {}, keys: { lengths: 'other' } },
  {
    of: ['backward'],
    call: (o) => prenorm.backward(prenorm.sum(w), o),
    good: {},
    keys: { retainGraph: 'flag', weightAt: 'whole' },
  },
  {
    of: ['gradcheck'],
    call: (o) => prenorm.gradcheck(() => prenorm.sum(w), [w], o),
    good: {},
    keys: { epsilon: 'positive', tolerance: 'positive', floor: 'positive', maxElements: 'positiveWhole' },
  },
];
