/** @file The other end of engines/serve.mjs: a long-lived child that runs training steps when told. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Engine {
  #child;
  #lines;
  /** What the process says it is. */
  build = '';
  /** @type {{ resolve: (line: any) => void, reject: (error: Error) => void } | null} */
  #waiting = null;
  /** @type {string | null} */
  #ended = null;
  #errors = '';

  /** Starts the process; `build` is what it says it is. */
  static async start(command, args, env = {}) {
    const engine = new Engine(command, args, env);
    const { build } = await engine.#answer();
    engine.build = build;
    return engine;
  }

  constructor(command, args, env) {
    const variables = { ...process.env, ...env };
    // They would force another processor's BLAS kernels on PyTorch.
    delete variables.OPENBLAS_CORETYPE;
    delete variables.OPENBLAS_L2_SIZE;
    this.#child = spawn(command, args, { env: variables, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#lines = [];
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return; // a library's greeting
      this.#lines.push(JSON.parse(line));
      this.#deliver();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#errors = `${this.#errors}${text}`.slice(-2000);
    });
    this.#child.stdin.on('error', () => {}); // the process has ended; its answer says so
    const end = (reason) => {
      this.#ended ??= reason;
      this.#deliver();
    };
    this.#child.on('error', (error) => end(error.message));
    this.#child.on('close', (code) => end(`it ended with code ${code}: ${lastLine(this.#errors)}`));
  }

  #deliver() {
    if (!this.#waiting) return;
    const { resolve, reject } = this.#waiting;
    const line = this.#lines.shift();
    if (!line && this.#ended === null) return;
    this.#waiting = null;
    if (!line) reject(new Error(this.#ended ?? ''));
    else if (line.error) reject(new Error(line.error));
    else resolve(line);
  }

  #answer() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#deliver();
    });
  }

  /** Runs training steps: milliseconds (that passed, and that it computed) and loss of each. */
  run(steps) {
    this.#child.stdin.write(`${JSON.stringify({ steps })}\n`);
    return this.#answer();
  }

  stop() {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) ?? '';
}
