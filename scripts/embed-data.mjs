/**
 * @file Embeds data/ into src/data/generated/: one module per dataset, so that bundlers load each on demand.
 * The committed gzip files go in byte for byte as base64; every module names its licence and the SHA-256 of
 * the content it holds. Run by scripts/build.mjs, or alone: `node scripts/embed-data.mjs`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const datasets = [
  {
    name: 'ui-de-en',
    notice: [
      'German-English interface messages from @codingame/monaco-vscode-language-pack-de and',
      '@codingame/monaco-vscode-api 25.1.2. Copyright (c) Microsoft Corporation, (c) CodinGame. MIT License, see NOTICE.',
    ],
    parts: {
      train: 'data/ui-de-en/train.tsv.gz',
      valid: 'data/ui-de-en/valid.tsv.gz',
      test: 'data/ui-de-en/test.tsv.gz',
    },
  },
  {
    name: 'kjv',
    notice: [
      'King James Bible, Genesis 1 to 37, from: Bible Retrieval System, Chip Chapin, Hewlett Packard Company.',
      'This file is provided for unrestricted use provided that this legend is included on all tape media and as a',
      'part of the software program in whole or part. Users may copy, modify or distribute this file at will.',
    ],
    parts: { genesis: 'data/kjv/genesis-1-37.txt.gz' },
  },
  {
    name: 'digits',
    notice: [
      'Handwritten digits. Copyright (c) 2007-2026 The scikit-learn developers. BSD 3-Clause License, see NOTICE.',
    ],
    parts: { digits: 'data/digits/digits.bin.gz' },
  },
];

const folder = join(root, 'src/data/generated');
mkdirSync(folder, { recursive: true });
for (const { name, notice, parts } of datasets) {
  const lines = ['// Auto-generated from data/ by `node scripts/embed-data.mjs`. Do not edit.'];
  lines.push('/*!', ...notice.map((line) => ` * ${line}`), ' */');
  for (const [part, path] of Object.entries(parts)) {
    const gzip = readFileSync(join(root, path));
    const sha256 = createHash('sha256').update(gunzipSync(gzip)).digest('hex');
    lines.push('', `/** ${path} as base64; its content has the SHA-256 ${sha256}. */`);
    // The annotation keeps the literal out of the declaration file.
    lines.push(`export const ${part}: string =\n  '${gzip.toString('base64')}';`);
  }
  const text = `${lines.join('\n')}\n`;
  const path = join(folder, `${name}.ts`);
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}
