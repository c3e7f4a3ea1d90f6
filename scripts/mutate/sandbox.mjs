/**
 * @file A copy of the project whose sources hold the mutants. Nothing is changed where one works; tests that read other
 * files of the project, or start its command line, find them in the copy.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LEFT_OUT = new Set(['node_modules', '.git', '.ci', '.cache', '.fuzz', 'runs']);

/** What a process or worker that a test starts has run over is written down when it ends, and while it lives. */
const TOLD = `
if (typeof process === 'object' && process.env?.PRENORM_MUTATE_SURVEY && !globalThis.__mutateTold) {
  globalThis.__mutateTold = true;
  const fs = process.getBuiltinModule('node:fs');
  const { isMainThread, threadId } = process.getBuiltinModule('node:worker_threads');
  if (!isMainThread || !process.argv[1]?.endsWith('scripts/mutate/child.mjs')) {
    let before = 0;
    const tell = () => {
      const ids = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {});
      if (ids.length === before) return;
      before = ids.length;
      const path = process.env.PRENORM_MUTATE_SURVEY + '/' + process.pid + '-' + threadId + '-' + process.hrtime.bigint();
      try { fs.writeFileSync(path, JSON.stringify(ids)); } catch {}
    };
    process.on('exit', tell);
    setInterval(tell, 200).unref();
  }
}
`;

/** @param {string} root @param {string} to @param {Map<string, string>} texts Sources with mutants, by their path. */
export function makeSandbox(root, to, texts) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(root)) {
    if (!LEFT_OUT.has(name))
      cpSync(join(root, name), join(to, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  for (const [file, text] of texts) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    // Behind the text: lines keep their numbers, and imports stay first.
    writeFileSync(join(to, file), text + TOLD);
  }
}
