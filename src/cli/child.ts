/** @file Entry of a child process that carries out runs one after another, told over the process channel. */

import { existsSync } from 'node:fs';
import type { RunCheckpoints, RunSpec } from '../experiments/index.js';
import { executeRun } from '../experiments/index.js';
import { readFileChecked, writeFileAtomic } from '../io/files-node.js';
import type { Sources } from '../recipe/index.js';
import { toWire } from '../wire-error.js';
import { jobSources, type PlacedFiles } from './queue/job-files.js';
import { fileSources, workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';
import { loadTokenizers } from './tokenizers.js';

export interface ChildRequest {
  spec: RunSpec;
  engine: EngineOptions;
  /** Names of data are relative to it. Default: the working folder. */
  folder?: string;
  /** Of a run of a queue: its files, in place of any folder. */
  files?: PlacedFiles;
  /** Where the run is kept while it is under way, and from where it goes on. */
  checkpoint?: string;
}

/** One for each folder, so that what was read for one run is there for the next. */
const folders = new Map<string, Sources>();
/** Of a queue the last one: most of its runs read the same. */
let lastFiles: { name: string; sources: Sources } | undefined;

function sourcesOf({ folder, files }: Pick<ChildRequest, 'folder' | 'files'>): Sources {
  if (files) {
    const name = JSON.stringify(files);
    if (lastFiles?.name !== name) lastFiles = { name, sources: jobSources(files) };
    return lastFiles.sources;
  }
  if (folder === undefined) return workingFolder;
  const made = folders.get(folder) ?? fileSources(folder);
  folders.set(folder, made);
  return made;
}

/** Seconds between two checkpoints of a run. */
const CHECKPOINT_EVERY = 30;

function checkpointsAt(path: string): RunCheckpoints {
  let last = performance.now();
  return {
    isDue: () => performance.now() - last >= CHECKPOINT_EVERY * 1000,
    read: async () => (existsSync(path) ? readFileChecked(path, 'checkpoint') : undefined),
    // A full disk takes no run its result; another worker begins further back.
    async write(bytes) {
      await writeFileAtomic(path, bytes, 'checkpoint').catch(() => {});
      last = performance.now();
    },
  };
}

// These reach the whole process group; the parent decides what happens to its children.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// A parent that was killed tells of nothing else, and nobody waits for what is computed here.
process.on('disconnect', () => process.exit());

process.on('message', async ({ spec, engine, checkpoint, ...where }: ChildRequest) => {
  try {
    await start(engine);
    let last = 0;
    const record = await executeRun(spec, {
      sources: sourcesOf(where),
      tokenizers: loadTokenizers,
      ...(checkpoint !== undefined && { checkpoints: checkpointsAt(checkpoint) }),
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
