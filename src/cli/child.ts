/** @file Entry of a child process that carries out runs one after another, told over the process channel. */

import type { RunSpec } from '../experiments/index.js';
import { executeRun } from '../experiments/index.js';
import type { Sources } from '../recipe/index.js';
import { toWire } from '../wire-error.js';
import { fileSources, workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';
import { loadTokenizers } from './tokenizers.js';

export interface ChildRequest {
  spec: RunSpec;
  engine: EngineOptions;
  /** Names of data are relative to it. Default: the working folder. */
  folder?: string;
}

/** One for each folder, so that what was read for one run is there for the next. */
const folders = new Map<string, Sources>();

function sourcesOf(folder: string | undefined): Sources {
  if (folder === undefined) return workingFolder;
  const made = folders.get(folder) ?? fileSources(folder);
  folders.set(folder, made);
  return made;
}

// These reach the whole process group; the parent decides what happens to its children.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// A parent that was killed tells of nothing else, and nobody waits for what is computed here.
process.on('disconnect', () => process.exit());

process.on('message', async ({ spec, engine, folder }: ChildRequest) => {
  try {
    await start(engine);
    let last = 0;
    const record = await executeRun(spec, {
      sources: sourcesOf(folder),
      tokenizers: loadTokenizers,
      onProgress: (progress) => {
        const now = performance.now();
        if (now - last < 200) return;
        last = now;
        process.send?.({ progress });
      },
    });
    process.send?.({ record });
  } catch (error) {
    process.send?.({ error: toWire(error) });
  }
});
