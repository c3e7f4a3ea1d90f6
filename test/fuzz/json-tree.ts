/**
 * @file JSON as a tree that may also be wrong: keys twice, numbers no engine can hold, brackets without end.
 * Mutations keep most of a file intact, so that what comes behind the first check is reached as well.
 */
import type { RandomStream } from '../../src/random.js';

export type Tree =
  | { kind: 'object'; entries: [key: string, value: Tree][] }
  | { kind: 'list'; items: Tree[] }
  | { kind: 'raw'; text: string };

export const raw = (text: string): Tree => ({ kind: 'raw', text });
export const text = (value: string): Tree => raw(JSON.stringify(value));

export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf) };
  if (typeof value === 'object' && value !== null) {
    return { kind: 'object', entries: Object.entries(value).map(([key, item]) => [key, treeOf(item)]) };
  }
  return raw(JSON.stringify(value) ?? 'null');
}

export function serialize(tree: Tree): string {
  if (tree.kind === 'raw') return tree.text;
  if (tree.kind === 'list') return `[${tree.items.map(serialize).join(',')}]`;
  return `{${tree.entries.map(([key, value]) => `${JSON.stringify(key)}:${serialize(value)}`).join(',')}}`;
}

export const pick = <T>(random: RandomStream, items: readonly T[]): T => items[random.nextInt(items.length)];

const VALUES = [
  ...['0', '-0', '-1', '1', '2', '1.5', '1e-7', '1e308', '1e999', '-1e999', '9007199254740991'],
  ...['9007199254740993', '2147483647', '2147483648', '4294967296', '16777217', '65536'],
  ...['true', 'false', 'null', 'NaN', '', '""', '"x"', '"0"', '"__proto__"', '"\\u0000"', '"\\ud800"'],
  ...['[]', '{}', '[[]]', '{"toString":1,"valueOf":1}', '{"__proto__":{"x":1}}', '{"length":3}'],
];
const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'length',
  'toJSON',
  '',
  'a\nb',
  '\u001b[2J',
  '__metadata__',
];

/** A value that programs trip over; one in ten is large or deep. */
export function oddValue(random: RandomStream): Tree {
  const depth = pick(random, [63, 64, 65, 5000]);
  switch (random.nextInt(40)) {
    case 0:
      return raw('['.repeat(depth) + ']'.repeat(depth));
    case 1:
      return raw(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    case 2:
      return text('x'.repeat(1 + random.nextInt(30_000)));
    case 3:
      return { kind: 'list', items: new Array(1 + random.nextInt(5000)).fill(raw(pick(random, VALUES))) };
    default:
      return raw(pick(random, VALUES));
  }
}

/** A copy with one change somewhere. */
export function mutate(tree: Tree, random: RandomStream): Tree {
  const target = random.nextInt(count(tree));
  return change(tree, { left: target }, random);
}

function count(tree: Tree): number {
  if (tree.kind === 'raw') return 1;
  const children = tree.kind === 'list' ? tree.items : tree.entries.map(([, value]) => value);
  return children.reduce((sum, child) => sum + count(child), 1);
}

function change(tree: Tree, place: { left: number }, random: RandomStream): Tree {
  if (place.left-- === 0) return changeHere(tree, random);
  if (tree.kind === 'list')
    return { kind: 'list', items: tree.items.map((item) => change(item, place, random)) };
  if (tree.kind === 'raw') return tree;
  return { kind: 'object', entries: tree.entries.map(([key, value]) => [key, change(value, place, random)]) };
}

function changeHere(tree: Tree, random: RandomStream): Tree {
  if (random.nextInt(4) === 0) return oddValue(random);
  if (random.nextInt(12) === 0) return { kind: 'list', items: [tree] };
  if (random.nextInt(12) === 0) return { kind: 'object', entries: [[pick(random, KEYS), tree]] };
  if (tree.kind === 'raw') return changeRaw(tree.text, random);
  if (tree.kind === 'list')
    return { kind: 'list', items: changeItems(tree.items, random, () => oddValue(random)) };
  const entries = changeItems<[string, Tree]>(tree.entries, random, () => [
    pick(random, KEYS),
    oddValue(random),
  ]);
  const at = random.nextInt(Math.max(1, entries.length));
  if (entries.length > 0 && random.nextInt(3) === 0) {
    const names = random.nextInt(2) === 0 ? KEYS : entries.map(([key]) => key);
    entries[at] = [pick(random, names), entries[at][1]];
  }
  return { kind: 'object', entries };
}

function changeItems<T>(items: readonly T[], random: RandomStream, fresh: () => T): T[] {
  const out = [...items];
  const at = random.nextInt(out.length + 1);
  switch (random.nextInt(4)) {
    case 0:
      out.splice(at, 1);
      break;
    case 1:
      out.splice(at, 0, fresh());
      break;
    case 2:
      if (out.length > 0) out.splice(at, 0, out[random.nextInt(out.length)]);
      break;
    default:
      if (out.length > 1) {
        const other = random.nextInt(out.length);
        [out[at % out.length], out[other]] = [out[other], out[at % out.length]];
      }
  }
  return out;
}

function changeRaw(value: string, random: RandomStream): Tree {
  const number = Number(value);
  if (value.startsWith('"')) return raw(`"${value.slice(1, -1)}${pick(random, ['x', '.', ' ', '\\u0000'])}"`);
  if (!Number.isFinite(number)) return oddValue(random);
  return raw(
    String(
      pick(random, [number + 1, number - 1, -number, number * 2, number / 2, number + 4096, number * 1e9]),
    ),
  );
}

/** Byte-level damage: bits, cuts, insertions, repeated stretches. */
export function damage(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const at = random.nextInt(bytes.length + 1);
  const length = random.nextInt(Math.min(64, bytes.length - at) + 1);
  const join = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
  const [head, middle, tail] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + length),
    bytes.subarray(at + length),
  ];
  switch (random.nextInt(6)) {
    case 0:
      return join(head, tail);
    case 1:
      return join(head, middle, middle, tail);
    case 2:
      return head.slice();
    case 3:
      return join(
        head,
        Uint8Array.from({ length: 1 + random.nextInt(8) }, () => random.nextInt(256)),
        tail,
      );
    default: {
      const out = bytes.slice();
      if (out.length > 0) out[at % out.length] ^= 1 << random.nextInt(8);
      return out;
    }
  }
}
