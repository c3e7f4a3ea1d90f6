/** @file What one downloads: bundles of the entry, and the unpacked package. */
import { gzipSync } from 'node:zlib';
import { bench } from '../scripts/built-bench.mjs';
import { bundle, imports, unpackedSize } from '../scripts/size.mjs';

const { makeRow, targets } = bench;

export async function measureSize(plan) {
  plan.onProgress('bundles and package size');
  const row = (name, bytes, target, note) =>
    makeRow({ name, unit: 'bytes', samples: [bytes], better: 'lower', target, note });
  return [
    row('library entry, min+gzip', await bundled(imports.entry), targets.entry, 'strict kernels inlined'),
    row(
      'inference-only import, min+gzip',
      await bundled(imports.inference),
      targets.inference,
      'init from prenorm/inference',
    ),
    row('package, unpacked', unpackedSize(), targets.unpacked, 'embedded data included'),
  ];
}

/** Bytes after gzip of the minified files that a page loads before it can compute. */
async function bundled(way) {
  const files = await bundle(way);
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}
