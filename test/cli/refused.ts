/** @file A folder of good inputs beside which a bad one is refused, and what must be true then. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { EXIT, reportError } from '../../src/cli/errors.js';
import { train } from '../../src/cli/train.js';
import { writeCorpus } from './corpus.js';

export const simd = 'strict' as const;
export const folder = mkdtempSync(join(tmpdir(), 'prenorm-bad-'));
writeCorpus(folder);
export const at = (name: string) => join(folder, name);

/** Calls a command and checks exit code, the one line, and that no file came, went or changed its size. */
export async function refused(run: () => Promise<number>, pattern: RegExp): Promise<void> {
  const before = listing();
  let written = '';
  const write = process.stderr.write;
  process.stderr.write = ((chunk: string) => {
    written += chunk;
    return true;
  }) as typeof write;
  let code: number;
  try {
    code = await run().catch(reportError);
  } finally {
    process.stderr.write = write;
  }
  assert.is(code, EXIT.usage, written);
  assert.match(written, /^prenorm: .*\n$/);
  assert.match(written, pattern);
  assert.equal(listing(), before, written);
}

const listing = () =>
  readdirSync(folder, { recursive: true })
    .map((name) => String(name))
    .filter((name) => name !== 'bad.json')
    .sort();

export function trainBad(config: unknown, pattern: RegExp, options: { out?: string } = {}): Promise<void> {
  writeFileSync(at('bad.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return refused(() => train(at('bad.json'), { simd, out: at('out'), ...options }), pattern);
}

/** A configuration with some keys changed, nested ones as `model.dModel`. */
export function change(base: object, changes: Record<string, unknown>): Record<string, unknown> {
  const config = JSON.parse(JSON.stringify(base));
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() as string;
    keys.reduce((object, key) => object[key], config)[last] = value;
  }
  return config;
}

export async function silently(run: () => Promise<number>): Promise<void> {
  const write = process.stdout.write;
  process.stdout.write = (() => true) as typeof write;
  try {
    assert.is(await run(), 0);
  } finally {
    process.stdout.write = write;
  }
}
