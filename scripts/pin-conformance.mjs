/**
 * @file Pins the hashes of the conformance run: `node scripts/pin-conformance.mjs`. Run it after `npm run build`, when
 * the bits were changed on purpose, and say so in the changelog under "Bits". `--check` only compares.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const sha256 = (path) =>
  createHash('sha256')
    .update(readFileSync(new URL(path, root)))
    .digest('hex');
const [strict, relaxed] = ['build/kernels.wasm', 'build/kernels.relaxed.wasm'].map(sha256);
const { init } = await import('../dist/index.js');
const { pinned, runConformance } = await import('../dist/conformance/index.js');
/** @param {'strict' | 'int12'} arithmetic */
async function run(arithmetic) {
  console.log(arithmetic);
  await init({ arithmetic });
  const result = await runConformance({
    onItem: ({ name, hash }) => console.log(`${name.padEnd(18)} ${hash}`),
  });
  console.log(`${`total of list ${result.list}`.padEnd(18)} ${result.total}`);
  return result;
}
const { items, list, total } = await run('strict');
const int12 = await run('int12');
const pairs = [
  ...items.map(({ name, hash }) => ({ shown: name, hash, pin: pinned.items[name] })),
  ...int12.items.map(({ name, hash }) => ({
    shown: `${name} in int12`,
    hash,
    pin: pinned.int12.items[name],
  })),
];
const different = pairs.filter(({ hash, pin }) => pin !== hash);
const changed = different.map(({ shown }) => shown);
const moved = different.filter(({ pin }) => pin !== undefined).map(({ shown }) => shown);
const removed = Object.keys(pinned.items).filter((name) => !items.some((item) => item.name === name));
// Since list 2 an item keeps its hash for good; another one is a new item of a new list.
if (moved.length + removed.length > 0 && pinned.list === list && !process.argv.includes('--moved')) {
  console.error(`pin-conformance: ${[...moved, ...removed].join(', ')}: a pinned item must not change; mend the kernel,
or make a new item with a new name and raise LIST in src/conformance/run.ts (before a release: --moved)`);
  process.exit(1);
}
if (pinned.kernels.strict !== strict || pinned.kernels.relaxed !== relaxed)
  changed.push('bytes of the kernels');
if (changed.length + removed.length === 0 && total === pinned.total && int12.total === pinned.int12.total)
  console.log('nothing changed');
else if (process.argv.includes('--check')) {
  console.error(`pin-conformance: not as pinned: ${[...changed, ...removed].join(', ')}`);
  process.exit(1);
} else {
  // Bytes of the kernels, and items that the same list gets before a release, leave earlier totals what they were.
  const own = pinned.list < list ? [...pinned.earlier, pinned.total] : pinned.earlier;
  const earlier = moved.some((shown) => !shown.endsWith(' in int12')) ? [] : own;
  const lines = (of, indent) =>
    of.map(({ name, hash }) => `${indent}${/^\w+$/.test(name) ? name : `'${name}'`}: '${hash}',\n`).join('');
  // As the formatter writes a list: two do not fit in a line.
  const listed = (of) => (of.length > 1 ? `\n${of.map((one) => `    ${one},\n`).join('')}  ` : of.join());
  writeFileSync(
    new URL('src/conformance/pinned.ts', root),
    `// Written by \`node scripts/pin-conformance.mjs\`. A change of the total or of an item is a
// change of the bits: see docs/determinism.md.

/** The hashes of one arithmetic. */
export interface PinnedHashes {
  /** SHA-256 over all items of the list. */
  readonly total: string;
  /** SHA-256 by item. */
  readonly items: Readonly<Record<string, string>>;
}

/** The hashes that this version must give, in strict arithmetic where nothing else is said. */
export interface Pinned extends PinnedHashes {
  /** SHA-256 of the compiled kernels. Other bytes need not mean other bits. */
  readonly kernels: { readonly strict: string; readonly relaxed: string };
  /** Version of the list of items. */
  readonly list: number;
  /** Totals of earlier lists, whose items are all in this one with the same hashes: equal bits. */
  readonly earlier: readonly string[];
  /** The same list in int12 arithmetic. */
  readonly int12: PinnedHashes;
}

/** The hashes of this version; docs/determinism.md says when they change. */
export const pinned: Pinned = {
  kernels: {
    strict: '${strict}',
    relaxed: '${relaxed}',
  },
  list: ${list},
  total: '${total}',
  earlier: [${listed(earlier.map((total) => `'${total}'`))}],
  items: {
${lines(items, '    ')}  },
  int12: {
    total: '${int12.total}',
    items: {
${lines(int12.items, '      ')}    },
  },
};
`,
  );
  console.log(
    `src/conformance/pinned.ts: written; changed: ${[...changed, ...removed].join(', ')}. Build again.`,
  );
}
