/** @file Prenorm as an engine among the others: node prenorm.mjs MODEL.json THREADS SIMD. */

import { readFileSync } from 'node:fs';
import { lmStep } from '../../dist/bench/index.js';
import { capabilities, init } from '../../dist/index.js';
import { serve } from './serve.mjs';

const [path, threads, simd] = process.argv.slice(2);
const { shape } = JSON.parse(readFileSync(path, 'utf8'));
const runtime = await init({ threads: Number(threads), simd });
const step = lmStep(runtime, shape);
const can = capabilities();
await serve(
  `Prenorm, ${simd}, ${can.threads} thread${can.threads === 1 ? '' : 's'}, Node ${process.version}`,
  () => step.run(),
);
