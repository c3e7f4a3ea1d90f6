/** @file The gradient norm of each layer, from the gradients as they lie in memory: nothing that trains is touched. */
import { sumSquares } from '../autograd/ops/in-place.js';
import type { Parameter } from '../autograd/variable.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';

/** `encoder.layers.3` of `encoder.layers.3.attention.qkv.weight`; of a path without a number, all but its last name. */
function layerOf(path: string): string {
  return /^(?:.*?\.)?\d+(?=\.)/.exec(path)?.[0] ?? (path.replace(/\.[^.]*$/, '') || path);
}

/** The trained parameters of each layer, in the model's order. */
export function trainedLayers(model: Module, optimizer: Optimizer): Map<string, Parameter[]> {
  const trained = new Set(optimizer.groups.flatMap(({ params }) => params));
  return layersOf([...model.namedParameters()].filter(([, parameter]) => trained.has(parameter)));
}

/** Parameters by layer, in their order. */
export function layersOf(parameters: Iterable<[path: string, Parameter]>): Map<string, Parameter[]> {
  const layers = new Map<string, Parameter[]>();
  for (const [path, parameter] of parameters) {
    const name = layerOf(path);
    const list = layers.get(name) ?? [];
    list.push(parameter);
    layers.set(name, list);
  }
  return layers;
}

/** 2-norm of the gradient of each layer's parameters together. Call it when a joint norm has settled the gradients. */
export function layerNorms(
  layers: ReadonlyMap<string, readonly Parameter[]>,
  { runtime }: Optimizer,
): Record<string, number> {
  return Object.fromEntries(
    [...layers].map(([name, parameters]) => {
      let sum = 0;
      for (const parameter of parameters) sum += sumSquares(runtime, parameter.gradAddress(), parameter.size);
      return [name, Math.sqrt(sum)];
    }),
  );
}
