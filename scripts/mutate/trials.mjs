/**
 * @file Tries mutants: many in a process that holds a test file, or one in a process of its own. A failing test counts
 * only if it passes right after, without the mutant: a process in which it does not has been spoilt, and the mutant is
 * tried again in a new one.
 */
import { TestProcess } from './workshop.mjs';

/** @typedef {{ by: string, why: string } | null} Verdict `null`: no test failed. */

/** A hung test against a slow one: this often its time, and so many milliseconds more. */
const PATIENCE = 6;
const AT_LEAST_MS = 10_000;

export class WarmFile {
  /** @param {string} sandbox @param {string} file */
  constructor(sandbox, file) {
    this.sandbox = sandbox;
    this.file = file;
    /** @type {TestProcess | null} */
    this.held = null;
    /** Tests that pass only after others of their file. */
    this.dependent = new Set();
  }

  async #ready() {
    if (this.held && !this.held.ended) return this.held;
    this.held = new TestProcess(this.sandbox, this.file);
    const started = await this.held.loaded();
    if (!started.loaded)
      throw new Error(`${this.file} could be loaded before and cannot now: ${started.error ?? started.why}`);
    return this.held;
  }

  end() {
    this.held?.end();
    this.held = null;
  }

  /**
   * @param {string} mutant Its id. @param {{ tests: string[], ms: number }} trial
   * @returns {Promise<Verdict>}
   */
  async attempt(mutant, { tests, ms }) {
    const own = tests.filter((id) => !this.dependent.has(id));
    if (own.length === 0) return null;
    const limit = PATIENCE * ms + AT_LEAST_MS;
    const first = await this.#one(mutant, own, limit);
    if (first === null || first.gone) return first && { by: first.by, why: first.why };
    if (await this.#passes(first.by, limit)) return { by: first.by, why: first.why };
    this.end();
    if (!(await this.#passes(first.by, limit))) {
      this.dependent.add(first.by);
      this.end();
      return this.attempt(mutant, { tests, ms });
    }
    const again = await this.#one(mutant, own, limit);
    this.end();
    return again && { by: again.by, why: again.why };
  }

  async #one(mutant, tests, limit) {
    const held = await this.#ready();
    const { failed, hung, ended } = await held.ask({ type: 'try', mutant, tests }, limit);
    if (hung || ended) {
      this.end();
      return { by: tests[0], why: hung ? 'hangs' : 'ends the process', gone: true };
    }
    return failed && { by: failed.test, why: failed.why, gone: false };
  }

  async #passes(test, limit) {
    const held = await this.#ready();
    const { failed, hung, ended } = await held.ask({ type: 'try', mutant: null, tests: [test] }, limit);
    if (hung || ended) this.end();
    return !hung && !ended && failed === null;
  }
}

/** @param {string} sandbox @param {string} mutant @param {{ file: string, tests: string[], ms: number }} trial */
export async function attemptFresh(sandbox, mutant, { file, tests, ms }) {
  const held = new TestProcess(sandbox, file, { mutant });
  try {
    const started = await held.loaded();
    if (!started.loaded)
      return {
        by: 'loading',
        why: started.hung ? 'hangs' : String(started.error ?? started.why).slice(0, 300),
      };
    const { failed, hung, ended } = await held.ask(
      { type: 'try', mutant, tests },
      PATIENCE * ms + AT_LEAST_MS,
    );
    if (hung || ended) return { by: tests[0], why: hung ? 'hangs' : 'ends the process' };
    return failed && { by: failed.test, why: failed.why };
  } finally {
    held.end();
  }
}
