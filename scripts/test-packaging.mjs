/**
 * @file `npm run test:packaging [-- WORD… | --only NAME]`: packs the package, installs the tarball into empty folders as a stranger
 * would, and runs it in every host and bundler (packaging/cells.mjs), or in the cells whose name has one of the words; `--only`, which can be
 * repeated, is the whole name of one.
 * Each prints a hash, which must be the pinned one or Node's, or what it says where it cannot work. Tools and their
 * versions: test/packaging/package.json. Needs a Chromium and a Firefox, and npm's registry or cache.
 */
import { parseArgs } from 'node:util';
import { closeBrowsers } from './packaging/browser.mjs';
import { cells } from './packaging/cells.mjs';
import { install, removeFolders } from './packaging/folders.mjs';
import { judged } from './packaging/outcome.mjs';

const { values, positionals: words } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
});
for (const name of values.only) {
  if (!Object.hasOwn(cells, name)) {
    console.error(`no cell "${name}"; there are:\n${Object.keys(cells).join('\n')}`);
    process.exit(2);
  }
}
const all = words.length + values.only.length === 0;
const chosen = Object.entries(cells).filter(
  ([name]) => all || values.only.includes(name) || words.some((word) => name.includes(word)),
);
const counts = { ok: 0, FAILED: 0 };

function show(cell, outcome) {
  const { text, ok } = judged(outcome);
  const verdict = ok ? 'ok' : 'FAILED';
  counts[verdict]++;
  console.log(`| ${outcome.where ? `${cell}, ${outcome.where}` : cell} | ${text} | ${verdict} |`);
}

try {
  const { filename, unpackedSize } = install();
  console.log(
    `${filename}: ${(unpackedSize / 1e6).toFixed(2)} MB unpacked\n\n| cell | hash, or what it says | |\n|---|---|---|`,
  );
  for (const [name, cell] of chosen) {
    try {
      for (const outcome of [await cell()].flat()) show(name, outcome);
    } catch (error) {
      show(name, { error: error.message.slice(0, 2000) });
    }
  }
} finally {
  await closeBrowsers();
  removeFolders();
}
console.log(`\n${counts.ok} cells as they should be, ${counts.FAILED} not`);
process.exitCode = counts.FAILED > 0 || counts.ok === 0 ? 1 : 0;
