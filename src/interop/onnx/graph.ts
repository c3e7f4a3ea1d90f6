/** @file A graph of ONNX while it is written: nodes, weights and constants, each weight once whoever uses it. */
import type { Parameter, Variable } from '../../autograd/variable.js';
import type { ConfigError, EnvironmentError, NumericError } from '../../errors.js';
import { toHalves } from './halves.js';
import { ATTRIBUTE, type Proto, TYPE } from './schema.js';

/** The name of a value: of an input, a weight, or what a node gives. */
export type Value = string;

/** What the library has loaded anyway: it comes by argument, since what is loaded on demand imports none of it. */
export interface OnnxTools {
  ConfigError: typeof ConfigError;
  EnvironmentError: typeof EnvironmentError;
  NumericError: typeof NumericError;
  version: string;
}

/** One attribute of a node: a float, an integer, a string, or integers. */
export type Attribute = { f: number } | { i: number } | { s: string } | { ints: readonly number[] };

/** A dimension: its size, or the name of one that may differ from run to run. */
export type Dim = number | string;

/** A tensor that the file holds. */
export interface Weight {
  name: string;
  dims: readonly number[];
  type: number;
  byteLength: number;
  /** Read when it is written, so that values are not held twice. */
  bytes(): Uint8Array;
}

/** How a graph is to be. */
export interface GraphOptions {
  /** Version of the operators. */
  opset: number;
  /** Whether matrices are stored as float16. Computed is in float32 all the same. */
  halves: boolean;
}

export class Graph {
  readonly nodes: Proto<'NodeProto'>[] = [];
  readonly weights = new Map<Value, Weight>();
  readonly inputs: Proto<'ValueInfoProto'>[] = [];
  readonly outputs: Proto<'ValueInfoProto'>[] = [];
  readonly opset: number;
  readonly #halves: boolean;
  readonly #taken = new Map<string, number>();
  readonly #names = new Map<Value, string>();
  readonly #wide = new Map<Value, Value>();
  #scope = '';

  constructor(
    { opset, halves }: GraphOptions,
    readonly tools: OnnxTools,
  ) {
    this.opset = opset;
    this.#halves = halves;
  }

  /** Names of nodes that `write` makes have the path of a module in front. */
  within<T>(path: string, write: () => T): T {
    const before = this.#scope;
    this.#scope = path;
    try {
      return write();
    } finally {
      this.#scope = before;
    }
  }

  input(name: string, type: number, dims: readonly Dim[]): Value {
    this.inputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** Gives a value that a node made out under a name. */
  output(name: string, value: Value, dims: readonly Dim[]): void {
    this.outputs.push(valueInfo(name, TYPE.float, dims));
    this.#names.set(value, name);
  }

  /** What a node gives. */
  op(type: string, inputs: readonly Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.ops(type, inputs, 1, attributes)[0];
  }

  /** The `count` values that a node gives. */
  ops(
    opType: string,
    input: readonly Value[],
    count: number,
    attributes: Record<string, Attribute> = {},
  ): Value[] {
    const stem = `${this.#scope}/${opType}`;
    const number = this.#taken.get(stem) ?? 0;
    this.#taken.set(stem, number + 1);
    const name = number === 0 ? stem : `${stem}_${number}`;
    const output = Array.from({ length: count }, (_, i) => (i === 0 ? name : `${name}:${i}`));
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
    this.nodes.push({ name, opType, input: [...input], output, attribute });
    return output;
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  scale(x: Value, factor: number): Value {
    return factor === 1 ? x : this.mul(x, this.float(factor));
  }

  /** 0 keeps a dimension of x, -1 is what is left. */
  reshape(x: Value, dims: readonly number[]): Value {
    return this.op('Reshape', [x, this.ints(dims)]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [x], { perm: { ints: perm } });
  }

  unsqueeze(x: Value, ...axes: number[]): Value {
    return this.op('Unsqueeze', [x, this.ints(axes)]);
  }

  /** Mean over the last axis, which stays with size 1. */
  mean(x: Value): Value {
    const keepdims = { i: 1 };
    if (this.opset < 18) return this.op('ReduceMean', [x], { axes: { ints: [-1] }, keepdims });
    return this.op('ReduceMean', [x, this.ints([-1])], { keepdims });
  }

  /** The size of an axis of x, as a scalar. */
  size(x: Value, axis: number): Value {
    return this.op('Gather', [this.op('Shape', [x]), this.int(axis)], { axis: { i: 0 } });
  }

  /** Parts of the last axis. */
  split(x: Value, sizes: readonly number[]): Value[] {
    return this.ops('Split', [x, this.ints(sizes)], sizes.length, { axis: { i: -1 } });
  }

  /** A constant scalar. */
  float(value: number): Value {
    return this.#tensor(`${value}`, [], TYPE.float, 4, () => Float32Array.of(value));
  }

  /** A constant scalar. */
  int(value: number): Value {
    return this.#integers(`int ${value}`, [], [value]);
  }

  /** A constant list. */
  ints(values: readonly number[]): Value {
    return this.#integers(`ints ${values}`, [values.length], values);
  }

  #integers(name: string, dims: readonly number[], values: readonly number[]): Value {
    return this.#tensor(name, dims, TYPE.int64, 8 * values.length, () => BigInt64Array.from(values, BigInt));
  }

  /** Values made for the graph, e.g. out of a parameter, as they are. */
  floats(name: string, dims: readonly number[], values: () => Float32Array): Value {
    return this.#tensor(name, dims, TYPE.float, 4 * sizeOf(dims), values);
  }

  /** A parameter as it is. */
  parameter(parameter: Parameter): Value {
    return this.#asFloat(this.#stored(parameter));
  }

  /** Rows of a table, a parameter or a constant, by ids. */
  rows(table: Variable, name: string, ids: Value): Value {
    const isParameter = 'role' in table;
    const stored = isParameter
      ? this.#stored(table as Parameter)
      : this.floats(name, table.shape, () => valuesOf(table));
    const found = this.op('Gather', [stored, ids], { axis: { i: 0 } });
    return this.#isHalf(stored) ? this.op('Cast', [found], { to: { i: TYPE.float } }) : found;
  }

  /** Rows [from, to) of a weight (out, in), turned over: (in, out), as MatMul takes it. */
  matrix(weight: Parameter, rows?: readonly [from: number, to: number]): Value {
    const [out, inner] = weight.shape;
    const [from, to] = rows ?? [0, out];
    const part = rows ? `[${from}:${to}]` : '';
    const count = to - from;
    const values = () => {
      const given = this.#checked(weight, from * inner, count * inner);
      const turned = new Float32Array(given.length);
      for (let row = 0; row < count; row++)
        for (let i = 0; i < inner; i++) turned[i * count + row] = given[row * inner + i];
      return turned;
    };
    return this.#asFloat(this.#matrix(`${weight.path}${part}.T`, [inner, count], values));
  }

  /** Elements [from, to) of a parameter of one axis. */
  elements(parameter: Parameter, [from, to]: readonly [from: number, to: number]): Value {
    if (to - from === parameter.size) return this.parameter(parameter);
    const values = () => this.#checked(parameter, from, to - from);
    return this.floats(`${parameter.path}[${from}:${to}]`, [to - from], values);
  }

  /** All values of a parameter, which are finite. */
  valuesOf(parameter: Parameter): Float32Array {
    return this.#checked(parameter, 0, parameter.size);
  }

  #stored(parameter: Parameter): Value {
    const { path, shape } = parameter;
    const values = () => this.valuesOf(parameter);
    return shape.length > 1 ? this.#matrix(path, shape, values) : this.floats(path, shape, values);
  }

