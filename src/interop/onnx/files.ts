/** @file The files of a model's graphs: weights in them, or beside them where they would be too large for one message. */
import type { LibraryModel } from '../../nn/model-kinds.js';
import type { Graph, OnnxTools, Weight } from './graph.js';
import { graphsOf, type ModelGraphOptions } from './models.js';
import { loadModelProto } from './protobuf.js';
import { EXTERNAL, type Proto } from './schema.js';

/** How the files are to be. */
export interface OnnxFileOptions extends ModelGraphOptions {
  /** Largest file, in bytes. */
  maxFileBytes: number;
}

/** The version of the format that came with each version of the operators. */
const IR_VERSION: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11 };

/** Room for what is no weight: nodes and names. */
const PER_NODE = 512;

/** Tensors below it stay in the model, where shapes are read from. */
const SMALL = 1024;

/** Offsets are multiples of it, so that a file can be mapped into memory. */
const PAGE = 4096;

/** The files by their names, and how many lie beside each model. */
export async function onnxFiles(
  model: LibraryModel,
  options: OnnxFileOptions,
  tools: OnnxTools,
): Promise<{ files: Map<string, Uint8Array<ArrayBuffer>>; beside: Map<string, number> }> {
  const { encode } = await loadModelProto(tools);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const beside = new Map<string, number>();
  const suffix = options.halves ? '_fp16' : '';
  for (const [stem, draw] of graphsOf(model, options, tools)) {
    const name = `${stem}${suffix}.onnx`;
    const graph = draw();
    const weights = [...graph.weights.values()];
    const inside = weights.reduce((sum, { byteLength }) => sum + byteLength, PER_NODE * graph.nodes.length);
    const outside = inside > options.maxFileBytes ? placesBeside(name, weights, options.maxFileBytes) : [];
    if (outside.length > 0) beside.set(name, outside.length);
    outside.forEach((file) => {
      files.set(file.name, contentOf(file));
    });
    files.set(name, encode(modelProto(graph, stem, outside, tools.version)));
  }
  return { files, beside };
}

/** A file of weights, and where each begins in it. */
interface DataFile {
  name: string;
  byteLength: number;
  weights: { weight: Weight; offset: number }[];
}

function placesBeside(model: string, weights: readonly Weight[], most: number): DataFile[] {
  const files: DataFile[] = [];
  for (const weight of weights) {
    if (weight.byteLength < SMALL) continue;
    let file = files[files.length - 1];
    let offset = file ? Math.ceil(file.byteLength / PAGE) * PAGE : 0;
    if (!file || offset + weight.byteLength > most) {
      const number = files.length === 0 ? '' : `_${files.length}`;
      file = { name: `${model}_data${number}`, byteLength: 0, weights: [] };
      files.push(file);
      offset = 0;
    }
    file.weights.push({ weight, offset });
    file.byteLength = offset + weight.byteLength;
  }
  return files;
}

function contentOf({ byteLength, weights }: DataFile): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(byteLength);
  for (const { weight, offset } of weights) content.set(weight.bytes(), offset);
  return content;
}

function modelProto(
  graph: Graph,
  name: string,
  outside: readonly DataFile[],
  version: string,
): Proto<'ModelProto'> {
  const places = new Map(
    outside.flatMap((file) =>
      file.weights.map(({ weight, offset }) => [weight, [file.name, offset]] as const),
    ),
  );
  const initializer = [...graph.weights.values()].map((weight): Proto<'TensorProto'> => {
    const tensor = { name: weight.name, dims: weight.dims.map(BigInt), dataType: weight.type };
    const place = places.get(weight);
    if (!place) return { ...tensor, rawData: weight.bytes() };
    const entries = { location: place[0], offset: place[1], length: weight.byteLength };
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
    return { ...tensor, externalData, dataLocation: EXTERNAL };
  });
  return {
    irVersion: BigInt(IR_VERSION[graph.opset]),
    producerName: 'prenorm',
    producerVersion: version,
    opsetImport: [{ domain: '', version: BigInt(graph.opset) }],
    graph: { name, node: graph.finished(), initializer, input: graph.inputs, output: graph.outputs },
  };
}
