/**
 * @file `node scripts/check-reproducible.mjs`: compiles the kernels twice, in two folders whose paths have nothing in
 * common, under different locales and time zones, and compares the SHA-256 with this build's and with the pinned one.
 * `--quick`: the strict kernels once more, in the second folder.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quick = process.argv.includes('--quick');
const targets = quick ? ['strict'] : ['strict', 'relaxed'];
const compiler = pathToFileURL(join(root, 'node_modules/assemblyscript/dist/asc.js')).href;
const program = `
  import asc from ${JSON.stringify(compiler)};
  for (const target of ${JSON.stringify(targets)}) {
    const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target]);
    if (error) throw new Error(stderr.toString());
  }`;
const files = { strict: 'build/kernels.wasm', relaxed: 'build/kernels.relaxed.wasm' };
const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
const hashesIn = (folder) =>
  Object.fromEntries(targets.map((name) => [name, sha256(join(folder, files[name]))]));

const scratch = mkdtempSync(join(tmpdir(), 'prenorm-'));
/** @type {[folder: string, env: NodeJS.ProcessEnv][]} */
const places = [
  [join(scratch, 'a'), { LANG: 'C', TZ: 'UTC' }],
  [
    join(scratch, 'a longer', 'päth', 'with', 'more', 'folders'),
    { LANG: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' },
  ],
];
let failed = false;
try {
  const found = [['this build', hashesIn(root)]];
  for (const [folder, env] of quick ? places.slice(1) : places) {
    mkdirSync(join(folder, 'build'), { recursive: true });
    for (const part of ['assembly', 'asconfig.json', 'package.json'])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    found.push([`in ${folder.slice(scratch.length + 1)}/`, hashesIn(folder)]);
  }
  const { pinned } = await import(pathToFileURL(join(root, 'dist/conformance/index.js')).href);
  found.push(['pinned', pinned.kernels]);
  for (const name of targets) {
    for (const [where, hashes] of found) {
      const same = hashes[name] === found[0][1][name];
      failed ||= !same;
      console.log(`${same ? 'same     ' : 'DIFFERENT'} ${name.padEnd(8)} ${hashes[name]} ${where}`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
