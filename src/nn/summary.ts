/** @file What a model is made of, as data and as a table of 80 columns for a terminal. */
import type { Parameter } from '../autograd/variable.js';

/** A module of a model. */
export interface ModuleSummary {
  /** Path from the root, e.g. `encoder.layers.2.norm1`. */
  path: string;
  /** Name of its class. */
  module: string;
  /** Parameters of its own by name. One that is used twice (tied) is counted where it is first. */
  shapes: Record<string, readonly number[]>;
  /** Parameter elements, those of its parts too. */
  parameters: number;
}

/** What `Module.summary` gives. */
export interface ModelSummary {
  /** Every module that has parameters, parents first. */
  modules: ModuleSummary[];
  /** Parameter elements. */
  parameters: number;
  /** Those that are not frozen. */
  trainable: number;
  /** Bytes of the parameters, and of their gradients in training. For moments and activations there is `plan`. */
  memory: { parameters: number; gradients: number };
  /** The table. Layers that are alike stand in it once. */
  toString(): string;
}

/** What is asked of a module. */
interface Tree {
  children(): [string, Tree][];
}

/** A module with its parts. */
interface Node extends ModuleSummary {
  name: string;
  parts: Node[];
}

/** `parameters` are all of the tree. @internal */
export function summarize(root: Tree, parameters: readonly Parameter[]): ModelSummary {
  const open = new Set<unknown>(parameters);
  const visit = (module: Tree, name: string, above: string): Node => {
    const path = above && name ? `${above}.${name}` : above || name;
    const shapes: ModuleSummary['shapes'] = {};
    const node: Node = { path, module: module.constructor.name, shapes, parameters: 0, name, parts: [] };
    for (const [key, value] of Object.entries(module)) {
      if (!open.delete(value)) continue;
      const { shape, size } = value as Parameter;
      shapes[key] = [...shape];
      node.parameters += size;
    }
    for (const [part, child] of module.children()) {
      const found = visit(child, part, path);
      node.parameters += found.parameters;
      if (found.parameters > 0) node.parts.push(found);
    }
    return node;
  };
  const listed = ({ name: _, parts, ...summary }: Node): ModuleSummary[] => [
    summary,
    ...parts.flatMap(listed),
  ];
  const tree = visit(root, '', '');
  const trainable = parameters.reduce((sum, p) => sum + (p.requiresGrad ? p.size : 0), 0);
  const bytes = parameters.reduce((sum, { storage }) => sum + storage.bytes, 0);
  const memory = { parameters: bytes, gradients: 4 * trainable };
  return {
    modules: tree.parameters > 0 ? listed(tree) : [],
    parameters: tree.parameters,
    trainable,
    memory,
    toString() {
      return [
        line('part', 'module', 'shapes', 'parameters'),
        ...rows([tree], ''),
        `${grouped(tree.parameters)} parameters, ${grouped(trainable)} trainable, ${megabytes(memory.parameters)}, gradients ${megabytes(memory.gradients)}`,
      ].join('\n');
    },
  };
}

/** Rows of modules and their parts, those that are alike as one. */
function rows(parts: readonly Node[], indent: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < parts.length; ) {
    const part = parts[i];
    const shape = shapeOf(part);
    let end = i + 1;
    while (end < parts.length && parts[end].name.includes('.') && shapeOf(parts[end]) === shape) end++;
    const count = end - i;
    const numbers = Object.values(part.shapes).map((dims) => dims.join('x'));
    const name = count > 1 ? `${part.name}-${parts[end - 1].name.split('.').pop()}` : part.name;
    const size = grouped(part.parameters);
    out.push(
      line(indent + name, part.module, numbers.join(', '), count > 1 ? `${count} x ${size}` : size),
      ...rows(part.parts, part.path ? `${indent}  ` : indent),
    );
    i = end;
  }
  return out;
}

/** Everything about a module but its place. */
const shapeOf = ({ module, shapes, parts }: Node): string =>
  JSON.stringify([module, shapes, parts.map((part) => [part.name, shapeOf(part)])]);

function line(name: string, module: string, shapes: string, parameters: string): string {
  const cut = (text: string, width: number) =>
    (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);
  return `${cut(name, 22)} ${cut(module, 23)} ${cut(shapes, 15)} ${parameters.padStart(16)}`;
}

/** Digits in threes. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
