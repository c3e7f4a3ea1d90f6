/** @file Prenorm as an engine among the others: node prenorm.mjs MODEL.json THREADS SIMD. */

import { readFileSync } from 'node:fs';
import { capabilities, init } from '../../dist/index.js';
import { bench } from '../../scripts/built-bench.mjs';
import { serve } from './serve.mjs';

const [path, threads, arithmetic] =
  /** @type {[string, string, import('../../src/runtime/arithmetic.js').Arithmetic]} */ (
    process.argv.slice(2)
  );
const { shape } = JSON.parse(readFileSync(path, 'utf8'));
const runtime = await init({ threads: Number(threads), arithmetic });
const step = bench.lmStep(/** @type {any} */ (runtime), shape);
const can = capabilities();
await serve(
  `Prenorm, ${arithmetic}, ${can.threads} thread${can.threads === 1 ? '' : 's'}, Node ${process.version}`,
  () => step.run(),
);
