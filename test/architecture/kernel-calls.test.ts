/** Kernels take raw addresses and check nothing: few places call them, everything else calls ops. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('architecture: kernel calls');

/** Who may, with the reason: a folder, or a file. */
const MAY: Record<string, string> = {
  'runtime/': 'makes the tables of kernels, divides, records and replays their calls',
  'autograd/ops/': 'an op is a kernel or several, with checks and a backward',
  'autograd/tape.ts': 'adds gradients up',
  'autograd/variable.ts': 'writes the zeros of a gradient that nothing has reached',
  'optim/optimizer.ts': 'one call for all gradients, which lie in one block',
  'optim/adam.ts': 'its step is a kernel',
  'optim/sgd.ts': 'its step is a kernel',
  'optim/muon.ts': 'its momentum and its steps are kernels, over one block',
  'optim/newton-schulz.ts': 'its products are kernels, on memory of the optimizer',
  'conformance/ops-item.ts': 'pins kernels that no op shows',
  'bench/measure-kernels.ts': 'measures them',
};

/** A call of a kernel, or the table taken out of its runtime. */
const CALL =
  /(?<!\.\.)\.kernels\??\.\w+\(|\b(?:const|let)\s*\{[^{}]*\bkernels\b[^{}]*\}\s*=|=\s*\S*\.kernels\b/;

/** Without types and comments. */
const calls = (source: string): boolean => CALL.test(transformSync(source, { loader: 'ts' }).code);

test('the rule finds what it is for', () => {
  for (const code of [
    'x.runtime.kernels.fill(a, 0, n)',
    'const { kernels, heap } = runtime; f(kernels)',
    'const { exp64 } = currentRuntime().kernels',
    'currentRuntime().kernels.exp64(1)',
  ])
    assert.ok(calls(code), code);
  for (const code of [
    "import type { Ptr } from '../runtime/kernels.js'; // kernels.fill(0)",
    'print(versions.kernels[build].slice(0, 12))',
    'rows.flatMap((kernels) => [...kernels.keys()])',
  ])
    assert.not.ok(calls(code), code);
});

test('kernels are called by those on the list alone, and by all of them', () => {
  const callers = readdirSync('src', { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts') && !file.includes('generated/'))
    .filter((file) => calls(readFileSync(join('src', file), 'utf8')));
  const may = Object.keys(MAY);
  assert.equal(
    callers.filter((file) => !may.some((place) => file.startsWith(place))),
    [],
    'put it into an op, e.g. of src/autograd/ops/in-place.ts',
  );
  assert.equal(
    may.filter((place) => !callers.some((file) => file.startsWith(place))),
    [],
    'it calls none any more: take it off the list',
  );
});

test.run();
