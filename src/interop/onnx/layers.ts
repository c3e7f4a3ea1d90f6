/** @file Norms, activations and linear layers as nodes. What opset 17 has no operator for is spelled out. */
import type { QueryKeyL2 } from '../../nn/attention.js';
import type { FeedForward, LayerNorm, Linear, Norm, RMSNorm } from '../../nn/layers.js';
import type { DyT, ScaleNorm } from '../../nn/norms.js';
import type { Normed } from '../../nn/placements.js';
import type { Graph, Value } from './graph.js';

/** Told by what each has: their classes are loaded already, and are not loaded here again. */
type AnyNorm = LayerNorm | RMSNorm | DyT | ScaleNorm;

/** A norm over the last axis. */
export function normOf(g: Graph, norm: Norm): Normed<Value> {
  const forward = (x: Value) => g.within(norm.path, () => normed(g, norm as AnyNorm, x));
  return { forward, forwardSum: (x, residual) => forward(g.add(x, residual)) };
}

function normed(g: Graph, norm: AnyNorm, x: Value): Value {
  if ('alpha' in norm) {
    const y = g.mul(g.op('Tanh', [g.mul(x, g.parameter(norm.alpha))]), g.parameter(norm.weight));
    return norm.bias ? g.add(y, g.parameter(norm.bias)) : y;
  }
  if ('g' in norm) {
    const { g: factor, dModel, eps } = norm;
    // x / ||x|| is the root-mean-square norm over sqrt(dModel).
    const [value] = g.valuesOf(factor);
    const weight = () => new Float32Array(dModel).fill(value * Math.fround(1 / Math.sqrt(dModel)));
    return rms(g, x, g.floats(`${factor.path} / sqrt(${dModel})`, [dModel], weight), eps);
  }
  if (!('bias' in norm)) return rms(g, x, g.parameter(norm.weight), norm.eps);
  const inputs = [x, g.parameter(norm.weight)];
  if (norm.bias) inputs.push(g.parameter(norm.bias));
  return g.op('LayerNormalization', inputs, { axis: { i: -1 }, epsilon: { f: norm.eps } });
}

function rms(g: Graph, x: Value, weight: Value, eps: number): Value {
  if (g.opset >= 23) return g.op('RMSNormalization', [x, weight], { axis: { i: -1 }, epsilon: { f: eps } });
  const root = g.op('Sqrt', [g.add(g.mean(g.mul(x, x)), g.float(eps))]);
  return g.mul(g.op('Div', [x, root]), weight);
}

/** x (…, dHead) to unit vectors. */
export function unitLength(g: Graph, { eps, path }: QueryKeyL2, x: Value): Value {
  return g.within(path, () => {
    const sum = g.op('ReduceSum', [g.mul(x, x), g.ints([-1])], { keepdims: { i: 1 } });
    return g.op('Div', [x, g.op('Sqrt', [g.add(sum, g.float(eps))])]);
  });
}

const HALF_OF_PI = Math.PI / 2;

function gelu(g: Graph, x: Value, approximate: 'none' | 'tanh'): Value {
  if (g.opset >= 20) return g.op('Gelu', [x], { approximate: { s: approximate } });
  const inner =
    approximate === 'none'
      ? g.op('Erf', [g.op('Div', [x, g.float(Math.sqrt(2))])])
      : g.op('Tanh', [
          g.scale(g.add(x, g.scale(g.mul(g.mul(x, x), x), 0.044715)), 1 / Math.sqrt(HALF_OF_PI)),
        ]);
  return g.scale(g.mul(x, g.add(inner, g.float(1))), 0.5);
}

export const activations: Readonly<
  Record<FeedForward['activation'] | 'tanh', (g: Graph, x: Value) => Value>
> = {
  relu: (g, x) => g.op('Relu', [x]),
  gelu: (g, x) => gelu(g, x, 'none'),
  geluTanh: (g, x) => gelu(g, x, 'tanh'),
  silu: (g, x) => g.mul(x, g.op('Sigmoid', [x])),
  tanh: (g, x) => g.op('Tanh', [x]),
};

/** x Wᵀ + b */
export function linear(g: Graph, { weight, bias, path }: Linear, x: Value): Value {
  return g.within(path, () => {
    const y = g.op('MatMul', [x, g.matrix(weight)]);
    return bias ? g.add(y, g.parameter(bias)) : y;
  });
}

/** The hidden layer, gated or not, and what may stand before its last matrix. */
export function feedForward(g: Graph, ffn: FeedForward, x: Value): Value {
  const { linear1, linear2, linear3, ffnNorm, activation } = ffn;
  const hidden = linear(g, linear1, x);
  const active = g.within(linear1.path, () => activations[activation](g, hidden));
  const h = linear3 ? g.mul(active, linear(g, linear3, x)) : active;
  return linear(g, linear2, ffnNorm ? normOf(g, ffnNorm).forward(h) : h);
}
