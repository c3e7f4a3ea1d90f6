/** @file Folders of test/fixtures/pretrained, whole or changed, and how a model's numbers are held against theirs. */
import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { fromPretrained, type PretrainedModel, toPretrained } from '../../src/interop/index.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import type { CausalLM, LibraryModel } from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, close } from '../support.js';

export type Files = Record<string, Uint8Array>;
export type Tensors = ReturnType<typeof decodeSafetensors>['tensors'];

export const folderUrl = (name: string): URL => new URL(`../fixtures/pretrained/${name}/`, import.meta.url);
const isWeights = (name: string): boolean => name.endsWith('.safetensors');

export const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
export const parsed = (bytes: Uint8Array | undefined): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

/** All of a folder but what is only for tests. */
export function filesOf(name: string): Files {
  const names = readdirSync(folderUrl(name)).filter((file) => file !== 'golden.json');
  return Object.fromEntries(
    names.map((file) => [file, new Uint8Array(readFileSync(new URL(file, folderUrl(name))))]),
  );
}

export const goldenOf = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL('golden.json', folderUrl(name)), 'utf8')) as T;

/** The folder with other keys in config.json; undefined takes one away. */
export function withConfig(name: string, changes: object): Files {
  const files = filesOf(name);
  return { ...files, 'config.json': json({ ...parsed(files['config.json']), ...changes }) };
}

/** All tensors of a folder's files. */
export const tensorsOf = (files: ReadonlyMap<string, Uint8Array> | Files): Tensors =>
  new Map(
    [...(files instanceof Map ? files : Object.entries(files))]
      .filter(([file]) => isWeights(file))
      .flatMap(([, bytes]) => [...decodeSafetensors(bytes).tensors]),
  );

/** The folder, in one file, with other tensors. */
export function withTensors(name: string, change: (tensors: Tensors) => void, changes: object = {}): Files {
  const tensors = tensorsOf(filesOf(name));
  change(tensors);
  return {
    'config.json': withConfig(name, changes)['config.json'],
    'model.safetensors': encodeSafetensors(tensors),
  };
}

/** Their logits in f32 and in double precision; `run` gives ours. */
export async function checkNumbers(
  name: string,
  expected: readonly number[],
  run: (model: LibraryModel) => ArrayLike<number>,
): Promise<PretrainedModel> {
  const scale = Math.max(...expected.map(Math.abs));
  const loaded = await fromPretrained(filesOf(name));
  const logits = noGrad(() => run(loaded.model));
  assert.is(logits.length, expected.length);
  expected.forEach((value, i) => {
    close(logits[i], value, 1e-5 * scale, `number ${i}`);
  });
  const exact = createReferenceRuntime();
  const double = await withRuntime(exact, () => fromPretrained(filesOf(name)));
  const precise = withRuntime(exact, () => noGrad(() => run(double.model)));
  expected.forEach((value, i) => {
    close(precise[i], value, 1e-12 * scale, `number ${i} in double precision`);
  });
  return loaded;
}

/** What is written, in one file and in several, is read back with the same bits; gives the files. */
export async function checkRoundTrip(
  model: LibraryModel,
  run: (model: LibraryModel) => ArrayLike<number>,
): Promise<Map<string, Uint8Array>> {
  const all = bits(noGrad(() => run(model)));
  const whole = toPretrained(model);
  assert.equal([...whole.keys()], ['config.json', 'model.safetensors']);
  const sharded = toPretrained(model, { maxShardBytes: 4000 });
  assert.ok(sharded.size > 3 && sharded.has('model.safetensors.index.json'));
  for (const written of [whole, sharded]) {
    const { model: back } = await fromPretrained(written);
    assert.is(bits(noGrad(() => run(back))), all);
    for (const [key, parameter] of model.namedParameters()) {
      const again = back.stateDict().get(key);
      assert.is(bits(again?.data as Float32Array), bits(parameter.toArray()), key);
    }
  }
  return whole;
}

export const lmLogits =
  (ids: readonly number[]) =>
  (model: LibraryModel): ArrayLike<number> =>
    (model as CausalLM).forward({ ids: Int32Array.from(ids), batchSize: 1, seqLen: ids.length }).toArray();

const keys = JSON.parse(
  readFileSync(new URL('../fixtures/pretrained/keys.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, number[]>>;

/** What is written has the keys and shapes of their modules, tied ones under both names. */
export function checkKeys(name: string, written: ReadonlyMap<string, Uint8Array>): void {
  const found = [...tensorsOf(written)].map(([key, { shape }]) => [key, shape] as const);
  assert.equal(Object.fromEntries(found.sort()), Object.fromEntries(Object.entries(keys[name]).sort()));
}
