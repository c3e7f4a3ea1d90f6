/**
 * @file Where the cells of the import matrix live: a temporary folder with the packed tarball installed alone
 * (`blank`) and once more beside the bundlers of test/packaging/package.json (`tools`).
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const folder = mkdtempSync(join(tmpdir(), 'prenorm-packaging-'));
export const blank = join(folder, 'blank');
export const tools = join(folder, 'tools');
const fixtures = join(root, 'test/packaging');
const tarball = join(folder, 'prenorm.tgz');
const quietly = ['--no-audit', '--no-fund', '--prefer-offline'];

/** What a program prints; an error carries its output. */
export function run(command, args, cwd) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new Error(error.stderr || error.stdout || error.message);
  }
}

/** The text of a file of test/packaging/. */
export const fixture = (name) => readFileSync(join(fixtures, name), 'utf8');

/** Packs, and installs in both folders; returns what npm says of the tarball. */
export function install() {
  const [packed] = JSON.parse(
    run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root),
  );
  renameSync(join(folder, packed.filename), tarball);
  for (const path of [blank, tools]) mkdirSync(path);
  installIn(blank);
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(fixtures, file), join(tools, file));
  run('npm', ['ci', ...quietly], tools);
  run('npm', ['install', '--no-save', ...quietly, tarball], tools);
  return packed;
}

/** `npm install` of the tarball, and of tools in the versions of test/packaging/package.json, as a user would. */
export function installIn(path, ...names) {
  const { dependencies, ownFolders } = JSON.parse(fixture('package.json'));
  const versions = { ...dependencies, ...ownFolders };
  if (!existsSync(join(path, 'package.json')))
    writeFileSync(join(path, 'package.json'), '{"private":true}\n');
  run('npm', ['install', ...quietly, tarball, ...names.map((name) => `${name}@${versions[name]}`)], path);
}

/** A folder with these files where the package and these tools were installed; the second time it is there already. */
export function ownFolder(name, tools, files) {
  const path = join(folder, name);
  const isNew = !existsSync(path);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  if (isNew) installIn(path, ...tools);
  return path;
}

/** A folder with these files (name to text) in it; `import` finds the packages of the folder above. */
export function project(parent, name, files) {
  const path = join(parent, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

/** Runs the first of the files in Node, where only the package is installed: the JSON it prints. */
export function inNode(files) {
  const [first] = Object.keys(files);
  const path = project(blank, `node-${first.replace(/\W/g, '-')}`, {
    'package.json': '{"type":"module"}',
    ...files,
  });
  return JSON.parse(run(process.execPath, [first], path));
}

export function removeFolders() {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
