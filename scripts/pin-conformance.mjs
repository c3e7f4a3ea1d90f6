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
await init();
const { items, list, total } = await runConformance({
  onItem: ({ name, hash }) => console.log(`${name.padEnd(18)} ${hash}`),
});
console.log(`${`total of list ${list}`.padEnd(18)} ${total}`);
const changed = items.filter(({ name, hash }) => pinned.items[name] !== hash).map(({ name }) => name);
const moved = changed.filter((name) => pinned.items[name] !== undefined);
const removed = Object.keys(pinned.items).filter((name) => !items.some((item) => item.name === name));
// Since list 2 an item keeps its hash for good; another one is a new item of a new list.
if (moved.length + removed.length > 0 && pinned.list === list && !process.argv.includes('--moved')) {
  console.error(`pin-conformance: ${[...moved, ...removed].join(', ')}: a pinned item must not change; mend the kernel,
or make a new item with a new name and raise LIST in src/conformance/run.ts (before a release: --moved)`);
  process.exit(1);
}
if (pinned.kernels.strict !== strict || pinned.kernels.relaxed !== relaxed)
  changed.push('bytes of the kernels');
if (changed.length + removed.length === 0 && total === pinned.total) console.log('nothing changed');
else if (process.argv.includes('--check')) {
  console.error(`pin-conformance: not as pinned: ${[...changed, ...removed].join(', ')}`);
  process.exit(1);
} else {
  // Bytes of the kernels, and items that the same list gets before a release, leave earlier totals what they were.
  const own = pinned.list < list ? [...pinned.earlier, pinned.total] : pinned.earlier;
  const earlier = moved.length === 0 ? own : [];
  const lines = items.map(({ name, hash }) => `    ${/^\w+$/.test(name) ? name : `'${name}'`}: '${hash}',\n`);
  writeFileSync(
    new URL('src/conformance/pinned.ts', root),
    `// Written by \`node scripts/pin-conformance.mjs\`. A change of the total or of an item is a
// change of the bits: see docs/determinism.md.

/** The hashes that this version must give. */
export interface Pinned {
  /** SHA-256 of the compiled kernels. Other bytes need not mean other bits. */
  readonly kernels: { readonly strict: string; readonly relaxed: string };
  /** Version of the list of items. */
  readonly list: number;
  /** SHA-256 over all items of the list. */
  readonly total: string;
  /** Totals of earlier lists, whose items are all in this one with the same hashes: equal bits. */
  readonly earlier: readonly string[];
  /** SHA-256 by item. */
  readonly items: Readonly<Record<string, string>>;
}

/** The hashes of this version; docs/determinism.md says when they change. */
export const pinned: Pinned = {
  kernels: {
    strict: '${strict}',
    relaxed: '${relaxed}',
  },
  list: ${list},
  total: '${total}',
  earlier: [${earlier.map((total) => `'${total}'`).join(', ')}],
  items: {
${lines.join('')}  },
};
`,
  );
  console.log(
    `src/conformance/pinned.ts: written; changed: ${[...changed, ...removed].join(', ')}. Build again.`,
  );
}
