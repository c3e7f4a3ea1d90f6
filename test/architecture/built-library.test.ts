/**
 * @file What the library's modules, as they are built into dist/, may not use on paths that touch numbers or tokens, because engines, versions or
 * settings differ in it: host mathematics beyond the exact functions, dates, locales, the engine's Unicode tables, the
 * engine's own randomness, orders that are not defined.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('architecture/built-library');

/** Results that ECMAScript or IEEE 754 fix to the bit. */
const exact = 'sqrt|abs|min|max|floor|ceil|trunc|round|sign|fround|imul|clz32|PI';

const rules: [what: string, pattern: RegExp][] = [
  ['mathematics that is not exact', new RegExp(`\\bMath\\b(?!\\.(?:${exact})\\b)`)],
  ['dates', /\bnew Date\b|\bDate\s*[.(]|\bTemporal\b/],
  ['locales', /\bIntl\b|\.toLocale\w*\(|\.localeCompare\(/],
  ["the engine's Unicode tables", /\.normalize\(|\.to(?:Lower|Upper)Case\(|\\p\{/],
  ["the engine's randomness", /getRandomValues|randomUUID|randomBytes/],
  ['keys in an order of their own', /\bfor\s*\(\s*(?:const|let|var)\s+\w+\s+in\b/],
  ['clocks', /\bperformance\b/],
  ['coders of texts', /\bnew Text(?:En|De)coder\b/],
];

/** Folders that no number of a training passes through, with the reason. */
const apart: Record<string, string> = {
  cli: 'the command line: files, times, tables for people',
  bench: 'measures time',
  report: 'draws what was computed',
  terminal: 'lines and tables for people',
  reference: "double-precision oracles with the host's own functions; not promised to be equal to the bit",
};

/** Single uses that are meant, by file and rule. */
const meant: Record<string, string> = {
  'io/model-path.ts: coders of texts': "node:util's, in Node",
  'utf8.ts: coders of texts': 'where there is one',
  'experiments/kinds/run-kinds.ts: clocks': 'seconds of a run, reported beside its numbers',
  "utf8.ts: the engine's Unicode tables": 'hexadecimal digits in a message',
  'fit/budget.ts: clocks': 'turns minutes into steps, once, before the recipe is fixed',
  'fit/fit.ts: clocks': 'time left, for people',
  'lab/cost.ts: clocks': 'what a run will cost, said before it',
  'lab/lane-host.ts: clocks': 'how often a lane reports to its page',
  "lab/link.ts: the engine's Unicode tables": 'a label in a message',
  'runtime/micro-kernel.ts: clocks': 'chooses between instructions that give the same bits',
  'train/pause.ts: clocks': 'decides when to let the host breathe',
  "nn/module.ts: the engine's Unicode tables": 'ASCII letters of property names',
  "errors.ts: the engine's Unicode tables": 'spelling hints in messages',
  "tokenizers/character-set.ts: the engine's Unicode tables": 'lower case of a letter of ASCII',
  "tokenizers/normalizers.ts: the engine's Unicode tables": 'lower case of texts that are ASCII',
  "tokenizers/pattern-parser.ts: the engine's Unicode tables": 'lower case of a letter of ASCII',
  "tokenizers/pre-tokenizers.ts: the engine's Unicode tables": 'a pattern for src/tokenizers/pattern.ts',
  "tokenizers/to-tokenizer-json.ts: the engine's Unicode tables": 'a pattern for src/tokenizers/pattern.ts',
  "tokenizers/vocabulary.ts: the engine's Unicode tables": 'hexadecimal digits of bytes',
};

/** Types and comments removed; `a ** b` written as Math.pow, which the first rule finds. */
function plainCode(source: string): string {
  return transformSync(source, {
    loader: 'ts',
    supported: { 'exponent-operator': false },
    format: 'esm',
  }).code;
}

function findings(file: string, source: string): string[] {
  const lines = plainCode(source).split('\n');
  return rules.flatMap(([what, pattern]) => {
    const line = lines.find((text) => pattern.test(text));
    return line === undefined ? [] : [`${file}: ${what}: ${line.trim().slice(0, 100)}`];
  });
}

const files = readdirSync('src', { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !(file.split('/')[0] in apart) && !file.includes('generated/'));

test('the rules find what they are for', () => {
  const planted = [
    'x = y ** 2',
    'const { exp } = Math; x = exp(1)',
    'Math["sin"](1)',
    'Math.hypot(3, 4)',
    'Math.random()',
    'Date.now()',
    'new Date()',
    'a.localeCompare(b)',
    'x.toLocaleString()',
    'new Intl.Collator()',
    's.normalize("NFC")',
    's.toLowerCase()',
    '/\\p{L}/u.test(s)',
    'crypto.getRandomValues(a)',
    'for (const key in o) f(key)',
    'performance.now()',
    'new TextEncoder().encode(s)',
  ];
  for (const code of planted) assert.is(findings('planted', code).length, 1, code);
  assert.equal(
    findings('good', 'x = Math.sqrt(2); // Math.exp and Date.now() in a comment\nfor (const y of z) f(y)'),
    [],
  );
});

test('the built library keeps to them', () => {
  assert.ok(files.length > 80, `${files.length} files`);
  const found = files.flatMap((file) => findings(file, readFileSync(join('src', file), 'utf8')));
  const wrong = found.filter((text) => !Object.keys(meant).some((use) => text.startsWith(`${use}:`)));
  assert.equal(wrong, []);
  for (const use of Object.keys(meant)) {
    assert.ok(
      found.some((text) => text.startsWith(`${use}:`)),
      `${use}: no longer there, take it off the list`,
    );
  }
});

test('an error that nobody catches fits on a screen: Node prints the line that throws', () => {
  const code = `
    import { init, matmul, tensor } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    await init();
    matmul(tensor([1, 2]), tensor([1, 2]));`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  assert.is(status, 1);
  assert.match(stderr, 'ShapeError: matmul: cannot multiply [2] by [2]');
  assert.ok(stderr.length <= 4096, `${stderr.length} bytes: ${stderr.slice(0, 300)}`);
});

test('no line of the built library that can throw is longer than 1000 characters', () => {
  // Not the pages, which browsers read.
  const code = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.js') && !file.startsWith('pages'),
  );
  const throwing = code.flatMap((file) =>
    readFileSync(join('dist', file), 'utf8')
      .split('\n')
      .filter((line) => line.length > 1000 && /\bthrow\b/.test(line))
      .map((line) => `${file}: ${line.length}`),
  );
  assert.ok(code.length > 30, `${code.length} files`);
  assert.equal(throwing, []);
});

test.run();
