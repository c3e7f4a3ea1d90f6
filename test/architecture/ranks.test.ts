/** Imports point down the ranks only: a file may import from a lower rank or from its own folder. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runKinds } from '../../src/experiments/index.js';

const RANKS: Record<string, number> = {
  'src/errors.ts': 0,
  'src/wire-error.ts': 0,
  'src/checks.ts': 0,
  'src/json.ts': 0,
  'src/json-part.ts': 0,
  'src/random.ts': 0,
  'src/half.ts': 0,
  'src/utf8.ts': 0,
  'src/text-file.ts': 0,
  'src/version.ts': 0,
  'src/runtime': 1,
  'src/reference': 2,
  'src/tensor': 2,
  'src/autograd': 3,
  'src/nn': 4,
  'src/optim': 4,
  'src/data': 4,
  'src/text': 4,
  'src/tokenizers': 4.5,
  'src/tuning': 4.5,
  'src/train': 5,
  'src/generate': 5,
  'src/classify': 5,
  'src/io': 5,
  'src/interop': 5,
  'src/recipe': 5.5,
  'src/terminal': 6,
  'src/theory': 6,
  'src/experiments': 6,
  'src/sweep': 6,
  'src/report': 6,
  'src/bench': 6,
  'src/conformance': 6,
  'src/worker': 6,
  'src/fit': 6.5,
  'src/lab': 6.5,
  'src/cli': 7,
  'web/figures': 7,
  'web/conformance': 7.5,
  'web/lab': 7.5,
  'web/report': 7.5,
  'web/run': 7.5,
  'src/index.ts': 8,
  'src/external.ts': 9,
  'src/inference.ts': 8,
  // Tests use what they like; of them the scripts use what drives browsers, mutates and fuzzes.
  test: 9,
  scripts: 9.5,
  bench: 10,
};
/** Places of one rank that may use each other in this order: a file format is below what writes it. */
const WITHIN = [
  'src/errors.ts',
  'src/wire-error.ts',
  'src/checks.ts',
  'src/json.ts',
  'src/json-part.ts',
  'src/random.ts',
  'src/half.ts',
  'src/utf8.ts',
  'src/text-file.ts',
  'src/io',
  'src/interop',
  'src/train',
  'src/generate',
  'src/classify',
  'src/terminal',
  'src/theory',
  'src/experiments',
  'src/sweep',
  'src/report',
  'src/bench',
];

/** Rooms of one folder and the files that tie them together, in the order in which they may use each other. */
const ROOMS: Record<string, readonly string[]> = {
  'src/experiments': [
    'results.ts',
    'statistics.ts',
    'kinds',
    'judges',
    'experiment.ts',
    'drawing',
    'figures',
    'registry.ts',
    'index.ts',
  ],
};

const place = (file: string): string => {
  const parts = file.split('/');
  if (/^(scripts|bench|test)$/.test(parts[0])) return parts[0];
  return parts.length === 2 ? file : `${parts[0]}/${parts[1]}`;
};

const sources = ['src', 'web', 'scripts', 'bench']
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, String(file))))
  .filter((file) => /\.m?ts$|\.mjs$/.test(file) && !/node_modules|assembly/.test(file));
/** What trains and measures; pages only draw. */
const library = sources.filter((file) => file.startsWith('src/'));

/** Files of ours that a file imports; of the built ones, what they are built from. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = [
    ...text.matchAll(/(?:from|(?:\bimport|tsImport)\s*\(?(?:\s*new URL\()?)\s*'(\.[^']+)'/g),
  ].map((match) => match[1]);
  return found.map((path) =>
    normalize(join(dirname(file), path))
      .replace(/^dist\//, 'src/')
      .replace(/\.js$/, '.ts'),
  );
}

const test = suite('architecture: ranks');

test('every file has a rank', () => {
  for (const file of sources) assert.ok(place(file) in RANKS, `${file} lies in a folder without a rank`);
});

test('imports point down the ranks', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    for (const target of importsOf(file)) {
      const [from, to] = [place(file), place(target)];
      if (from === to || RANKS[to] < RANKS[from]) continue;
      if (RANKS[to] === RANKS[from] && WITHIN.indexOf(to) >= 0 && WITHIN.indexOf(to) < WITHIN.indexOf(from))
        continue;
      if (from === 'src/reference' && to === 'src/runtime') continue;
      wrong.push(`${file} (rank ${RANKS[from]}) imports ${target} (rank ${RANKS[to]})`);
    }
  }
  assert.equal(wrong, []);
});

test('imports point down the rooms of a folder', () => {
  for (const [folder, rooms] of Object.entries(ROOMS)) {
    const roomOf = (file: string): string => file.slice(folder.length + 1).split('/')[0];
    const inside = sources.filter((file) => file.startsWith(`${folder}/`));
    assert.equal([...new Set(inside.map(roomOf))].sort(), [...rooms].sort(), `the rooms of ${folder}`);
    const wrong = inside.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith(`${folder}/`))
        .filter((target) => rooms.indexOf(roomOf(target)) > rooms.indexOf(roomOf(file)))
        .map((target) => `${file} imports ${target}`),
    );
    assert.equal(wrong, []);
  }
});

test('every kind of run lies in the file of its name', () => {
  const folder = 'src/experiments/kinds';
  for (const { kind } of runKinds) {
    const text = readFileSync(`${folder}/${kind}.ts`, 'utf8');
    assert.ok(text.includes(`  kind: '${kind}',`), `${folder}/${kind}.ts does not export the kind ${kind}`);
  }
});

test('there is no import cycle', () => {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]): void => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const target of importsOf(file)) if (sources.includes(target)) visit(target, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of sources) visit(file, []);
  assert.equal(cycles, []);
});

test('the library does not use host maths that differs between engines', () => {
  const wrong: string[] = [];
  for (const file of library.filter((f) => !f.startsWith('src/reference/'))) {
    readFileSync(file, 'utf8')
      .split('\n')
      .forEach((line, i) => {
        const code = line.replace(/\/\/.*|^\s*\*.*/, '');
        if (
          /Math\.(exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|tanh|sinh|cosh|random|hypot|cbrt|asin|acos|atan)\b/.test(
            code,
          ) ||
          /[\w)\]]\s\*\*\s/.test(code)
        ) {
          if (!file.startsWith('src/report/') && !/2 \*\* 30/.test(code))
            wrong.push(`${file}:${i + 1} ${line.trim()}`);
        }
        if (
          /localeCompare|toLocale|Intl\.|\.normalize\(|Date\.now/.test(code) &&
          !file.startsWith('src/report/')
        )
          wrong.push(`${file}:${i + 1} ${line.trim()}`);
      });
  }
  assert.equal(wrong, []);
});

test.run();
