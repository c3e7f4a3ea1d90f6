/**
 * @file What the parts of the proof share: a Redis, workers as processes in folders of their own, commands, tables.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestRedis } from '../../test/cli/redis.ts';

export const cli = resolve(import.meta.dirname, '../../dist/cli/main.js');
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
export const now = () => performance.now() / 1000;

/** @typedef {{ child: import('node:child_process').ChildProcess, name: string, said: () => string, ended: Promise<number | null> }} LabWorker */

/** A Redis that loses nothing, a folder, and processes that end with it. */
export class Lab {
  folder = mkdtempSync(join(tmpdir(), 'prenorm-proof-'));
  /** @type {Set<LabWorker>} */
  workers = new Set();
  /** @type {TestRedis | undefined} */
  redis;
  #count = 0;

  /** @param {string[]} args of the server, beside those that keep everything */
  async start(...args) {
    this.redis = await TestRedis.start('--appendonly', 'yes', '--appendfsync', 'always', ...args);
    return this.redis;
  }

  get address() {
    return /** @type {TestRedis} */ (this.redis).address;
  }

  /** A folder with nothing in it. */
  place(name) {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /**
   * A worker as a process of its own, once it takes runs.
   * @param {string[]} args
   * @param {string[]} within a command that runs the rest, as `ip netns exec NAME`
   * @returns {Promise<LabWorker>}
   */
  async worker(name, args = [], within = [], address = this.address) {
    const cwd = this.place(`${name}-${this.#count++}`);
    const line = [...within, process.execPath, cli, 'worker', '--queue', address, '--name', name, ...args];
    const child = spawn(line[0], line.slice(1), { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    /** @type {Promise<number | null>} */
    const ended = new Promise((done) => child.once('exit', done));
    const worker = { child, name, said: () => text, ended };
    this.workers.add(worker);
    await new Promise((done, fail) => {
      ended.then(() => {
        this.workers.delete(worker);
        fail(new Error(text));
      });
      child.stderr.setEncoding('utf8').on('data', (part) => {
        text += part;
        if (text.includes('takes runs of')) done(undefined);
      });
    });
    return worker;
  }

  /** @param {LabWorker} worker */
  async kill(worker) {
    worker.child.kill('SIGKILL');
    this.workers.delete(worker);
    await worker.ended;
  }

  async end() {
    for (const worker of this.workers) await this.kill(worker);
    await this.redis?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * A command of the package.
 * @param {string[]} args
 * @param {string[]} within
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export function prenorm(args, cwd, within = [], environment = {}) {
  return new Promise((done, fail) => {
    const line = [...within, process.execPath, cli, ...args];
    const child = spawn(line[0], line.slice(1), { cwd, env: { ...process.env, ...environment } });
    // Who asks waits as long as it takes; the proof does not.
    process.once('exit', () => child.kill('SIGKILL'));
    const said = { stdout: '', stderr: '' };
    for (const stream of /** @type {const} */ (['stdout', 'stderr']))
      child[stream].setEncoding('utf8').on('data', (text) => {
        said[stream] += text;
      });
    child.on('error', fail);
    child.on('close', (code) => done({ code, ...said }));
    child.stdin.end();
  });
}

/** Rows of a document's table. */
export function printTable(titles, rows) {
  console.log(`\n| ${titles.join(' | ')} |\n|${titles.map(() => '---|').join('')}`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}

/** @throws Error where what is claimed does not hold */
export function claim(holds, what) {
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (!holds) process.exitCode = 1;
}
