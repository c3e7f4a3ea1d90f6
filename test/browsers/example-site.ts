/** @file Pages of examples/, built and served as a static host would, and what that of examples/browser has to arrive at. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerTrainer, type WorkerTrainerOptions } from '../../src/worker/index.js';
import { serve } from './static-server.js';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', '..');
const shared = join(root, 'examples/browser');
const program = process.platform === 'win32' ? 'npm.cmd' : 'npm';

export interface Site {
  url: string;
  /** From now on nobody answers, until the function that is returned is called. */
  vanish(): () => void;
  close(): void;
}

/** The page of examples/browser. */
export function serveExample(
  headers: Record<string, string> = {},
  change?: Parameters<typeof serve>[2],
): Promise<Site> {
  return serveSite('browser', headers, change);
}

/** Installs what an example needs unless it is there, builds it unless it is new, and serves it. */
export async function serveSite(
  name: 'browser' | 'fine-tune',
  headers: Record<string, string> = {},
  change?: Parameters<typeof serve>[2],
): Promise<Site> {
  const folder = join(root, 'examples', name);
  await alone(join(root, `build/${name}-site.lock`), () => {
    if (!existsSync(join(folder, 'node_modules/vite'))) {
      execFileSync(program, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: folder,
        stdio: 'pipe',
      });
    }
    const sources = ['index.html', 'vite.config.js', 'package-lock.json'].map((name) => join(folder, name));
    // Parts of one page are those of the other, too.
    const common = ['service-worker.js', 'vite-service-worker.js'].map((name) => join(shared, name));
    for (const src of new Set([join(folder, 'src'), join(shared, 'src')]))
      for (const name of readdirSync(src)) sources.push(join(src, name));
    const newest = Math.max(
      ...[join(root, 'dist/index.js'), ...common, ...sources].map((path) => statSync(path).mtimeMs),
    );
    const built = join(folder, 'dist/index.html');
    if (!existsSync(built) || statSync(built).mtimeMs < newest) {
      execFileSync(program, ['run', 'build'], { cwd: folder, stdio: 'pipe' });
    }
  });
  const { url, server } = await serve(join(folder, 'dist'), headers, change);
  return {
    url,
    vanish() {
      const listeners = server.listeners('request') as ((...args: unknown[]) => void)[];
      server.removeAllListeners('request');
      server.on('request', (_, response) => response.destroy());
      return () => {
        server.removeAllListeners('request');
        for (const listener of listeners) server.on('request', listener);
      };
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Test files run side by side; only one of them may build. */
async function alone(path: string, work: () => void): Promise<void> {
  mkdirSync(join(path, '..'), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!isAlive(path)) rmSync(path, { force: true });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  try {
    work();
  } finally {
    rmSync(path, { force: true });
  }
}

function isAlive(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Some pages of text that are the same everywhere. */
export function someText(pages: number): string {
  const words =
    'the of and that to in he shall unto for his a they be is him not them it with all thou was'.split(' ');
  let state = 7;
  return Array.from({ length: pages * 300 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return words[Math.floor(state / 65536) % words.length];
  }).join(' ');
}

/** The fingerprint that the page has to show after so many steps on `someText(10)`: Node's, with one thread. */
export async function nodeFingerprint(steps: number, size: 'tiny' | 'small' = 'tiny'): Promise<string> {
  const path = '../../examples/browser/src/run-config.js';
  const { runConfig } = (await import(path)) as { runConfig(setup: unknown): WorkerTrainerOptions };
  const trainer = new WorkerTrainer(runConfig({ text: someText(10), size, steps }));
  try {
    for await (const _ of trainer.run());
    return await trainer.hash();
  } finally {
    trainer.close();
  }
}
