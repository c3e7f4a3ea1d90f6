/** @file Entry of a child process that carries out runs one after another, told over the process channel. */

import type { RunSpec } from '../experiments/index.js';
import { executeRun } from '../experiments/index.js';
import { toWire } from '../wire-error.js';
import { workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';

export interface ChildRequest {
  spec: RunSpec;
  engine: EngineOptions;
}

// These reach the whole process group; the parent decides what happens to its children.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// A parent that was killed tells of nothing else, and nobody waits for what is computed here.
process.on('disconnect', () => process.exit());

process.on('message', async ({ spec, engine }: ChildRequest) => {
  try {
    await start(engine);
    let last = 0;
    const record = await executeRun(spec, {
      sources: workingFolder,
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
