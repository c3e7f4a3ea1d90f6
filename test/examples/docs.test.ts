/**
 * @file What the documents say is true. A ```js block after `<!-- run -->` is executed against the built package,
 * and when a ```text block follows, its output must be exactly that text. A ```json block after `<!-- config -->`
 * must be a recipe that `prenorm train` accepts, one after `<!-- recipe -->` is carried out, with the blocks after
 * `<!-- file NAME -->` beside it. Links between files must lead somewhere.
 *
 * After a deliberate change of the bits, `PRENORM_UPDATE_DOCS=1 node --import tsx test/examples/docs.test.ts`
 * writes the new outputs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { experiments, makePreset, type TranslationRun } from '../../src/experiments/index.js';
import { dataKinds } from '../../src/recipe/data/table.js';
import { recipeKeys } from '../../src/recipe/index.js';
import { inProject, runNode, writeModule } from './project.js';

const test = suite('examples/docs');
const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = [
  'README.md',
  'CHANGELOG.md',
  'data/README.md',
  ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
  'examples/train-your-own/README.md',
  'examples/own-layer/README.md',
].filter((file) => file.endsWith('.md'));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const RUNNABLE = /<!-- run -->\n```js\n([\s\S]*?)```\n(?:\n```text\n([\s\S]*?)```\n)?/g;
const RECIPE = /<!-- recipe -->\n```json\n([\s\S]*?)```\n/g;
const FILE = /<!-- file ([\w.-]+) -->\n```\w+\n([\s\S]*?)```\n/g;
const CONFIG = /<!-- config -->\n```json\n([\s\S]*?)```\n/g;

for (const document of documents) {
  const blocks = [...read(document).matchAll(RUNNABLE)];
  if (blocks.length === 0) continue;
  test(`${document}: ${blocks.length} programs run and print what it says`, () =>
    inProject(async (folder) => {
      let text = read(document);
      for (const [i, [whole, code, expected]] of blocks.entries()) {
        const file = `block-${i + 1}.mjs`;
        writeModule(folder, file, code);
        const { code: status, stdout, stderr } = await runNode(folder, file);
        assert.is(status, 0, `block ${i + 1}: ${stderr}`);
        if (expected === undefined) continue;
        if (!process.env.PRENORM_UPDATE_DOCS) {
          assert.fixture(stdout, expected, `block ${i + 1} prints something else`);
        } else {
          const end = '```\n';
          const updated = whole.slice(0, whole.length - end.length - expected.length) + stdout + end;
          text = text.replace(whole, () => updated);
        }
      }
      if (text !== read(document)) writeFileSync(join(root, document), text);
    }));
}

for (const document of documents) {
  const configs = [...read(document).matchAll(CONFIG)].map((match) => match[1]);
  if (configs.length === 0) continue;
  test(`${document}: ${configs.length} configurations are accepted`, () =>
    inProject(async (folder) => {
      const cli = join(root, 'dist/cli/main.js');
      for (const [i, config] of configs.entries()) {
        writeModule(folder, `config-${i}.json`, config);
        execFileSync(process.execPath, [cli, 'train', `config-${i}.json`, '--dry-run'], { cwd: folder });
      }
    }));
}

for (const document of documents) {
  const recipes = [...read(document).matchAll(RECIPE)].map((match) => match[1]);
  if (recipes.length === 0) continue;
  test(`${document}: ${recipes.length} recipes train`, () =>
    inProject(async (folder) => {
      for (const [, name, content] of read(document).matchAll(FILE)) writeModule(folder, name, content);
      for (const [i, recipe] of recipes.entries()) {
        writeModule(folder, `recipe-${i}.json`, recipe);
        const args = [join(root, 'dist/cli/main.js'), 'train', `recipe-${i}.json`, '--json'];
        const stdout = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
        const { steps, loss } = JSON.parse(stdout);
        assert.is(steps, JSON.parse(recipe).steps);
        assert.ok(loss > 0, stdout);
      }
    }));
}

test('docs/recipe.md has an example of every kind of data, and names every key', () => {
  const text = read('docs/recipe.md');
  const shown = [...text.matchAll(RECIPE)].map((match) => JSON.parse(match[1]).data.kind);
  assert.equal(shown.sort(), Object.keys(dataKinds).sort());
  const keys = [...recipeKeys, ...Object.values(dataKinds).flatMap(({ rules }) => Object.keys(rules))];
  assert.equal(
    keys.filter((key) => !text.includes(`\`${key}\``)),
    [],
  );
});

/** GitHub's anchors of the headings of a document; of equal ones the later have a number. */
function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  const prose = read(document).replace(/^```[\s\S]*?^```$/gm, '');
  for (const [, heading] of prose.matchAll(/^#+ (.*)$/gm)) {
    const base = heading
      .toLowerCase()
      .replace(/\]\([^)]*\)/g, '')
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

test('links between documents, and to their headings, lead somewhere', () => {
  const broken: string[] = [];
  for (const document of documents) {
    for (const [, target, anchor] of read(document).matchAll(
      /\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)]*))?\)/g,
    )) {
      const path = target ? join(dirname(document), target) : document;
      const isThere =
        existsSync(join(root, path)) && (!anchor || !path.endsWith('.md') || anchorsOf(path).has(anchor));
      if (!isThere) broken.push(`${document}: ${target}${anchor ? `#${anchor}` : ''}`);
    }
  }
  assert.equal(broken, []);
});

