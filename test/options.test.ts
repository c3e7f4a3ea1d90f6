/**
 * @file No option of a public function is taken silently: an unknown key, a missing one and a value out of range are
 * typed errors that name the op and the key. Who takes options is read from the sources, and which keys there are from
 * the error itself, so that neither a function nor a key can be left out of the table.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as classifying from '../src/classify/index.js';
import { PrenormError } from '../src/errors.js';
import * as textual from '../src/generate/index.js';
import * as prenorm from '../src/index.js';
import * as tuning from '../src/interop/tuning.js';
import * as tokenizing from '../src/tokenizers/index.js';
import { dataRows } from './options/data-rows.js';
import { models, nnRows } from './options/nn-rows.js';
import { opRows } from './options/op-rows.js';
import { optimRows } from './options/optim-rows.js';
import { type Row, wrong } from './options/row.js';
import { runRows } from './options/run-rows.js';
import { useRows } from './options/use-rows.js';
import { asyncRefusal } from './support.js';

const test = suite('options');
const { nn, optim, data, text, io, theory } = prenorm;

/** Functions and constructors with options. */
const table: Row[] = [...useRows, ...optimRows, ...opRows, ...nnRows, ...dataRows, ...runRows];

/** Who takes options and is tested elsewhere, or has no options but a complete configuration. */
const elsewhere: Record<string, string> = {
  'WorkerTrainer.generate': 'test/worker/worker-trainer.test.ts',
  profileAdmin: 'takes a model and a batch',
  concat: 'its parts are tensors',
  Trainer: 'test/train/trainer.test.ts',
  WorkerTrainer: 'test/worker/worker-trainer.test.ts',
  WorkerModel: 'test/worker/worker-model.test.ts',
  'WorkerModel.generate': 'test/worker/worker-model.test.ts',
  'WorkerModel.translate': 'test/worker/worker-model.test.ts',
  'WorkerModel.classify': 'test/worker/worker-model.test.ts',
  fit: 'test/fit/fit.test.ts',
  fromPretrained: 'test/interop/gpt2.test.ts',
  'Trainer.restore': 'test/train/refusals.test.ts',
  'WorkerTrainer.restore': 'test/worker/worker-trainer.test.ts',
  judgeDivergence: 'test/train/divergence.test.ts',
  makeNorm: 'takes a whole configuration; its values below',
  TokenEmbedding: 'takes a complete ModelConfig',
  OutputProjection: 'takes a complete ModelConfig',
  trainerOptions: 'takes parts of what a Trainer takes, which checks them',
  recipeOf01: 'takes a recipe of version 0.1',
};

async function refusalOf(row: Row, options: unknown): Promise<PrenormError> {
  const error = await asyncRefusal((async () => row.call(options as never))());
  const op = row.op ?? row.of[0];
  assert.is(error.op, op, error.message);
  assert.ok(error.message.startsWith(`${op}: `), error.message);
  return error;
}

for (const row of [...table, ...models]) {
  test(`${row.of.join(', ') || row.op}: unknown, missing and wrong options are refused`, async () => {
    await row.call(row.good as never);
    const unknown = await refusalOf(row, { ...row.good, noSuchKey: 1 });
    assert.match(unknown.message, 'unknown key "noSuchKey"');
    const known = unknown.expected as string[];
    if (table.includes(row))
      assert.equal([...known].sort(), Object.keys(row.keys).sort(), 'keys of the table');
    for (const junk of [null, 3, 'text', []]) await refusalOf(row, junk);
    for (const key of row.required ?? []) {
      const { [key as never]: _, ...rest } = row.good;
      assert.match((await refusalOf(row, rest)).message, key);
    }
    for (const [key, kind] of Object.entries(row.keys)) {
      for (const value of wrong[kind]) {
        const outcome = await asyncRefusal(
          (async () => row.call({ ...row.good, [key]: value } as never))(),
        ).catch((cause) =>
          assert.unreachable(`${key}: ${String(value)} is taken, or no typed error: ${cause}`),
        );
        assert.instance(outcome, PrenormError);
      }
    }
  });
}

