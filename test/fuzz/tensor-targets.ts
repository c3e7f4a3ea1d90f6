/** @file Files of tensors that are nearly right: safetensors, and those of PyTorch. */

import { createHash } from 'node:crypto';
import { FormatError } from '../../src/errors.js';
import { loadTorchSafetensors, saveTorchSafetensors } from '../../src/interop/torch.js';
import { decodeSafetensors, encodeSafetensors, readSafetensorsHeader } from '../../src/io/safetensors.js';
import type { StateDict } from '../../src/nn/module.js';
import type { RandomStream } from '../../src/random.js';
import { createRuntime } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { translator } from '../train/setup.js';
import { pick, serialize, type Tree, text, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { must, only, safetensorsFile, several } from './nearly-right.js';

const dtypes: [string, number][] = [
  ...([
    ['F32', 4],
    ['F64', 8],
    ['F16', 2],
    ['BF16', 2],
    ['I64', 8],
    ['U8', 1],
    ['BOOL', 1],
  ] as [string, number][]),
  ...([
    ['F8_E4M3', 1],
    ['__proto__', 4],
  ] as [string, number][]),
];

export const safetensors: FuzzTarget = {
  name: 'safetensors',
  make(random) {
    const entries: [string, Tree][] = [];
    if (random.nextInt(2) === 0) entries.push(['__metadata__', treeOf({ format: 'pt', note: '{"a":1}' })]);
    let offset = 0;
    for (let n = random.nextInt(5); n > 0; n--) {
      const [dtype, size] = dtypes[random.nextInt(random.nextInt(4) === 0 ? dtypes.length : 7)];
      const shape = Array.from({ length: random.nextInt(4) }, () => random.nextInt(4));
      const bytes = shape.reduce((a, b) => a * b, size);
      entries.push([
        pick(random, ['w', 'b', 'a.b', '', 'ü']) + n,
        treeOf({ dtype, shape, data_offsets: [offset, offset + bytes] }),
      ]);
      offset += bytes;
    }
    const data = Uint8Array.from({ length: offset }, () => random.nextInt(256));
    return safetensorsFile(serialize(several({ kind: 'object', entries }, random)), data, random);
  },
  run(bytes) {
    only([FormatError], () => {
      const { tensors, metadata } = decodeSafetensors(bytes, 'x');
      must(Object.getPrototypeOf(metadata) === null, 'metadata has a prototype');
      const again = decodeSafetensors(encodeSafetensors(tensors, metadata), 'y');
      must(again.tensors.size === tensors.size, 'tensors were lost');
      for (const [name, { data }] of tensors) {
        must(Buffer.compare(bytesOf(data), bytesOf(again.tensors.get(name)?.data)) === 0, 'values changed');
      }
    });
  },
};

export function bytesOf(data: ArrayBufferView | undefined): Buffer {
  return data ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.alloc(0);
}

/** A header's tensors may change type, name, order and shape and still add up. */
export function reshuffle(tree: Tree & { kind: 'object' }, random: RandomStream): void {
  const at = random.nextInt(tree.entries.length);
  const [name, value] = tree.entries[at];
  if (name === '__metadata__' || value.kind !== 'object') return;
  const set = (key: string, item: Tree) => {
    value.entries = value.entries.map(([k, v]) => [k, k === key ? item : v]);
  };
  const other = pick(random, tree.entries);
  switch (random.nextInt(5)) {
    case 0:
      set('dtype', text(pick(random, ['I32', 'U32', 'F32', 'I64', 'F64'])));
      break;
    case 1:
      tree.entries[at][0] =
        `${name.slice(0, name.indexOf('.') + 1)}${pick(random, ['__proto__', 'm', 'x', ''])}`;
      break;
    case 2:
      if (other[0] !== '__metadata__') {
        tree.entries[at] = [other[0], value];
        other[0] = name;
      }
      break;
    case 3:
      set('shape', treeOf([random.nextInt(40), random.nextInt(40)]));
      break;
    default:
      tree.entries.splice(at, 1);
  }
}

const KINDS = [Float32Array, Float64Array, Int32Array, Uint8Array, BigInt64Array, BigUint64Array] as const;

/** A whole file in which one tensor has another type, name, shape or length: everything adds up, nothing fits. */
export function rebuilt(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(bytes, 'baseline');
  const names = [...tensors.keys()];
  const name = pick(random, names);
  const { shape, data } = tensors.get(name)!;
  const prefix = name.slice(0, name.indexOf('.') + 1);
  switch (random.nextInt(5)) {
    case 0:
      tensors.set(name, { dtype: '', shape, data: new KINDS[random.nextInt(KINDS.length)](data.length) });
      break;
    case 1:
      tensors.set(prefix + pick(random, ['__proto__', 'x', '', 'constructor']), { dtype: '', shape, data });
      break;
    case 2:
      tensors.set(pick(random, names), { dtype: '', shape, data });
      break;
    case 3:
      tensors.set(name, { dtype: '', shape: [...shape].reverse(), data });
      break;
    default: {
      const count = random.nextInt(2 * data.length + 2);
      tensors.set(name, { dtype: '', shape: [count], data: new Float32Array(count) });
    }
  }
  if (random.nextInt(6) === 0) tensors.delete(name);
  return encodeSafetensors(tensors, metadata);
}

export function torchTarget(): FuzzTarget {
  let runtime: Runtime;
  let bytes: Uint8Array;
  let header: Tree & { kind: 'object' };
  let data: Uint8Array;
  let model: ReturnType<typeof translator>;
  let before: string;
  const hash = (state: StateDict) => {
    const digest = createHash('sha256');
    for (const { data: values } of state.values()) digest.update(bytesOf(values));
    return digest.digest('hex');
  };
  return {
    name: 'torch',
    async reset() {
      if (runtime) return;
      runtime = await createRuntime();
      withRuntime(runtime, () => {
        model = translator({ numLayers: 2, normPlacement: 'pre' });
      });
      bytes = saveTorchSafetensors(model);
      const parsed = readSafetensorsHeader(bytes, 'baseline');
      header = treeOf(JSON.parse(parsed.text)) as typeof header;
      data = bytes.subarray(parsed.dataStart);
      before = hash(model.stateDict());
    },
    make(random) {
      if (random.nextInt(3) === 0) return rebuilt(bytes, random);
      let tree = structuredClone(header);
      if (random.nextInt(2) === 0) reshuffle(tree, random);
      else tree = several(tree, random) as typeof tree;
      if (random.nextInt(8) === 0 && tree.kind === 'object') {
        for (const entry of tree.entries) {
          entry[0] = entry[0].replace(
            /layers\.1/,
            pick(random, ['layers.9999999', 'layers.01', 'layers.1', 'x.layers.1']),
          );
        }
      }
      return safetensorsFile(serialize(tree), data, random);
    },
    run(input) {
      let accepted = false;
      try {
        only([FormatError], () => {
          withRuntime(runtime, () => loadTorchSafetensors(model, input, { path: 'x' }));
          accepted = true;
        });
      } finally {
        if (!accepted) must(hash(model.stateDict()) === before, 'a refused state changed the model');
        else before = hash(model.stateDict());
      }
    },
  };
}