  /** Matrices are what takes room: vectors stay in float32. */
  #matrix(name: string, dims: readonly number[], values: () => Float32Array): Value {
    if (!this.#halves) return this.floats(name, dims, values);
    const { NumericError } = this.tools;
    return this.#tensor(name, dims, TYPE.float16, 2 * sizeOf(dims), () =>
      toHalves(values(), name, NumericError),
    );
  }

  #isHalf(name: Value): boolean {
    return this.weights.get(name)?.type === TYPE.float16;
  }

  #asFloat(name: Value): Value {
    if (!this.#isHalf(name)) return name;
    const wide = this.#wide.get(name) ?? this.op('Cast', [name], { to: { i: TYPE.float } });
    this.#wide.set(name, wide);
    return wide;
  }

  #tensor(
    name: string,
    dims: readonly number[],
    type: number,
    byteLength: number,
    values: () => Float32Array | BigInt64Array | Uint16Array,
  ): Value {
    const bytes = () => {
      const { buffer, byteOffset, byteLength } = values();
      return new Uint8Array(buffer, byteOffset, byteLength);
    };
    if (!this.weights.has(name)) this.weights.set(name, { name, dims, type, byteLength, bytes });
    return name;
  }

  #checked(parameter: Parameter, begin: number, count: number): Float32Array {
    const values = valuesOf(parameter, begin, count);
    const bad = values.findIndex((value) => value - value !== 0);
    if (bad < 0) return values;
    throw new this.tools.NumericError(
      `${parameter.path} has ${values[bad]}, so there is nothing to compute with`,
      {
        op: 'exportONNX',
        path: parameter.path,
        expected: 'finite numbers',
        actual: values[bad],
        hint: 'its training has failed: take an earlier checkpoint, or a lower lr',
      },
    );
  }

  /** The nodes, with values that are given out under the names of the outputs. */
  finished(): Proto<'NodeProto'>[] {
    const named = (values: readonly Value[] = []) => values.map((value) => this.#names.get(value) ?? value);
    return this.nodes.map((node) => ({ ...node, input: named(node.input), output: named(node.output) }));
  }
}

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, n) => product * n, 1);

function valuesOf(tensor: Variable, begin = 0, count = tensor.size): Float32Array {
  return Float32Array.from(tensor.storage.read(tensor.offset + begin, count));
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function attributeProto(name: string, value: Attribute): Proto<'AttributeProto'> {
  if ('f' in value) return { name, type: ATTRIBUTE.f, f: value.f };
  if ('i' in value) return { name, type: ATTRIBUTE.i, i: BigInt(value.i) };
  if ('s' in value) return { name, type: ATTRIBUTE.s, s: ascii(value.s) };
  return { name, type: ATTRIBUTE.ints, ints: value.ints.map(BigInt) };
}

function valueInfo(name: string, elemType: number, dims: readonly Dim[]): Proto<'ValueInfoProto'> {
  const dim = dims.map((size) =>
    typeof size === 'number' ? { dimValue: BigInt(size) } : { dimParam: size },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
