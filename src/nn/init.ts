/**
 * @file Named initialisations. Values are drawn per parameter from a stream keyed by the parameter's path, so
 * two models that share a parameter name and seed share its values: adding a norm shifts nothing else.
 *
 * | scheme    | weights                           | packed q, k, v               | embeddings     | biases of linear layers |
 * |-----------|-----------------------------------|------------------------------|----------------|-------------------------|
 * | `paper`   | Gaussian, variance 2 / (in + out) | three (d, d) matrices        | N(0, 1/d)      | 0                       |
 * | `fairseq` | Xavier uniform                    | three (d, d), gain 1/sqrt(2) | N(0, 1/d)      | 0                       |
 * | `torch`   | Xavier uniform                    | one (3d, d) matrix           | Xavier uniform | U(±1/sqrt(in))          |
 *
 * `torch` is `nn.Transformer._reset_parameters` applied to the whole model, as PyTorch's translation tutorial
 * does; biases of q, k, v and of the output projection are 0 there.
 */
import { fillBy, type Law } from '../autograd/ops/in-place.js';
import { noGrad } from '../autograd/tape.js';
import { type Parameter, result, type Variable } from '../autograd/variable.js';
import { checkValue, oneOf, seed as seedRule, text } from '../checks.js';
import { currentRuntime } from '../runtime/runtime.js';
import { checkShape } from '../tensor/shape.js';
import type { Module } from './module.js';

/**
 * How parameters begin. `paper`: Gaussian with variance 2 / (in + out), embeddings N(0, 1/d), biases 0; `fairseq`:
 * Xavier uniform, packed q, k, v with gain 1/sqrt(2); `torch`: as PyTorch's translation tutorial, embeddings
 * included.
 */
export type InitScheme = 'paper' | 'fairseq' | 'torch';
/** All schemes. */
export const initSchemes: readonly InitScheme[] = ['paper', 'fairseq', 'torch'];

/** Draws all parameters of a model anew. */
export function initializeModel(model: Module, scheme: InitScheme, seed: number): void {
  checkValue('init', 'init', scheme, oneOf(...initSchemes));
  checkValue('init', 'seed', seed, seedRule);
  const fanIn = new Map<string, number>();
  for (const [path, parameter] of model.namedParameters()) {
    if (path.endsWith('.weight'))
      fanIn.set(path.replace(/\.weight$/, '.bias'), parameter.shape[parameter.rank - 1]);
  }
  for (const [path, parameter] of model.namedParameters()) {
    draw(parameter, scheme, seed, `init:${path}`, fanIn.get(path) ?? 1);
  }
  // The packed q, k, v have half of Xavier's variance but in `paper`.
  const valueGain = scheme === 'paper' ? 1 : Math.sqrt(2);
  for (const [, module] of model.namedModules()) module.afterInit(valueGain);
}

/** A constant of independent N(0, 1) values, keyed by seed and stream name. */
export function randomNormal(shape: readonly number[], seed: number, stream: string): Variable {
  checkShape('randomNormal', shape);
  checkValue('randomNormal', 'seed', seed, seedRule);
  checkValue('randomNormal', 'stream', stream, text);
  return noGrad(() => {
    const x = result(currentRuntime(), shape);
    fillBy({ std: 1 }, x, seed, stream);
    return x;
  });
}

/**
 * Initial values of a layer made on its own: the `paper` scheme, keyed by the runtime's seed and a number that
 * runs from the last `manualSeed()` on.
 */
export function initializeParameter(parameter: Parameter): Parameter {
  draw(parameter, 'paper', parameter.runtime.seed, `init:${parameter.runtime.draws.nextLayer()}`, 1);
  return parameter;
}

/** The table above; null leaves a parameter as its module made it. */
function lawOf(p: Parameter, scheme: InitScheme, biasFanIn: number): Law | null {
  const [rows, cols] = p.rank === 2 ? p.shape : [p.size, 1];
  const xavier = { bound: Math.sqrt(6 / (rows + cols)) };
  switch (p.role) {
    case 'other':
      return null;
    case 'normWeight':
      return { constant: 1 };
    case 'bias':
      return scheme === 'torch' ? { bound: 1 / Math.sqrt(biasFanIn) } : { constant: 0 };
    case 'normBias':
    case 'attentionBias':
      return { constant: 0 };
    case 'embedding':
      return scheme === 'torch' ? xavier : { std: 1 / Math.sqrt(cols) };
    case 'position':
      return { std: 1 / Math.sqrt(cols) };
    case 'inProj':
      // Keys and values of fewer heads begin as those of all heads do.
      if (scheme === 'paper') return { std: Math.sqrt(1 / cols) };
      return scheme === 'fairseq' ? { bound: Math.sqrt(3 / (2 * cols)) } : xavier;
    default:
      return scheme === 'paper' ? { std: Math.sqrt(2 / (rows + cols)) } : xavier;
  }
}

/** Draws one parameter of a model from the stream of this name. */
export function draw(
  p: Parameter,
  scheme: InitScheme,
  seed: number,
  stream: string,
  biasFanIn: number,
): void {
  const law = lawOf(p, scheme, biasFanIn);
  if (law) fillBy(law, p, seed, stream);
}
