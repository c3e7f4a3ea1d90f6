/**
 * @file A campaign: mutants of chosen sources, each against the tests that run over it, nearest first, until one fails.
 * What is found is written down at once; the next run keeps it as long as source and test are the same.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { grouped, instrument, shaOf } from './mutants.mjs';
import { reachOf } from './reach.mjs';
import { makeSandbox } from './sandbox.mjs';
import { plansFor, surveyOf } from './survey.mjs';
import { attemptFresh, WarmFile } from './trials.mjs';

/**
 * @typedef {{ root: string, out: string, sources: readonly string[], until: number, lanes: number, seconds: number,
 *   nearest?: number, told: (text: string) => void }} Campaign `until`: milliseconds of the clock; `seconds`: of tests for
 *   one mutant; `nearest`: only so many test files, those next to the sources.
 * @typedef {{ key: string, source: string, killed?: { by: string, why: string, sha: string },
 *   passed?: Record<string, string> }} Kept `passed`: test files it came through, with their hashes.
 */

/** @param {Campaign} campaign @returns {Promise<import('./report.mjs').Result[]>} */
export async function carryOut({ root, out, sources, until, lanes, seconds, nearest, told }) {
  mkdirSync(out, { recursive: true });
  told(`${sources.length} sources become mutants`);
  const { texts, mutants, shas } = await instrument(root, sources);
  const sandbox = join(out, 'sandbox');
  makeSandbox(root, sandbox, texts);
  const reach = reachOf(root);
  const kept = keptIn(join(out, 'results.jsonl'));
  const testSha = new Map([...reach.keys()].map((file) => [file, shaOf(readFileSync(join(root, file)))]));

  const nearness = (file) => Math.min(...sources.map((source) => distanceOf(file, source)));
  const distanceOf = (file, source) =>
    (reach.get(file)?.get(source) ?? Number.POSITIVE_INFINITY) +
    (file.split('/')[1] === source.split('/')[1] ? 0 : 2);
  const files = [...reach.keys()]
    .filter((file) => Number.isFinite(nearness(file)))
    .sort((a, b) => nearness(a) - nearness(b))
    .slice(0, nearest);
  /** @type {import('./survey.mjs').Survey[]} */
  const surveys = [];
  // Half of the time at most: what is surveyed has to be tried as well.
  const surveyUntil = Date.now() + (until - Date.now()) / 2;
  await inLanes(files, lanes, async (file) => {
    if (Date.now() > surveyUntil) return;
    surveys.push(await surveyOf({ sandbox, out, mutants, shas }, file, /** @type {any} */ (reach.get(file))));
    told(`what tests run over: ${surveys.length} of ${files.length} files`);
  });
  writeFileSync(
    join(out, 'surveys.txt'),
    surveys
      .filter(({ unusable, failed }) => unusable || failed.length > 0)
      .map(({ file, unusable, failed }) => `${file}\n  ${unusable ?? failed.join('\n  ')}\n`)
      .join(''),
  );

  const plans = plansFor(mutants, surveys, reach, seconds);
  const open = mutants.filter((mutant) => !isSettled(mutant));
  told(`${mutants.length} mutants, ${mutants.length - open.length} known from before`);
  await tryAll();
  return mutants.map((mutant) => ({ mutant, ...outcomeOf(mutant) }));

  function recordOf({ key, file }) {
    const record = kept.get(key);
    return record?.source === shas.get(file) ? record : undefined;
  }

  function isSettled(mutant) {
    const killed = recordOf(mutant)?.killed;
    return killed !== undefined && testSha.get(killed.by) === killed.sha;
  }

  function write(mutant, found) {
    const record = { key: mutant.key, source: shas.get(mutant.file), ...recordOf(mutant), ...found };
    kept.set(mutant.key, record);
    appendFileSync(join(out, 'results.jsonl'), `${JSON.stringify(record)}\n`);
  }

  /** The trials of its plan that it has not come through yet, the warm ones first. */
  function trialsOf(mutant) {
    const { warm, fresh } = /** @type {any} */ (plans.get(mutant.key));
    const passed = recordOf(mutant)?.passed ?? {};
    const named = [
      ...warm.map((trial) => ({ ...trial, name: trial.file, isFresh: false })),
      ...fresh.map((trial) => ({ ...trial, name: `fresh ${trial.file}`, isFresh: true })),
    ];
    return named.filter(({ name, file }) => passed[name] !== testSha.get(file));
  }

  /** @returns {{ outcome: import('./report.mjs').Outcome, why?: string }} */
  function outcomeOf(mutant) {
    const { warm, fresh } = /** @type {any} */ (plans.get(mutant.key));
    if (isSettled(mutant)) return { outcome: 'killed', why: recordOf(mutant)?.killed?.why };
    if (warm.length + fresh.length === 0)
      return { outcome: surveys.length < files.length ? 'untried' : 'uncovered' };
    return { outcome: trialsOf(mutant).length > 0 ? 'untried' : 'survived' };
  }

  /** Round after round: every open mutant goes to the next file of its plan, those of one file together. */
  async function tryAll() {
    let alive = open;
    for (let round = 1; alive.length > 0 && Date.now() < until; round++) {
      const next = alive.flatMap((mutant) =>
        trialsOf(mutant)
          .slice(0, 1)
          .map((trial) => ({ mutant, trial })),
      );
      let done = 0;
      const batches = [...grouped(next, ({ trial }) => trial.name).values()].flatMap((batch) =>
        parts(batch, 60),
      );
      await inLanes(batches, lanes, async (batch) => {
        const { file } = batch[0].trial;
        const held = new WarmFile(sandbox, file);
        try {
          for (const { mutant, trial } of batch) {
            if (Date.now() > until) return;
            const verdict = trial.isFresh
              ? await attemptFresh(sandbox, mutant.id, trial)
              : await held.attempt(mutant.id, trial);
            const sha = /** @type {string} */ (testSha.get(file));
            if (verdict) write(mutant, { killed: { by: file, why: verdict.why, sha } });
            else write(mutant, { passed: { ...recordOf(mutant)?.passed, [trial.name]: sha } });
            done++;
            told(
              `round ${round}: ${done} of ${next.length} mutants, ${batches.length} batches, now ${trial.name}`,
            );
          }
        } finally {
          held.end();
        }
      });
      alive = alive.filter((mutant) => !isSettled(mutant) && trialsOf(mutant).length > 0);
    }
  }
}

const parts = (list, size) =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

/** The newest record of each key. @returns {Map<string, Kept>} */
function keptIn(path) {
  if (!existsSync(path)) return new Map();
  const whole = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return new Map(whole.map((line) => JSON.parse(line)).map((record) => [record.key, record]));
}

async function inLanes(list, lanes, each) {
  const queue = [...list];
  const lane = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) await each(one);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
