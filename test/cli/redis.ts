/** A Redis of one's own for a test: on a free port, with its files in a folder that goes with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAMS = ['redis-server', 'valkey-server'];

/** The server that is installed; undefined where there is none, and then CI fails. */
export const redisProgram = PROGRAMS.find((name) => spawnSync(name, ['--version']).status === 0);
if (redisProgram === undefined) {
  if (process.env.PRENORM_REQUIRE_REDIS) throw new Error(`none of ${PROGRAMS.join(', ')} is installed`);
  console.log('skipped: no redis-server, so no queue of runs is tested');
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

export class TestRedis {
  readonly folder = mkdtempSync(join(tmpdir(), 'prenorm-redis-'));
  #child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly args: readonly string[],
  ) {}

  get address(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  static async start(...args: string[]): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), args);
    await redis.up();
    return redis;
  }

  async up(): Promise<void> {
    const fixed = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    const child = spawn(redisProgram as string, [...fixed, ...this.args], { stdio: 'ignore' });
    this.#child = child;
    for (let tries = 0; !(await this.#answers()); tries++) {
      if (tries > 200 || child.exitCode !== null) throw new Error(`Redis did not start: ${child.exitCode}`);
      await new Promise((done) => setTimeout(done, 25));
    }
  }

  #answers(): Promise<boolean> {
    return new Promise((done) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        done(true);
      });
      socket.once('error', () => done(false));
    });
  }

  /** As a power cut has it. */
  async down(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
    this.#child = undefined;
  }

  async stop(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
