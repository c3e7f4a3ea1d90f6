/**
 * @file Which test runs over which mutant: each test file once without any, kept on the disk until the file or a source
 * that it reaches has changed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shaOf } from './mutants.mjs';
import { TestProcess } from './workshop.mjs';

/** A file that takes longer is left to `npm test`: it would be carried out for every mutant it runs over. */
const LONGEST_MS = 240_000;

/**
 * @typedef {{ id: string, ms: number, covered: string[], once: string[] }} SurveyedTest Mutants by their keys; `once`:
 *   only reached while something was not yet there.
 * @typedef {{ file: string, sha: string, sources: Record<string, string>, tests: SurveyedTest[], onLoad: string[],
 *   failed: string[], unusable?: string }} Survey
 */

/**
 * @param {{ sandbox: string, out: string, mutants: readonly import('./mutants.mjs').Mutant[],
 *   shas: ReadonlyMap<string, string> }} context
 * @param {string} file @param {ReadonlyMap<string, number>} distance What the test file reaches.
 * @returns {Promise<Survey>}
 */
export async function surveyOf({ sandbox, out, mutants, shas }, file, distance) {
  const path = join(out, 'survey', `${file.replaceAll('/', '__')}.json`);
  const sha = shaOf(readFileSync(join(sandbox, file)));
  const sources = Object.fromEntries([...shas].filter(([source]) => distance.has(source)));
  if (existsSync(path)) {
    const kept = /** @type {Survey} */ (JSON.parse(readFileSync(path, 'utf8')));
    const same = Object.entries(sources).every(([source, now]) => kept.sources[source] === now);
    if (kept.sha === sha && same) return kept;
  }
  const survey = await carryOut();
  mkdirSync(join(out, 'survey'), { recursive: true });
  writeFileSync(path, JSON.stringify(survey));
  return survey;

  /** @returns {Promise<Survey>} */
  async function carryOut() {
    const none = { file, sha, sources, tests: [], onLoad: [], failed: [] };
    const held = new TestProcess(sandbox, file, { survey: true });
    try {
      const started = await held.loaded();
      if (!started.loaded)
        return { ...none, unusable: String(started.error ?? started.why ?? 'it hangs').slice(-600) };
      const found = await held.ask({ type: 'survey' }, LONGEST_MS);
      if (!found.tests)
        return { ...none, unusable: found.hung ? 'it takes too long' : String(found.why).slice(-600) };
      const keyOf = new Map(mutants.map(({ id, key }) => [id, key]));
      const keys = (ids) => ids.map((id) => keyOf.get(id)).filter((key) => key !== undefined);
      return {
        ...none,
        tests: found.tests
          .filter(({ failed }) => failed === null)
          .map(({ id, ms, covered, once }) => ({ id, ms, covered: keys(covered), once: keys(once) })),
        onLoad: keys(found.onLoad),
        failed: found.tests
          .filter(({ failed }) => failed !== null)
          .map(({ id, failed }) => `${id}: ${failed}`),
      };
    } finally {
      held.end();
    }
  }
}

/**
 * For each mutant the test files that run over it, nearest first, as many as `seconds` of their tests allow.
 * `warm`: those that run over it again and again; `fresh`: those that do so only while they are loaded or once.
 * @param {readonly import('./mutants.mjs').Mutant[]} mutants @param {readonly Survey[]} surveys
 * @param {ReadonlyMap<string, ReadonlyMap<string, number>>} reach @param {number} seconds
 */
export function plansFor(mutants, surveys, reach, seconds) {
  /** @typedef {{ file: string, tests: string[], ms: number }} Trial */
  /** @type {Map<string, { warm: Trial[], fresh: Trial[] }>} */
  const plans = new Map(mutants.map(({ key }) => [key, { warm: [], fresh: [] }]));
  for (const { file, tests, onLoad } of surveys) {
    const warm = new Map();
    const fresh = new Map();
    const add = (into, key, test) => {
      const trial = into.get(key) ?? { file, tests: [], ms: 0 };
      if (!trial.tests.includes(test.id)) {
        trial.tests.push(test.id);
        trial.ms += test.ms;
      }
      into.set(key, trial);
    };
    for (const test of tests) {
      for (const key of test.covered) add(warm, key, test);
      for (const key of test.once) add(fresh, key, test);
    }
    for (const key of onLoad) for (const test of tests) add(fresh, key, test);
    for (const [key, trial] of warm) plans.get(key)?.warm.push(trial);
    for (const [key, trial] of fresh) plans.get(key)?.fresh.push(trial);
  }
  for (const { key, file: source } of mutants) {
    const folder = source.split('/')[1];
    const rank = ({ file, ms }) => {
      const own = file.startsWith(`test/${folder}/`) ? 0 : 1000;
      return own + 100 * (reach.get(file)?.get(source) ?? 9) + Math.min(99, ms / 100);
    };
    const plan = /** @type {{ warm: Trial[], fresh: Trial[] }} */ (plans.get(key));
    const within = (list, most) => {
      let left = seconds * 1000;
      return list
        .sort((a, b) => rank(a) - rank(b))
        .slice(0, most)
        .filter(({ ms }, i) => {
          left -= ms;
          return i === 0 || left > 0;
        });
    };
    plan.warm = within(plan.warm, 40);
    // A process for each.
    plan.fresh = within(plan.fresh, 4);
  }
  return plans;
}
