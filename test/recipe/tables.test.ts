/**
 * There is one table of optimizers, one of models and one of kinds of data in src, and no second place that knows by a
 * name what to build: who adds a kind adds it once.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { modelClasses } from '../../src/nn/model-kinds.js';
import { dataKinds } from '../../src/recipe/data/table.js';
import { optimizerKinds } from '../../src/recipe/optimizers.js';

const test = suite('recipe: tables');
const root = join(import.meta.dirname, '../../src');

/** The names that are mapped to something: `name: X`, `name,` in braces, `['name', X]`, `case 'name'`, `=== 'name' ?`. */
function mappings(source: string, names: readonly string[], values: string): string[] {
  const name = names.join('|');
  const patterns = [
    `(?:^|[{,(\\s])['"]?(?:${name})['"]?\\s*:\\s*(?:(?:\\([^)]*\\)|\\w+)\\s*=>\\s*)?(?:new\\s+)?(?:\\{[^}]*?)?(?:${values})\\b(?!['"\`])`,
    `\\[\\s*['"](?:${name})['"]\\s*,\\s*(?:\\([^)]*\\)\\s*=>\\s*)?(?:new\\s+)?(?:${values})\\b`,
    `case\\s+['"](?:${name})['"]\\s*:[^:]*?\\b(?:${values})\\b`,
    `===?\\s*['"](?:${name})['"]\\s*\\)?\\s*(?:\\?|return|\\{)?[^;:]*?\\bnew\\s+(?:${values})\\b`,
    `===?\\s*['"](?:${name})['"]\\s*\\?\\s*(?:${values})\\b`,
  ];
  const code = source.replace(/\/\*[\s\S]*?\*\//g, (text) => text.replace(/[^\n]/g, ' '));
  const found = patterns.flatMap((pattern) =>
    [...code.matchAll(new RegExp(pattern, 'gm'))].map(
      ({ 0: text }) => text.match(new RegExp(`\\b(?:${name})\\b`))?.[0] as string,
    ),
  );
  return [...new Set(found)].sort();
}

const tables = [
  {
    what: 'optimizers',
    file: 'recipe/optimizers.ts',
    names: Object.keys(optimizerKinds),
    values: Object.values(optimizerKinds).map(({ name }) => name),
    least: 1,
  },
  {
    what: 'models',
    file: 'nn/model-kinds.ts',
    names: Object.keys(modelClasses),
    values: Object.values(modelClasses).map(({ name }) => name),
    least: 1,
  },
  {
    what: 'kinds of data',
    file: 'recipe/data/table.ts',
    names: Object.keys(dataKinds),
    // What opens a kind, and the batches that come of it.
    values: ['\\w+Kind', '\\w+Batches', 'TextWindows', 'open\\w*', 'load\\w+', 'parse\\w+', 'read\\w+'],
    // Some of these names are words of every day: `pairs`, `text`.
    least: 2,
  },
];

const files = readdirSync(root, { recursive: true })
  .map((file) => String(file).replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.includes('generated/'));

for (const { what, file, names, values, least } of tables) {
  test(`one table of ${what}, in src/${file}`, () => {
    const found = new Map(
      files.map((path) => [path, mappings(readFileSync(join(root, path), 'utf8'), names, values.join('|'))]),
    );
    assert.equal(found.get(file), [...names].sort());
    found.delete(file);
    assert.equal(
      [...found].filter(([, mapped]) => mapped.length >= least),
      [],
    );
  });
}

test('a second table would be found, however it is written', () => {
  const optimizers = tables[0];
  for (const second of [
    'const kinds = { adam: Adam, sgd: SGD };',
    "const kinds = { 'adamw': AdamW };",
    "const kinds = new Map([['radam', RAdam]]);",
    'const makers = { adam: () => new Adam(p, o) };',
    'const makers = {\n  sgd: { make: SGD },\n};',
    "switch (kind) {\n  case 'sgd':\n    return new SGD(p, o);\n}",
    "if (kind === 'adam') return new Adam(p, o);",
    "return kind === 'adam' ? new Adam(p, o) : new SGD(p, o);",
    "const Kind = kind === 'sgd' ? SGD : Adam;",
  ]) {
    assert.ok(mappings(second, optimizers.names, optimizers.values.join('|')).length > 0, second);
  }
  const data = tables[2];
  for (const second of [
    'const kinds = { text: openText, tokens: openTokens };',
    "case 'pairs':\n return new PairBatches(pairs, options);\ncase 'text':\n return new TextWindows(ids);",
    "if (kind === 'images') return new ImageBatches(a, b, c);\nif (kind === 'text') return new TextWindows(ids);",
    "const open = { masked: (d) => new MaskedPairBatches(d) , 'images': loadDigits };",
  ]) {
    assert.ok(mappings(second, data.names, data.values.join('|')).length >= data.least, second);
  }
  for (const innocent of [
    "{ kind: 'adam', lr: 1 }",
    "kind: 'adam' | 'adamw';",
    "hint: 'text, or Adam'",
    'text: string;',
  ]) {
    assert.equal(mappings(innocent, optimizers.names, optimizers.values.join('|')), [], innocent);
  }
});

test.run();
