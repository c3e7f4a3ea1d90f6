/** @file The curves of a run as a table: a line for each lane and step, every number that is drawn. */
import type { LabConfiguration } from './configuration.js';
import { laneName } from './configuration.js';
import type { LaneHistory } from './history.js';
import { encodeLab } from './link.js';

/** Comma-separated, with the link in its first line; numbers in full, so that they read back to the same bits. */
export function csvOfRun(lab: LabConfiguration, histories: readonly (LaneHistory | null)[]): string {
  const lines = [`# prenorm lab #${encodeLab(lab)}`];
  for (const [at, history] of histories.entries()) {
    if (!history) continue;
    const { layers } = history.beginning.shape;
    const ofBlocks = (what: string) =>
      layers.flatMap(({ stack, number, blocks }) =>
        blocks.map((block) => `${what} ${stack} ${number} ${block}`),
      );
    const ofLayers = (what: string) => layers.map(({ stack, number }) => `${what} ${stack} ${number}`);
    const stacks = [...new Set(layers.map(({ stack }) => stack))];
    const names = [
      ...['loss', 'rate', 'gradient', 'effect'],
      ...ofBlocks('gradient'),
      ...ofBlocks('update'),
      ...ofLayers('leaving'),
      ...ofLayers('hidden'),
      ...stacks.map((stack) => `entering ${stack}`),
    ];
    lines.push(['lane', 'step', ...names].map(quoted).join(','));
    for (let step = 1; step <= history.steps; step++) {
      const row = history.row(step) as Float64Array;
      lines.push([quoted(laneName(lab, at)), step, ...row].join(','));
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Spreadsheets take what begins with = or the like for a formula. */
function quoted(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
