/**
 * @file The messages of onnx.proto (github.com/onnx/onnx, IR version 8 and up) that a model of ours is made of: the fields
 * that are written, with their numbers. Enumerations are int32 here, and what is one of several is a field of its own: the
 * bytes are the same. `scripts/check-onnx.mjs` holds the table against the published messages.
 */

/** Number, what it holds, and whether there may be several. */
export type FieldRow = readonly [number: number, kind: string, several?: 'repeated'];

/** Fields by message; a nested message has the name of the outer one in front. */
export const messages = {
  ModelProto: {
    ir_version: [1, 'int64'],
    producer_name: [2, 'string'],
    producer_version: [3, 'string'],
    graph: [7, 'GraphProto'],
    opset_import: [8, 'OperatorSetIdProto', 'repeated'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: {
    node: [1, 'NodeProto', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto', 'repeated'],
    input: [11, 'ValueInfoProto', 'repeated'],
    output: [12, 'ValueInfoProto', 'repeated'],
  },
  NodeProto: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    op_type: [4, 'string'],
    attribute: [5, 'AttributeProto', 'repeated'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    ints: [8, 'int64', 'repeated'],
    type: [20, 'int32'],
  },
  TensorProto: {
    dims: [1, 'int64', 'repeated'],
    data_type: [2, 'int32'],
    name: [8, 'string'],
    raw_data: [9, 'bytes'],
    external_data: [13, 'StringStringEntryProto', 'repeated'],
    data_location: [14, 'int32'],
  },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensor_type: [1, 'TypeProto.Tensor'] },
  'TypeProto.Tensor': { elem_type: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  TensorShapeProto: { dim: [1, 'TensorShapeProto.Dimension', 'repeated'] },
  'TensorShapeProto.Dimension': { dim_value: [1, 'int64'], dim_param: [2, 'string'] },
} as const satisfies Record<string, Record<string, FieldRow>>;

type Messages = typeof messages;

interface Scalars {
  int32: number;
  int64: bigint;
  float: number;
  string: string;
  bytes: Uint8Array;
}

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
type ValueOf<K> = K extends keyof Scalars ? Scalars[K] : K extends keyof Messages ? Proto<K> : never;

/** A message as plain data: the fields of the table in camelCase, any of which may be missing. */
export type Proto<M extends keyof Messages> = {
  [F in keyof Messages[M] & string as Camel<F>]?: Messages[M][F] extends readonly [
    number,
    infer K,
    'repeated',
  ]
    ? ValueOf<K>[]
    : Messages[M][F] extends readonly [number, infer K]
      ? ValueOf<K>
      : never;
};

/** AttributeProto.type. */
export const ATTRIBUTE = { f: 1, i: 2, s: 3, ints: 7 } as const;
/** TensorProto.data_type. */
export const TYPE = { float: 1, int64: 7, bool: 9, float16: 10 } as const;
/** TensorProto.data_location: in a file beside the model. */
export const EXTERNAL = 1;