test('whoever takes options is in the table', async () => {
  const entries = await Promise.all(
    [
      ...['index', 'io/index', 'inference', 'reference/runtime', 'worker/index', 'fit/train'],
      ...['recipe/index', 'experiments/index', 'conformance/index', 'interop/index'],
    ].map((entry) => import(`../src/${entry}.js`)),
  );
  const exported = new Set<unknown>(
    [...entries, nn, optim, data, text, textual, tokenizing, classifying, tuning, io, theory].flatMap(
      (module) => Object.values(module),
    ),
  );
  const known = new Set([...table, ...models].flatMap(({ of }) => of).concat(Object.keys(elsewhere)));
  const missing: string[] = [];
  let found = 0;
  for (const file of readdirSync('src', { recursive: true }).map((name) => join('src', String(name)))) {
    if (!file.endsWith('.ts') || file.endsWith('.d.ts') || file.includes('generated')) continue;
    for (const { name, owner } of takers(file)) {
      // Only what an entry gives out, under the name it has in its file.
      if (![...exported].some((value) => typeof value === 'function' && value.name === owner)) continue;
      found++;
      if (!known.has(name)) missing.push(`${name} (${file})`);
    }
  }
  assert.ok(found > 60, `only ${found} functions with options found`);
  assert.equal(missing, []);
});

test('docs/options.md has whoever takes options', () => {
  const page = readFileSync('docs/options.md', 'utf8');
  const shown = new Set([...page.matchAll(/^### (.*)$/gm)].flatMap(([, names]) => names.split(', ')));
  const taken = [...table, ...models].flatMap(({ of }) => of).concat(Object.keys(elsewhere));
  const others = ['profileAdmin', 'concat', 'recipeOf01']; // what they take are no options
  assert.equal(
    taken.filter((name) => !shown.has(`\`${name}\``) && !others.includes(name)),
    [],
  );
});

/** What is between the parenthesis at `open` and the one that closes it. */
function inParentheses(source: string, open: number): string {
  let depth = 0;
  for (let i = open; i < source.length; i++) {
    if (source[i] === '(') depth++;
    else if (source[i] === ')' && --depth === 0) return source.slice(open + 1, i);
  }
  return '';
}

const TAKES = /\b(?:options|config|parts|facts|given|surroundings)\??\s*[:=,]|(?:Options|Config|Parts)\b/;

/** Exported functions, constructors and public methods of a file (as the formatter leaves it) with options. */
function takers(file: string): { name: string; owner: string }[] {
  const source = readFileSync(file, 'utf8');
  const out: { name: string; owner: string }[] = [];
  const functions = /^export (?:async )?(?:function\*? (\w+)|const (\w+) = (?:async )?(?=\())/gm;
  for (const match of source.matchAll(functions)) {
    const name = match[1] ?? match[2];
    const open = source.indexOf('(', match.index + match[0].length - (match[2] ? 1 : 0));
    if (TAKES.test(inParentheses(source, open))) out.push({ name, owner: name });
  }
  for (const match of source.matchAll(/^export (?:abstract )?class (\w+)[\s\S]*?^}/gm)) {
    const [body, owner] = match;
    for (const member of body.matchAll(/^ {2}(?:(?:static|async|override|\*) ?)*(\w+)(?:<\w+>)?\(/gm)) {
      const above = body
        .slice(0, member.index)
        .split(/\n\n|\n {2}}\n/)
        .pop() as string;
      if (above.includes('@internal')) continue;
      if (!TAKES.test(inParentheses(body, member.index + member[0].length - 1))) continue;
      out.push({ name: member[1] === 'constructor' ? owner : `${owner}.${member[1]}`, owner });
    }
  }
  return out;
}

test.run();
