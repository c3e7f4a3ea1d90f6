/** @file Engines that do the same work, each a process of its own, started, compared and timed in turns. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bench } from '../scripts/built-bench.mjs';
import { Engine } from './engine.mjs';
import { clockOf, isOurs } from './rival-rows.mjs';

const { CLOCKS, intervalOf, machineTime, NARROW, quartiles, takenByOthers } = bench;

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

/**
 * Starts each engine and runs three steps; `problem` says why one is not timed, `absent` that it is not here.
 * @param {any} plan
 * @param {readonly any[]} list what is started: rival, label, threads, `start` (the command, and its arguments from the
 *   model's path), and perhaps its environment and why it is `absent`
 * @param {string} path of the model
 * @param {{ title: string, numbers: string, tolerance: (rival: string) => number }} work what is done, what its three
 *   numbers are, and how far a rival's may be from ours
 */
export async function startAll(plan, list, path, { title, numbers, tolerance }) {
  /** @type {any[]} */
  const found = [];
  /** @type {number[] | undefined} */
  let expected;
  for (const { rival, label, threads, start, env, absent } of list) {
    /** @type {{ rival: string, label: string, threads: number, engine: Engine | null, problem: string | null, absent: boolean, wall: Map<number, number>, cpu: Map<number, number>, dropped: number, stepMs?: number }} */
    const entry = {
      rival,
      label,
      threads,
      engine: null,
      problem: absent ?? null,
      absent: absent !== undefined,
      wall: new Map(),
      cpu: new Map(),
      dropped: 0,
    };
    found.push(entry);
    if (entry.absent) continue;
    plan.onProgress(`${title}: ${rival}, ${label}: ${numbers} of steps 1 to 3`);
    try {
      const [command, args] = start;
      const engine = await Engine.start(command, args(path), env);
      entry.engine = engine;
      const { losses, ms } = await engine.run(3);
      const first = expected ?? losses;
      expected = first;
      const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - first[i])));
      if (!(worst <= tolerance(rival))) {
        entry.problem = `its ${numbers} ${losses.map((loss) => loss.toFixed(4)).join(', ')} differ from ours`;
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

/** Warms every engine up and takes rounds in turns until each one's median stands still. */
export async function takeTurns(plan, found, title) {
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
    plan.onProgress(`${title}: round ${round + 1} of ${rounds} or more, ${open.length} engines`);
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
