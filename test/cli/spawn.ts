/** Runs the command line in a process of its own: the built one when it is fresh, else the sources. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface SpawnOptions {
  cwd?: string;
  input?: string | Uint8Array;
  /** Beside the variables of this process. */
  env?: Record<string, string>;
  /** Ctrl-C when this shows on standard error. */
  interruptAt?: RegExp;
}

const root = resolve(import.meta.dirname, '../..');
const built = join(root, 'dist/cli/main.js');
export const command = isFresh()
  ? [built]
  : ['--import', join(root, 'node_modules/tsx/dist/loader.mjs'), join(root, 'src/cli/main.ts')];

function isFresh(): boolean {
  if (!existsSync(built)) return false;
  const at = statSync(built).mtimeMs;
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((file) =>
    join(root, 'src', String(file)),
  );
  return sources.every((file) => !file.endsWith('.ts') || statSync(file).mtimeMs <= at);
}

export function prenorm(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [...command, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    });
    const outcome: Outcome = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      outcome.stdout += text;
    });
    let interrupted = false;
    child.stderr.setEncoding('utf8').on('data', (text) => {
      outcome.stderr += text;
      if (interrupted || !options.interruptAt?.test(outcome.stderr)) return;
      interrupted = true;
      child.kill('SIGINT');
    });
    child.on('error', fail);
    child.on('close', (code) => done({ ...outcome, code }));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** A folder that `use` has for itself. */
export async function inFolder(use: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-cli-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