test('docs/api.md names every option of what it describes at length', () => {
  const sections = read('docs/options.md').split(/^### /m);
  const optionsOf = (name: string): string[] => {
    const section = sections.find((text) => text.split('\n')[0].split(', ').includes(`\`${name}\``));
    assert.ok(section, `docs/options.md lacks ${name}`);
    return [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  };
  const described = {
    'prenorm/train': ['fit'],
    'prenorm/classify': ['classify', 'describeReport'],
    'prenorm/generate': ['generate', 'translate', 'attentionWeights'],
    'prenorm/io': ['saveModel', 'loadModel'],
  };
  const api = read('docs/api.md').split(/^## /m);
  for (const [entry, names] of Object.entries(described)) {
    const text = api.find((section) => section.startsWith(`\`${entry}\``)) as string;
    const code = [...text.matchAll(/`[^`\n]+`/g)].join(' ');
    const options = names.flatMap(optionsOf);
    assert.ok(options.length > 2);
    assert.equal(
      options.filter((option) => !new RegExp(`\\b${option}\\b`).test(code)),
      [],
      entry,
    );
  }
});

test('file names in docs/architecture.md exist', () => {
  const missing = [
    ...read('docs/architecture.md').matchAll(/`((?:src|assembly|test|scripts|data)\/[\w./-]*)`/g),
  ]
    .map((match) => match[1])
    .filter((path) => !existsSync(join(root, path)));
  assert.equal(missing, []);
});

test('docs/architecture.md names every part of src', () => {
  const text = read('docs/architecture.md');
  const parts = readdirSync(join(root, 'src'), { withFileTypes: true });
  const names = parts.map((part) => `\`src/${part.name}${part.isDirectory() ? '/' : ''}\``);
  assert.equal(
    names.filter((name) => !text.includes(name)),
    [],
  );
});

test('docs/paper.md lists every registered claim with its expectation', () => {
  const text = read('docs/paper.md');
  const register = experiments.flatMap(({ claims }) => claims);
  const missing = register.filter(({ claim, statement, figure, expected: expectation }) => {
    const expected =
      typeof expectation === 'function' ? expectation({ preset: 'standard', seed: 0 }) : expectation;
    // A claim may stand in another table too, which says what has changed about it.
    const rows = text.split('\n').filter((line) => line.startsWith(`| \`${claim}\` |`));
    return !rows
      .map((row) => row.replaceAll('\\|', '|'))
      .some((row) => row.includes(` ${statement} | ${figure} |`) && row.endsWith(`| ${expected} |`));
  });
  assert.equal(
    missing.map(({ claim }) => claim),
    [],
  );
});

test('docs/paper.md says of the presets what they are', () => {
  const text = read('docs/paper.md');
  const number = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  const rate = (n: number): string => n.toExponential().replace('.0', '');
  const [quick, standard, paper] = (['quick', 'standard', 'paper'] as const).map((name) => {
    const runs = makePreset(name).runs.filter(
      (run): run is TranslationRun => run.kind === 'translation' && !(run as TranslationRun).arm.variant,
    );
    const rates = [...new Set(runs.map((run) => run.arm.maxLr))].sort((a, b) => a - b);
    return {
      ...runs[0],
      rates: rates.map(rate),
      warmup: (runs[0].recipe.schedule as { tailStart: number }).tailStart,
      vocabSize: (runs[0].recipe.tokenizer as { vocabSize: number }).vocabSize,
    };
  });
  const long = makePreset('standard').runs.find(
    (run) => (run as TranslationRun).arm?.variant === 'long',
  ) as TranslationRun;
  for (const row of [
    `| ${number(quick.recipe.steps)} (\`quick\`), ${number(standard.recipe.steps)} (\`standard\`); parity and speed over ${number(long.recipe.steps)} | ${number(paper.recipe.steps)} |`,
    `| 0, 50, ${number(quick.warmup)} steps | ${number(paper.warmup)} steps |`,
    `| ${quick.rates.join(', ')} (\`quick\`); ${standard.rates[0]} to ${standard.rates.at(-1)} (\`standard\`) |`,
    `joint byte-level BPE, ${number(quick.vocabSize)} | joint byte-level BPE, ${number(paper.vocabSize)} |`,
    `| at most ${number(quick.recipe.data.maxTokens ?? 0)} tokens, source and target, padding included |`,
    `d ${quick.recipe.model.dModel}, dFF ${quick.recipe.model.dFF}, ${quick.recipe.model.numHeads} heads |`,
  ]) {
    assert.ok(text.includes(row), `the table of differences lacks "${row}"`);
  }
});

test('docs/commands.md is what the commands say of themselves', () => {
  execFileSync(process.execPath, [join(root, 'scripts/commands-doc.mjs'), '--check'], { stdio: 'pipe' });
});

test('docs/ops.md and docs/op-kernels.md are what the sources say', () => {
  execFileSync(process.execPath, [join(root, 'scripts/op-table.mjs'), '--check'], { stdio: 'pipe' });
});

test('docs/options.md is what the sources say, and every option says what it is', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/options-doc.mjs'), '--check'], {
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
});

test('the result tables are what docs/results/quick.json says', () => {
  execFileSync(process.execPath, [join(root, 'scripts/paper-results.mjs'), '--check'], { stdio: 'pipe' });
});

test.run();
