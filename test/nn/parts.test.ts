/** @file Rotary positions, shared heads, gates and missing biases, as modules: against formulas in plain loops. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad, tensor } from '../../src/autograd/index.js';
import {
  CausalLM,
  FeedForward,
  type LayerBias,
  LayerNorm,
  type ModelOptions,
  MultiHeadAttention,
  type RopeScaling,
  rotaryTable,
} from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, gaussians, refusal, SMALL, smallLM } from '../support.js';

const test = suite('nn/parts');
await init();
const reference = createReferenceRuntime();

/** Angle of a pair, as the papers write it. */
function angle(
  position: number,
  i: number,
  dHead: number,
  theta: number,
  scaling: RopeScaling | null,
): number {
  const frequency = theta ** ((-2 * i) / dHead);
  if (scaling?.type === 'linear') return (position / scaling.factor) * frequency;
  if (!scaling) return position * frequency;
  const wave = (2 * Math.PI) / frequency;
  const { factor, lowFreqFactor, highFreqFactor, originalMaxSeqLen } = scaling;
  if (wave < originalMaxSeqLen / highFreqFactor) return position * frequency;
  if (wave > originalMaxSeqLen / lowFreqFactor) return (position * frequency) / factor;
  const smooth = (originalMaxSeqLen / wave - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return position * (((1 - smooth) * frequency) / factor + smooth * frequency);
}

const scalings: (RopeScaling | null)[] = [
  null,
  { type: 'linear', factor: 4 },
  { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxSeqLen: 64 },
];

for (const scaling of scalings) {
  test(`the angles of rotary positions, scaling ${scaling?.type ?? 'none'}`, () =>
    withRuntime(reference, () => {
      const [dHead, maxSeqLen, theta] = [16, 40, 500];
      const table = rotaryTable(dHead, { maxSeqLen, theta, scaling }).toArray();
      for (let t = 0; t < maxSeqLen; t++) {
        for (let i = 0; i < dHead / 2; i++) {
          const expected = angle(t, i, dHead, theta, scaling);
          close(table[t * dHead + i], Math.cos(expected), 1e-13, `cos, position ${t}, pair ${i}`);
          close(table[t * dHead + dHead / 2 + i], Math.sin(expected), 1e-13, `sin, position ${t}, pair ${i}`);
        }
      }
    }));
}

test('all layers share a table, and another length is another table', () => {
  const make = (maxSeqLen: number) => rotaryTable(8, { maxSeqLen });
  assert.is(make(9), make(9));
  assert.is.not(make(9), make(10));
  assert.match(
    refusal(() => rotaryTable(7, { maxSeqLen: 4 })).message,
    'dHead must be a positive even integer, got 7',
  );
  assert.match(refusal(() => rotaryTable(8, { maxSeqLen: 4, theta: -1 })).message, 'theta');
  const unknown = { maxSeqLen: 4, scale: 2 } as { maxSeqLen: number };
  assert.match(refusal(() => rotaryTable(8, unknown)).message, 'unknown key "scale"');
});

test('self-attention with rotary positions and shared heads is its formula', () =>
  withRuntime(reference, () => {
    const [batch, length, d, heads, kvHeads, theta] = [2, 5, 24, 6, 2, 100];
    const dHead = d / heads;
    const rotary = { maxSeqLen: 7, theta };
    const module = new MultiHeadAttention(d, heads, { numKVHeads: kvHeads, rotary, bias: 'qkv' });
    assert.equal([...module.inProjWeight.shape], [d + 2 * kvHeads * dHead, d]);
    assert.is(module.outProj.bias, null);
    module.inProjBias?.set(gaussians(module.inProjBias.size, 5));
    const x = gaussians(batch * length * d, 6);
    const causal = module.forward(tensor(x, { shape: [batch, length, d] }), { causal: true }).toArray();
    const [w, b, o] = [module.inProjWeight, module.inProjBias, module.outProj.weight].map((p) =>
      p?.toArray(),
    ) as Float64Array[];
    const project = (s: number, t: number, row: number): number => {
      let sum = b[row];
      for (let j = 0; j < d; j++) sum += w[row * d + j] * x[(s * length + t) * d + j];
      return sum;
    };
    /** Component e of a head whose first row is `from`, turned. */
    const turned = (s: number, t: number, from: number, e: number): number => {
      const half = dHead / 2;
      const i = e % half;
      const a = angle(t, i, dHead, theta, null);
      const [low, high] = [project(s, t, from + i), project(s, t, from + half + i)];
      return e < half ? low * Math.cos(a) - high * Math.sin(a) : low * Math.sin(a) + high * Math.cos(a);
    };
    for (let s = 0; s < batch; s++) {
      for (let t = 0; t < length; t++) {
        const joined: number[] = [];
        for (let h = 0; h < heads; h++) {
          const shared = Math.floor(h / (heads / kvHeads));
          const [key, value] = [d + shared * dHead, d + (kvHeads + shared) * dHead];
          const scores = Array.from({ length: t + 1 }, (_, j) => {
            let dot = 0;
            for (let e = 0; e < dHead; e++) dot += turned(s, t, h * dHead, e) * turned(s, j, key, e);
            return Math.exp(dot / Math.sqrt(dHead));
          });
          const total = scores.reduce((sum, score) => sum + score, 0);
          for (let e = 0; e < dHead; e++) {
            joined.push(
              scores.reduce((sum, score, j) => sum + (score / total) * project(s, j, value + e), 0),
            );
          }
        }
        for (let row = 0; row < d; row++) {
          const expected = joined.reduce((sum, value, j) => sum + o[row * d + j] * value, 0);
          close(
            causal[(s * length + t) * d + row],
            expected,
            1e-11,
            `sequence ${s}, position ${t}, row ${row}`,
          );
        }
      }
    }
  }));

test('rotary positions tell the order, and end at maxSeqLen', () => {
  const logits = (ids: number[], model: CausalLM) =>
    noGrad(() => model.forward({ ids: Int32Array.from(ids), batchSize: 1, seqLen: ids.length })).toArray();
  const model = smallLM({ positions: 'rotary', seed: 9 }).eval();
  // What comes later changes nothing, what came before does, and so does its order.
  assert.is(bits(logits([4, 7], model).subarray(0, 23)), bits(logits([4, 9], model).subarray(0, 23)));
  assert.not.equal(
    bits(logits([4, 7, 7], model).subarray(23, 46)),
    bits(logits([7, 4, 7], model).subarray(23, 46)),
  );
  const long = Array.from({ length: SMALL.maxSeqLen + 1 }, () => 1);
  assert.match(refusal(() => logits(long, model)).message, 'longer than maxSeqLen 24');
});

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const activations = {
  silu: (x: number) => x * sigmoid(x),
  geluTanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x: number) => Math.max(x, 0),
};

