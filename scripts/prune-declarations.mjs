/**
 * @file Keeps of the declarations that tsc wrote what somebody who imports an entry can meet: the names that entries
 * export, and whatever their types mention. The rest, and the comments that describe files, would only make the
 * package larger. It reads tsc's own output, where every statement starts a line and its continuation does not.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const HOST_TYPES = 'host-types.d.ts';
/** Names of pages, of Node and of newer languages that declarations mention: where a project has the real ones, these add nothing to them. */
const HOST = `interface AbortSignal { readonly aborted: boolean }
interface Blob {}
interface Response {}
interface URL {}
interface Worker {}
declare namespace WebAssembly { interface Module {} }
interface SymbolConstructor { readonly dispose: unique symbol }
`;

/**
 * The text for projects without the library `dom` too, and for TypeScript before 5.7, whose arrays had no type of buffer:
 * what their `of` gives is an array over an ArrayBuffer in both.
 * @param {string} text
 * @param {string} folder
 * @param {string} path
 */
function forEveryCompiler(text, folder, path) {
  const code = text.replace(
    /\b(\w+Array)<ArrayBuffer>/g,
    (_, array) => `ReturnType<${array}Constructor['of']>`,
  );
  if (!/\b(?:AbortSignal|Blob|Response|URL|Worker|WebAssembly|Symbol\.dispose)\b/.test(code)) return code;
  const host = relative(dirname(path), join(folder, HOST_TYPES)).replaceAll('\\', '/');
  return `/// <reference path="${host.startsWith('.') ? host : `./${host}`}" />\n${code}`;
}

/** Rewrites or removes the .d.ts files below `folder`; `entries` are paths of those that stay whole. */
export function pruneDeclarations(folder, entries) {
  const files = new Map();
  const open = (path) => {
    if (!files.has(path)) files.set(path, parse(path));
    return files.get(path);
  };
  /** `name` of the file at `path` is wanted, and with it what its declaration mentions. */
  const want = (path, name) => {
    const file = open(path);
    if (file.wanted.has(name)) return file.exported.has(name);
    file.wanted.add(name);
    if (name === '*') {
      for (const each of file.exported) want(path, each);
      for (const star of file.stars) want(star, '*');
      return true;
    }
    const from = file.imported.get(name) ?? file.passed.get(name);
    if (from) want(...from);
    for (const { mentions, far } of file.declared.get(name) ?? []) {
      for (const other of mentions)
        if (file.declared.has(other) || file.imported.has(other)) want(path, other);
      for (const place of far) want(...place);
    }
    if (!from && !file.declared.has(name)) return file.stars.some((star) => want(star, name));
    return true;
  };
  for (const entry of entries) want(join(entry), '*');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!path.endsWith('.d.ts')) continue;
    if (files.has(path)) writeFileSync(path, forEveryCompiler(render(files.get(path), files), folder, path));
    else rmSync(path);
  }
  writeFileSync(join(folder, HOST_TYPES), HOST);
}

function parse(path) {
  const target = (specifier) => join(dirname(path), specifier.replace(/\.js$/, '.d.ts'));
  const file = {
    /** @type {{ text: string, list: RegExpMatchArray | null, names: string[][], star: string | false }[]} */
    statements: [],
    exported: new Set(),
    /** @type {string[]} */
    stars: [],
    /** name to the declarations it has, several for overloads. */
    declared: new Map(),
    /** Local name to [path, name] of what it stands for. */
    imported: new Map(),
    /** The same for names that are handed on. */
    passed: new Map(),
    wanted: new Set(),
  };
  for (const text of statementsOf(readFileSync(path, 'utf8'))) {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, '').trim();
    const list = code.match(/^(import|export) (?:type )?\{([^}]*)\}(?: from '([^']*)')?;$/);
    const star = code.match(/^(import|export) (?:type )?\*(?: as (\w+))? from '([^']*)';$/);
    const name = code.match(
      /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const) ([\w$]+)/,
    )?.[1];
    const kind = (list ?? star)?.[1];
    const names = [];
    if (list) {
      for (const part of list[2].split(',').filter((each) => each.trim() !== '')) {
        const [theirs, ours = theirs] = part
          .trim()
          .replace(/^type /, '')
          .split(' as ');
        names.push([ours, part.trim()]);
        if (!list[3]?.startsWith('.')) continue;
        file[kind === 'import' ? 'imported' : 'passed'].set(ours, [target(list[3]), theirs]);
        if (kind === 'export') file.exported.add(ours);
      }
    } else if (star && !star[2]) file.stars.push(target(star[3]));
    else if (star) {
      names.push([star[2], `* as ${star[2]}`]);
      file[kind === 'import' ? 'imported' : 'passed'].set(star[2], [target(star[3]), '*']);
      if (kind === 'export') file.exported.add(star[2]);
    } else if (name) {
      names.push([name]);
      if (code.startsWith('export ')) file.exported.add(name);
      const far = [...code.matchAll(/import\('(\.[^']*)'\)\.(\w+)/g)].map(([, from, what]) => [
        target(from),
        what,
      ]);
      const others = file.declared.get(name) ?? [];
      file.declared.set(name, [...others, { mentions: new Set(code.match(/[\w$]+/g)), far }]);
    } else throw new Error(`${path}: what is this?\n${text}`);
    file.statements.push({ text, list, names, star: star !== null && !star[2] && target(star[3]) });
  }
  return file;
}

/** Top-level statements, each with the comment in front of it; comments that describe files are left out. */
function statementsOf(text) {
  const bare = text.replace(/\/\*\*(?:(?!\*\/)[\s\S])*?@file[\s\S]*?\*\/\n+/g, '');
  const start =
    /^(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)*(?:export|import|declare|type|interface|abstract|class)\b/gm;
  const starts = [...bare.matchAll(start)].map(({ index }) => index);
  return starts.map((from, i) => bare.slice(from, starts[i + 1]));
}

function render({ statements, wanted }, files) {
  const kept = [];
  for (const { text, list, names, star } of statements) {
    const used = names.filter(([name]) => wanted.has(name));
    if (star ? files.has(star) : used.length === names.length && used.length > 0) kept.push(text);
    else if (list && used.length > 0)
      kept.push(text.replace(/\{[^}]*\}/, `{ ${used.map(([, part]) => part).join(', ')} }`));
  }
  return kept.some((text) => /^(?:import|export) /m.test(text))
    ? kept.join('')
    : `${kept.join('')}export {};\n`;
}
