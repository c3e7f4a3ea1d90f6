/** Optimizers and schedules of runs are built from recipes, in one place. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as optim from '../../src/optim/index.js';

const test = suite('architecture/recipes');

/** Folders that describe or carry out runs. */
const FOLDERS = ['src/experiments', 'src/worker', 'src/cli'];
const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith('.ts')),
);

/** Calls of what `prenorm/optim` exports: `new Adam(`, `makeSchedule(`, `inverseSqrt(`, … */
const names = Object.keys(optim);
const calls = new RegExp(`(?<![\\w.#])(?:${names.join('|')})\\(`);
const imports = /import\s+(?!type\b)[^;]*?from\s+'[^']*\/optim\/[^']*'/;

test('the patterns find what they are for', () => {
  assert.ok(names.includes('Adam') && names.includes('makeSchedule') && names.includes('inverseSqrt'));
  for (const line of ['new Adam(x)', 'new optim.SGD(', 'makeSchedule(y)', '= inverseSqrt({', 'constant({'])
    assert.is(calls.test(line.replace('optim.', '')), true, line);
  assert.not(calls.test('const trainer = new Trainer('));
  assert.ok(imports.test("import { Adam,\n SGD } from '../optim/index.js';"));
  assert.not(imports.test("import type { ScheduleConfig } from '../optim/index.js';"));
  assert.ok(calls.test(readFileSync('src/recipe/prepare.ts', 'utf8')));
  assert.ok(sources.length > 50);
});

test('no experiment, command or worker builds an optimizer or a schedule by itself', () => {
  const found = sources.filter((file) => {
    const text = readFileSync(file, 'utf8');
    return calls.test(text) || imports.test(text);
  });
  assert.equal(found, []);
});

test.run();
