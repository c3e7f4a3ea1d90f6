/** @file A stranger's project: an empty folder with `prenorm` in its node_modules, and nothing else of ours. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Makes the folder, hands it to `use`, and removes it. */
export async function inProject<T>(use: (folder: string) => Promise<T>): Promise<T> {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run `npm run build` first');
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-project-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules/prenorm'), 'dir');
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies one of our examples there, without what npm may have installed beside it. */
export function copyExample(name: string, folder: string): void {
  const filter = (source: string): boolean => !source.includes('node_modules', join(root, 'examples').length);
  cpSync(join(root, 'examples', name), folder, { recursive: true, filter });
}

export function writeModule(folder: string, file: string, code: string): void {
  writeFileSync(join(folder, file), code);
}

/** Runs `node FILE ...args` in the folder. */
export function runNode(folder: string, file: string, args: readonly string[] = []): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
