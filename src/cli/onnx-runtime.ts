/** @file onnxruntime-web, where it is installed: as much of it as running the graphs of a folder takes. */
import { EnvironmentError } from '../errors.js';
import { loadPeer } from './peer.js';

/** A tensor of theirs. */
export interface OnnxTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

/** A graph that can be run. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

/** The module. */
export interface OnnxRuntime {
  env: { wasm: { numThreads?: number }; logLevel?: string };
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => OnnxTensor;
}

const NAME = 'onnxruntime-web';

/**
 * The module: beside this package, or where the command runs.
 * @throws EnvironmentError where it is not installed
 */
export async function loadOnnxRuntime(from = process.cwd()): Promise<OnnxRuntime> {
  try {
    const module = await loadPeer<OnnxRuntime | { default: OnnxRuntime }>(NAME, from);
    const runtime = 'InferenceSession' in module ? module : module.default;
    // One thread keeps no worker that the process would wait for.
    runtime.env.wasm.numThreads = 1;
    runtime.env.logLevel = 'error';
    return runtime;
  } catch (cause) {
    throw new EnvironmentError(`${NAME} is not installed, which the graphs are run with`, {
      op: '--check',
      hint: `npm install ${NAME}`,
      cause,
    });
  }
}

/** The files of an export by their names. */
export type OnnxFolder = ReadonlyMap<string, Uint8Array>;

/** A graph of a folder by its name without ending; null where the folder has none of it. */
export async function openGraph(
  { InferenceSession }: OnnxRuntime,
  folder: OnnxFolder,
  stem: string,
): Promise<OnnxSession | null> {
  const name = [`onnx/${stem}.onnx`, `onnx/${stem}_fp16.onnx`].find((file) => folder.has(file));
  if (name === undefined) return null;
  const externalData = [...folder]
    .filter(([file]) => file.startsWith(`${name}_data`))
    .map(([file, data]) => ({ path: file.replace('onnx/', ''), data }));
  const options = { executionProviders: ['wasm'], ...(externalData.length > 0 ? { externalData } : {}) };
  return InferenceSession.create(folder.get(name) as Uint8Array, options);
}

/** Ids or a mask, (B, T). */
export const integers = ({ Tensor }: OnnxRuntime, rows: readonly (readonly number[])[]): OnnxTensor =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);

/** Keys and values of no position at all, for graphs that take them in. */
export function emptyPast(
  { Tensor }: OnnxRuntime,
  { inputNames }: OnnxSession,
  heads: { batchSize: number; numKVHeads: number; dHead: number },
): Record<string, OnnxTensor> {
  const dims = [heads.batchSize, heads.numKVHeads, 0, heads.dHead];
  const names = inputNames.filter((name) => name.startsWith('past_key_values.'));
  return Object.fromEntries(names.map((name) => [name, new Tensor('float32', new Float32Array(0), dims)]));
}

/** What a graph gave out of keys and values, as what it takes in next; `before` has what it takes and gives out no more. */
export function pastOf(
  outputs: Readonly<Record<string, OnnxTensor>>,
  before: Readonly<Record<string, OnnxTensor>> = {},
): Record<string, OnnxTensor> {
  const present = Object.entries(outputs)
    .filter(([name]) => name.startsWith('present.'))
    .map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]);
  return { ...before, ...Object.fromEntries(present) };
}
