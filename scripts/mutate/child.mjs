/**
 * @file A process that holds one test file and carries out its tests when told: once for what they reach, then with one
 * mutant after the other. Started by workshop.mjs, in the copy whose sources hold the mutants.
 *
 * Told `survey`: every test twice; which mutants it ran over the first time and the second (what only the first time
 * reaches is kept from then on, so it needs a process of its own). Told `try`: these tests with this mutant, until one
 * fails.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { standIn, suites } from './uvu.mjs';

const file = process.argv[2];
const space = /** @type {any} */ (globalThis.__stryker__ ?? {});
globalThis.__stryker__ = space;
const send = (message) => /** @type {any} */ (process).send(message);
const strays = [];
process.on('uncaughtException', (error) => strays.push(error));
process.on('unhandledRejection', (error) => strays.push(error));

standIn();
/** What child processes and workers ran over: they write it where they are told. */
const elsewhere = process.env.PRENORM_MUTATE_SURVEY ? mkdtempSync(join(tmpdir(), 'prenorm-survey-')) : null;
if (elsewhere) {
  process.env.PRENORM_MUTATE_SURVEY = elsewhere;
  process.on('exit', () => rmSync(elsewhere, { recursive: true, force: true }));
}
try {
  await import(pathToFileURL(resolve(file)).href);
} catch (error) {
  send({ loaded: false, error: String(error?.stack ?? error) });
  process.exit(1);
}
const onLoad = Object.keys(space.mutantCoverage?.static ?? {});
send({ loaded: true });

process.on('message', async (/** @type {any} */ message) => {
  send(message.type === 'survey' ? await survey() : await attempt(message));
});

/** Ids of tests are `suite:test`. */
async function survey() {
  const first = await round();
  const second = await round();
  const tests = Object.entries(second).map(([id, { ms, failed, passed, remote }]) => {
    const before = Object.keys(first[id].passed);
    // What cannot be done twice in one process is done once in each of its own.
    const again = failed === null;
    return {
      id,
      ms: Math.max(ms, first[id].ms),
      failed: first[id].failed,
      covered: again ? [...new Set([...Object.keys(passed), ...remote])] : [],
      once: again
        ? before.filter((mutant) => !(mutant in passed))
        : [...new Set([...before, ...first[id].remote])],
    };
  });
  return { tests, onLoad };
}

async function round() {
  /** @type {Record<string, { ms: number, failed: string | null, passed: Record<string, number>, remote: string[] }>} */
  const all = {};
  for (const [s, suite] of suites.entries()) {
    const own = `before:${s}`;
    space.mutantCoverage ??= { static: {}, perTest: {} };
    const cover = space.mutantCoverage;
    cover.perTest = {};
    space.currentTestId = own;
    await carryOut(suite, null, async (t, run) => {
      const id = `${s}:${t}`;
      space.currentTestId = id;
      const begun = performance.now();
      const failed = await run();
      const ms = performance.now() - begun;
      await quiet();
      all[id] = { ms, failed, passed: {}, remote: fromElsewhere() };
      space.currentTestId = own;
      return true;
    });
    space.currentTestId = undefined;
    // What the suite's own hooks run over counts for each of its tests.
    for (const [t] of suite.tests.entries()) {
      const id = `${s}:${t}`;
      all[id] ??= { ms: 0, failed: 'the suite did not come to it', passed: {}, remote: [] };
      all[id].passed = { ...cover.perTest[own], ...cover.perTest[id] };
    }
  }
  return all;
}

/** A loop that a mutant makes endless is for who waits: how often it may be passed cannot be told from a hot loop. */
function activate(mutant) {
  space.activeMutant = mutant ?? undefined;
  if (mutant === null) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
}

/** @param {{ mutant: string | null, tests: string[] }} order `mutant: null`: none. */
async function attempt({ mutant, tests }) {
  activate(mutant);
  let failed = /** @type {{ test: string, why: string } | null} */ (null);
  for (const [s, suite] of suites.entries()) {
    const own = tests.filter((id) => id.startsWith(`${s}:`));
    if (own.length === 0) continue;
    const wanted = new Set(own.map((id) => +id.split(':')[1]));
    const inHooks = await carryOut(suite, wanted, async (t, run) => {
      const why = await run();
      if (why !== null) failed = { test: `${s}:${t}`, why };
      return why === null;
    });
    if (inHooks !== null && failed === null) failed = { test: own[0], why: inHooks };
    if (failed) break;
  }
  activate(null);
  return { failed };
}

/**
 * The suite's tests of `wanted`; `each` returns false to stop. Returns what failed outside the tests.
 * @param {import('./uvu.mjs').Suite} suite @param {Set<number> | null} wanted
 * @param {(index: number, run: () => Promise<string | null>) => Promise<boolean>} each
 */
async function carryOut(suite, wanted, each) {
  const { state } = suite;
  let outside = /** @type {string | null} */ (null);
  try {
    state.__suite__ = suite.name;
    for (const hook of suite.before) await hook(state);
    for (const [t, { name, handler }] of suite.tests.entries()) {
      if (wanted && !wanted.has(t)) continue;
      state.__test__ = name;
      const run = async () => {
        strays.length = 0;
        let why = /** @type {string | null} */ (null);
        try {
          for (const hook of suite.bEach) await hook(state);
          await handler(state);
        } catch (error) {
          why = said(error);
        }
        try {
          for (const hook of suite.aEach) await hook(state);
        } catch (error) {
          why ??= said(error);
        }
        await quiet();
        return why ?? (strays.length > 0 ? said(strays[0]) : null);
      };
      if (!(await each(t, run))) break;
    }
  } catch (error) {
    outside = said(error);
  }
  try {
    for (const hook of suite.after) await hook(state);
  } catch (error) {
    outside ??= said(error);
  }
  return outside;
}

const said = (error) => String(error?.message ?? error).slice(0, 300) || 'an error without a message';
const quiet = () => new Promise((done) => setImmediate(done));

function fromElsewhere() {
  if (!elsewhere) return [];
  const ids = new Set();
  for (const name of readdirSync(elsewhere)) {
    try {
      for (const id of JSON.parse(readFileSync(join(elsewhere, name), 'utf8'))) ids.add(id);
      rmSync(join(elsewhere, name));
    } catch {
      // Being written; the next test takes it.
    }
  }
  return [...ids];
}
