/**
 * @file Models as bytes, by the protobuf library of whoever exports. It is loaded here and nowhere else: most never need it,
 * so it is an optional peer.
 */
import type { OnnxTools } from './graph.js';
import { type FieldRow, messages, type Proto } from './schema.js';

/** The numbers that descriptor.proto has for them. */
const SCALARS: Readonly<Record<string, number>> = { float: 2, int64: 3, int32: 5, string: 9, bytes: 12 };
const MESSAGE = 11;
const [OPTIONAL, REPEATED] = [1, 3];

/** A nested message stands beside the others: names are in no bytes. */
const flat = (name: string): string => name.replace('.', '_');

const fieldOf = ([name, [number, kind, several]]: [string, FieldRow]) => ({
  name,
  number,
  label: several ? REPEATED : OPTIONAL,
  type: SCALARS[kind] ?? MESSAGE,
  ...(SCALARS[kind] === undefined ? { typeName: `.onnx.${flat(kind)}` } : {}),
});

/**
 * What makes bytes of a model, and the model of bytes.
 * @throws EnvironmentError where the library is not installed
 */
export async function loadModelProto(tools: OnnxTools): Promise<{
  encode(model: Proto<'ModelProto'>): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array): Proto<'ModelProto'>;
}> {
  const { create, createFileRegistry, fromBinary, toBinary, FileDescriptorProtoSchema } = await load(tools);
  // As in onnx.proto: in proto2 a number is written though it is 0, and lists are not packed.
  const file = create(FileDescriptorProtoSchema, {
    name: 'onnx.proto',
    package: 'onnx',
    syntax: 'proto2',
    messageType: Object.entries(messages).map(([name, fields]) => ({
      name: flat(name),
      field: Object.entries(fields).map(fieldOf),
    })),
  });
  const schema = createFileRegistry(file, () => undefined).getMessage('onnx.ModelProto');
  if (!schema) throw new Error('the table has no ModelProto');
  return {
    encode: (model) => toBinary(schema, create(schema, model)),
    // Its fields are those of the table, which the library's types do not know.
    decode: (bytes) => fromBinary(schema, bytes) as unknown as Proto<'ModelProto'>,
  };
}

async function load({ EnvironmentError }: OnnxTools) {
  try {
    // As it stands in `try`, bundlers leave it to the page where the library is not installed.
    const library = await import('@bufbuild/protobuf');
    const { FileDescriptorProtoSchema } = await import('@bufbuild/protobuf/wkt');
    return { ...library, FileDescriptorProtoSchema };
  } catch (cause) {
    throw new EnvironmentError('@bufbuild/protobuf is not installed, which writes the files', {
      op: 'exportONNX',
      expected: '@bufbuild/protobuf 2',
      hint: 'npm install @bufbuild/protobuf',
      cause,
    });
  }
}
