/**
 * @file Writes docs/options.md, the options of every public function, from the declarations and their comments
 * (scripts/options-doc/functions.mjs) and the rules that they are checked by (rules.mjs): `node scripts/options-doc.mjs
 * [--check]`; with `--check` it writes nothing and fails when the document is stale. Either way it fails for an option
 * without a description, for one that can be left out and does not say what then (`Default …`), and for a default that
 * the code has otherwise (defaults.mjs).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { API } from 'typescript/unstable/sync';
import { defaultsOf } from './options-doc/defaults.mjs';
import { entries, optionTakers } from './options-doc/functions.mjs';
import { page } from './options-doc/page.mjs';
import { rulesOf } from './options-doc/rules.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '');
const path = join(root, 'docs/options.md');
const tsconfig = join(root, 'tsconfig.json');
const checks = await tsImport('../src/checks.ts', import.meta.url);

const api = new API({ cwd: root });
const project = api.updateSnapshot({ openProjects: [tsconfig] }).getProject(tsconfig);
if (!project) throw new Error(`no project at ${tsconfig}`);
const takers = optionTakers(root, project);
const rules = rulesOf(root, project, checks);
const defaults = defaultsOf(root, project);
api.close();

/** What is wrong, by the place of the declaration: said once, however many functions have the option. */
const problems = new Map();
for (const { name, options } of takers) {
  for (const option of options) {
    const problem = complete(option);
    if (problem && !problems.has(option.places[0]))
      problems.set(option.places[0], `${option.where}: ${option.name} (of ${name}) ${problem}`);
  }
}

/** Adds the rule and the default to an option; returns what is wrong with it. */
function complete(option) {
  const { says, optional, places, type } = option;
  const inCode = new Set(places.flatMap((place) => [...(defaults.get(place) ?? [])]));
  inCode.delete(''); // nothing, in whatever words
  const [, before, fallback, after] = /^(.*?)\s*\bDefault:? (.+?)\.(?= [A-Z`'(]|$)(.*)$/.exec(says) ?? [
    undefined,
    says,
    undefined,
    '',
  ];
  option.rule = places.map((place) => rules.get(place)).find((words) => words !== undefined);
  option.text = `${before}${after}`.trim();
  const isValue = /^(?:-?[\d.]+(?:e-?\d+)?|true|false|'.*')$/.test(fallback ?? '');
  option.fallback = isValue ? `\`${fallback}\`` : fallback;
  if (option.text === '') return 'has no description';
  if (!optional) return undefined;
  const mayBeSilent = /AbortSignal|=>|aborted|^Trace$/.test(type);
  if (fallback === undefined && !mayBeSilent)
    return `does not say its default ("Default …")${inCode.size ? `: ${[...inCode]}` : ''}`;
  const isRight =
    inCode.size === 0 || [...inCode].some((value) => fallback?.split(/[\s,;:`']+/).includes(value));
  return isRight
    ? undefined
    : `says that its default is ${fallback}, but the code has ${[...inCode].join(', ')}`;
}

const order = entries(root).map(({ name }) => name);
const { contents, body } = page(takers, ['prenorm', ...order.filter((name) => name !== 'prenorm')]);
const text = `<!-- Generated from the sources by \`node scripts/options-doc.mjs\`. Do not edit. -->
# Options

Every function, constructor and method that takes an object of options, by the entry it is imported from. An unknown key, a
value out of its range and a value of another kind are errors that name the key. \`undefined\` is the same as leaving an option
out. An option with a dot in its name is a key of the option before it. What \`prenorm\` has, \`prenorm/external\`
has too.

${contents}

${body}
`;
if (problems.size > 0) {
  console.error([...problems.values(), `${problems.size} problems`].join('\n'));
  process.exitCode = 1;
}
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  console.error('docs/options.md is stale: run `node scripts/options-doc.mjs`');
  process.exitCode = 1;
}
