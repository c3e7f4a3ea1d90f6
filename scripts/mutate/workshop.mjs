/** @file Processes that hold a test file each: started, told what to try, ended when they hang or are not to be trusted. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** What loading may take. */
const LOADING_MS = 120_000;

/** @type {Set<TestProcess>} */
const living = new Set();
process.on('exit', () => {
  for (const one of living) one.end();
});

export class TestProcess {
  /**
   * @param {string} sandbox @param {string} file
   * @param {{ survey?: boolean, mutant?: string }} [options] `mutant`: switched on before anything is loaded.
   */
  constructor(sandbox, file, { survey = false, mutant } = {}) {
    /** @type {NodeJS.ProcessEnv} */
    const env = { ...process.env, FORCE_COLOR: '0' };
    delete env.__STRYKER_ACTIVE_MUTANT__;
    delete env.PRENORM_MUTATE_SURVEY;
    if (survey) env.PRENORM_MUTATE_SURVEY = '1';
    if (mutant !== undefined) env.__STRYKER_ACTIVE_MUTANT__ = mutant;
    const args = ['--import', 'tsx', '--expose-gc', join(sandbox, 'scripts/mutate/child.mjs'), file];
    this.child = spawn(process.execPath, args, {
      cwd: sandbox,
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    this.stderr = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr = (this.stderr + text).slice(-2000);
    });
    /** @type {((reply: any) => void) | null} */
    this.waiting = null;
    this.ended = false;
    this.child.on('message', (reply) => this.#answer(reply));
    living.add(this);
    this.child.on('close', () => {
      living.delete(this);
      this.ended = true;
      this.#answer({ ended: true, why: this.stderr });
    });
    this.child.on('error', () => {});
  }

  #answer(reply) {
    const { waiting } = this;
    this.waiting = null;
    waiting?.(reply);
  }

  /** The next reply; `{ hung: true }` after `limit` milliseconds, and the process is gone. */
  #next(limit) {
    if (this.ended) return Promise.resolve({ ended: true, why: this.stderr });
    return new Promise((done) => {
      const timer = setTimeout(() => {
        this.waiting = null;
        this.end();
        done({ hung: true });
      }, limit);
      this.waiting = (reply) => {
        clearTimeout(timer);
        done(reply);
      };
    });
  }

  loaded(limit = LOADING_MS) {
    return this.#next(limit);
  }

  ask(message, limit) {
    const reply = this.#next(limit);
    if (!this.ended) this.child.send(message, () => {});
    return reply;
  }

  /** With whatever it has started. */
  end() {
    if (this.child.pid === undefined) return;
    this.ended = true;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
