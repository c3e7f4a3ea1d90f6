/**
 * @file Which of the mutants that no test noticed the compiler refuses. One mutant in each file at a time; what is refused
 * must be so twice, in other company, because an error may come from another file's mutant.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { grouped, withMutant } from './mutants.mjs';

/**
 * @param {string} root @param {string} scratch @param {readonly import('./mutants.mjs').Mutant[]} survivors
 * @param {{ until: number, told: (text: string) => void }} options
 * @returns {Promise<Set<string>>} Keys of what is refused.
 */
export async function refusedByCompiler(root, scratch, survivors, { until, told }) {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  for (const name of ['src', 'tsconfig.json', 'package.json'])
    cpSync(join(root, name), join(scratch, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));
  const once = await roundsOf(survivors);
  const suspects = survivors.filter(({ key }) => once.has(key));
  // In other company: the files' lists are as long as before, and begin elsewhere.
  return roundsOf(rotated(suspects));

  async function roundsOf(list) {
    const byFile = [...grouped(list, ({ file }) => file).values()];
    const rounds = Math.max(0, ...byFile.map(({ length }) => length));
    const refused = new Set();
    for (let round = 0; round < rounds && Date.now() < until; round++) {
      told(`the compiler: ${round + 1} of ${rounds} rounds`);
      const placed = byFile.flatMap((mutants) => mutants.slice(round, round + 1));
      const originals = placed.map(({ file }) => readFileSync(join(root, file), 'utf8'));
      for (const [i, mutant] of placed.entries())
        writeFileSync(join(scratch, mutant.file), withMutant(originals[i], mutant));
      const inError = await filesInError(scratch);
      placed.forEach(({ file, key }, i) => {
        writeFileSync(join(scratch, file), originals[i]);
        if (inError.has(file)) refused.add(key);
      });
    }
    return refused;
  }
}

function rotated(list) {
  return [...grouped(list, ({ file }) => file).values()].flatMap((mutants, i) => {
    const at = (i * 7 + 1) % mutants.length;
    return [...mutants.slice(at), ...mutants.slice(0, at)];
  });
}

/** @returns {Promise<Set<string>>} */
function filesInError(folder) {
  return new Promise((done) => {
    const child = spawn('node_modules/.bin/tsc', ['--noEmit', '--pretty', 'false', '-p', 'tsconfig.json'], {
      cwd: folder,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    child.on('close', () =>
      done(new Set([...text.matchAll(/^(src\/[^(]+)\(\d+,\d+\): error/gm)].map(([, file]) => file))),
    );
  });
}
