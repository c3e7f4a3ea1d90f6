/** @file What came of the mutants: a table by folder, and every survivor where it stands. */
import { readFileSync } from 'node:fs';
import { grouped } from './mutants.mjs';

/**
 * Mutants that change nothing one could see, or nothing that matters here; each with its reason. They are found again by
 * file, mutator, the line's text and what stands instead.
 * @typedef {{ file: string, mutator: string, text: string, replacement: string, reason: string }} Held
 */

/** @returns {(mutant: import('./mutants.mjs').Mutant) => string | undefined} */
export function heldEqual(path) {
  const nameOf = ({ file, mutator, text, replacement }) => JSON.stringify([file, mutator, text, replacement]);
  const held = new Map(
    JSON.parse(readFileSync(path, 'utf8')).map((/** @type {Held} */ one) => [nameOf(one), one.reason]),
  );
  return (mutant) => held.get(nameOf(mutant));
}

/** @typedef {'killed' | 'refused' | 'survived' | 'uncovered' | 'held' | 'untried'} Outcome */
/** @typedef {{ mutant: import('./mutants.mjs').Mutant, outcome: Outcome, why?: string }} Result */

/** Noticed (by a test or the compiler) among those tried and not held equal. @param {readonly Result[]} results */
export function scoreOf(results) {
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  const noticed = count('killed') + count('refused');
  const tried = noticed + count('survived') + count('uncovered');
  return { noticed, tried, share: tried === 0 ? 1 : noticed / tried, count };
}

/** @param {readonly Result[]} results */
export function tableOf(results) {
  const folders = [...new Set(results.map(({ mutant }) => mutant.file.split('/')[1]))].sort();
  const row = (name, own) => {
    const { share, tried, count } = scoreOf(own);
    const cells = ['killed', 'refused', 'survived', 'uncovered', 'held', 'untried'].map((outcome) =>
      count(outcome),
    );
    return `| ${[name, own.length, ...cells, tried === 0 ? '' : `${(100 * share).toFixed(1)} %`].join(' | ')} |`;
  };
  return [
    '| folder of src | mutants | noticed by a test | refused by the compiler | survived | not run over | held equal | not tried | score |',
    '|---|---|---|---|---|---|---|---|---|',
    ...folders.map((folder) =>
      row(
        folder,
        results.filter(({ mutant }) => mutant.file.startsWith(`src/${folder}/`)),
      ),
    ),
    ...(folders.length > 1 ? [row('all', results)] : []),
  ].join('\n');
}

/** @param {readonly Result[]} results */
export function survivorsOf(results) {
  const left = results.filter(({ outcome }) => outcome === 'survived' || outcome === 'uncovered');
  const byFile = grouped(left, ({ mutant }) => mutant.file);
  const lineOf = ({ mutant: { line, mutator, text, replacement }, outcome }) =>
    `- ${line} ${mutator}${outcome === 'uncovered' ? ' (not run over)' : ''}: \`${text}\` with \`${replacement.replace(/\s+/g, ' ').slice(0, 120)}\``;
  return [...byFile]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([file, own]) =>
        `## ${file}: ${own.length}\n\n${own
          .sort((a, b) => a.mutant.line - b.mutant.line)
          .map(lineOf)
          .join('\n')}\n`,
    )
    .join('\n');
}
