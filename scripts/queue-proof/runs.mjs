/** @file Grids of short runs, and what a command says of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const text = 'the cat sat on the mat and the dog sat on the log. '.repeat(40);

/** Writes a grid of so many runs that differ in their seed. */
export function writeGrid(folder, count, steps) {
  const recipe = {
    model: { kind: 'causalLM', dModel: 8, numHeads: 2, numLayers: 1, dFF: 16 },
    data: { kind: 'text', source: 'cats.txt', batchSize: 2, seqLen: 8 },
    optimizer: { kind: 'adamw' },
    schedule: { kind: 'constant', maxLr: 0.01 },
    steps,
  };
  const seed = { range: { from: 1, to: count, step: 1 } };
  writeFileSync(join(folder, 'cats.txt'), text);
  writeFileSync(join(folder, 'grid.json'), JSON.stringify({ ...recipe, seed }));
}

export const resultsIn = (folder, out) => JSON.parse(readFileSync(join(folder, out, 'results.json'), 'utf8'));

/** How often each run was said to be done, out of what the command wrote. */
export function timesTold(stderr) {
  const told = new Map();
  for (const [, label] of stderr.matchAll(/^\s*\d+\/\d+ (.*?), valid NLL/gm))
    told.set(label, (told.get(label) ?? 0) + 1);
  return told;
}

/** By id, in one order. */
export const hashesOf = ({ runs }) => runs.map(({ id, hash }) => `${id} ${hash}`).sort();