for (const [name, f] of Object.entries(activations)) {
  test(`a gated feed-forward with ${name} is its formula, with biases and without`, () =>
    withRuntime(reference, () => {
      for (const bias of [true, false]) {
        const [d, dFF] = [6, 10];
        const ffn = new FeedForward(d, dFF, name as 'silu', 0, null, { gated: true, bias });
        const { linear1, linear2, linear3 } = ffn;
        assert.is(linear1.bias === null, !bias);
        for (const [i, { bias: own }] of [linear1, linear2, linear3!].entries())
          own?.set(gaussians(own.size, i + 1));
        const x = gaussians(3 * d, 4);
        const y = ffn.forward(tensor(x, { shape: [3, d] })).toArray();
        const apply = (linear: typeof linear1, row: number, v: ArrayLike<number>): number => {
          const w = linear.weight.toArray();
          let sum = linear.bias?.toArray()[row] ?? 0;
          for (let j = 0; j < v.length; j++) sum += w[row * v.length + j] * v[j];
          return sum;
        };
        for (let r = 0; r < 3; r++) {
          const row = x.subarray(r * d, (r + 1) * d);
          const hidden = Array.from(
            { length: dFF },
            (_, k) => f(apply(linear1, k, row)) * apply(linear3!, k, row),
          );
          for (let k = 0; k < d; k++) close(y[r * d + k], apply(linear2, k, hidden), 1e-12);
        }
      }
    }));
}

test('bias leaves out what it says, in norms too', () => {
  const biases = (bias: LayerBias, norm: 'layer' | 'dyt' = 'layer') =>
    [...smallLM({ bias, norm }).stateDict().keys()].filter((key) => key.endsWith('bias'));
  assert.equal(biases(false), []);
  assert.equal(biases(false, 'dyt'), []);
  assert.equal(
    biases('qkv'),
    [0, 1].map((i) => `encoder.layers.${i}.self_attn.in_proj_bias`),
  );
  const ofLayers = (...names: string[]) =>
    [0, 1].flatMap((i) => names.map((name) => `encoder.layers.${i}.${name}`));
  assert.equal(biases('attention'), ofLayers('self_attn.in_proj_bias', 'self_attn.out_proj.bias'));
  assert.equal(biases('ffn'), ofLayers('linear1.bias', 'linear2.bias'));
  assert.match(refusal(() => biases('out' as never)).message, 'bias must be one of');
  assert.is(biases(true).length, 2 * 6 + 1);
  const norm = new LayerNorm(4, 1e-5, false);
  assert.equal([...norm.stateDict().keys()], ['weight']);
});

test('a model of all these parts goes through JSON and a state dict, and counts its parameters', () => {
  const options: ModelOptions = {
    ...SMALL,
    ...{ positions: 'rotary', ropeTheta: 1000, numKVHeads: 2, norm: 'rms', bias: false, gatedFFN: true },
    ...{ activation: 'silu', ropeScaling: { type: 'linear', factor: 2 }, tiedEmbeddings: false },
  };
  const model = new CausalLM({ ...options, seed: 2 }).eval();
  const again = new CausalLM(JSON.parse(JSON.stringify(model.config))).eval();
  again.loadStateDict(model.stateDict());
  const batch = { ids: Int32Array.of(3, 1, 4, 1, 5, 9), batchSize: 2, seqLen: 3 };
  assert.is(
    bits(noGrad(() => again.forward(batch)).toArray()),
    bits(noGrad(() => model.forward(batch)).toArray()),
  );
  const { dModel: d, dFF, numLayers, vocabSize } = SMALL;
  const layer = 2 * d * d + 2 * d * (d / 2) + 3 * d * dFF + 2 * d;
  assert.is(model.numParameters(), 2 * vocabSize * d + numLayers * layer + d);
});

test.run();
