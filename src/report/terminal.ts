/** @file The tables `reproduce` prints: claims with their verdicts, and runs. Plain ASCII, wrapped to the width. */
import stringWidth from 'string-width';
import type { ClaimRow, Results, RunRecord } from '../experiments/results.js';
import { type Cell, type Column, type Paint, table } from '../terminal/table.js';
import { clean, wrap as wrapped } from '../terminal/wrap.js';
import {
  controlOutcome,
  formatDuration,
  formatNumber,
  formatShare,
  inFourNumbers,
  isExpected,
  median,
  outcome,
  score,
  shortHash,
  timing,
  whyOf,
} from './wording.js';

export interface TerminalOptions {
  /** ANSI colours; leave off when NO_COLOR is set or the output is no terminal. */
  color: boolean;
  /** Columns of the terminal; more than 100 are not used, since text in longer lines reads badly; Infinity for no terminal. */
  width: number;
}

type PaintedCell = Exclude<Cell, string>;

const widest = 100;
const gap = 2;

/** One block per claim: statement, metric and bar, verdict and whether it was expected; a summary below. */
export function renderClaims(results: Results, options: TerminalOptions): string {
  const paint = painter(options.color);
  const width = usable(options.width);
  const lines: string[] = [];
  if (width < 94) {
    for (const { title, claims } of grouped(results)) {
      if (title) lines.push(...wrap(`== ${title}`, width).map(paint.strong), '');
      for (const claim of claims) lines.push(...stacked(claim, width, paint), '');
    }
  } else {
    const columns = [
      { title: 'Claim' },
      { title: 'Measured', most: 26 },
      { title: 'Bar', most: 15 },
      { title: 'Verdict', most: 13 },
      { title: 'Expected', most: 12 },
    ];
    const rowOf = (claim: ClaimRow): Cell[] => [
      {
        text: [`${claim.statement} (${claim.figure})`, whyOf(claim), besideOf(claim)]
          .filter(Boolean)
          .join('\n  '),
      },
      { text: measured(claim) },
      { text: claim.threshold },
      { text: claim.verdict, paint: verdictPaint(claim, paint) },
      expectation(claim, paint),
    ];
    for (const { title, claims } of grouped(results)) {
      if (title) lines.push(...wrap(`== ${title}`, width).map(paint.strong));
      lines.push(...table(columns, claims.map(rowOf), { ...drawn(width, paint), spaced: true }));
    }
  }
  const all = results.claims.every(isExpected);
  lines.push(...wrap(outcome(results), width).map(all ? paint.good : paint.bad));
  const numbers = inFourNumbers(results.claims);
  if (numbers) lines.push(...wrap(numbers, width));
  lines.push(...wrap(timing(results), width));
  for (const sentence of results.advice ?? []) lines.push('', ...wrap(sentence, width));
  return `${lines.join('\n')}\n`;
}

/** Claims under the title of their experiment; without experiments, one group that has no title. */
function grouped({ claims, experiments = [] }: Results): { title: string; claims: ClaimRow[] }[] {
  const names = new Set([
    ...experiments.map(({ name }) => name),
    ...claims.map(({ experiment }) => experiment),
  ]);
  const groups = [...names].map((name) => {
    const about = experiments.find((one) => one.name === name);
    const mine = claims.filter(({ experiment }) => experiment === name);
    const { expected, decided, open } = score(mine);
    const rest = open ? `; ${open}` : '';
    const time = about ? `, ${formatDuration(about.seconds)} of runs` : '';
    const title = name
      ? `${about?.title ?? name}: ${expected} of ${decided} decided as expected${rest}${time}`
      : '';
    return { title, claims: mine };
  });
  return groups.filter((group) => group.claims.length > 0);
}

/** Above this many runs, those that differ in their seed alone share a line. */
const mostRuns = 40;

function summarised(runs: readonly RunRecord[], width: number, paint: Painter): string {
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.experiment, run.label]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const columns: Column[] = [
    { title: 'Run' },
    { title: 'Seeds', right: true },
    { title: 'Status' },
    { title: 'NLL', right: true },
    { title: 'Time', right: true },
  ];
  const kept = width < 74 ? columns.slice(0, 3) : columns;
  const rows = [...groups.values()].map((group) => {
    const counts = [...new Set(group.map(({ status }) => status))].map(
      (status) => `${group.filter((run) => run.status === status).length} ${status}`,
    );
    const nll = group.flatMap(({ finalValidNll }) =>
      typeof finalValidNll === 'number' ? [finalValidNll] : [],
    );
    const cells = [
      group[0]!.label,
      String(group.length),
      counts.join(', '),
      nll.length ? median(nll).toFixed(3) : '',
      formatDuration(group.reduce((sum, { seconds }) => sum + seconds, 0)),
    ];
    return cells.slice(0, kept.length).map((text) => ({ text }));
  });
  const note = `${runs.length} runs in ${groups.size} arms; NLL is the median of the runs that have one. All runs: results.json.`;
  return `${[...table(kept, rows, drawn(width, paint)), '', ...wrap(note, width)].join('\n')}\n`;
}

/** One line per run, or per arm where there are many: progress, NLL, BLEU with its interval, time and the hash to compare. */
export function renderRuns(results: Results, options: TerminalOptions): string {
  const paint = painter(options.color);
  const width = usable(options.width);
  const { runs } = results;
  if (runs.length > mostRuns) return summarised(runs, width, paint);
  const widthOf = (entry: RunColumn): number =>
    Math.max(...[entry.title, ...runs.map((run) => clean(entry.text(run)))].map((text) => stringWidth(text)));
  // In a narrow terminal columns go, the ones easiest to do without first, until a label has room.
  let entries = runColumns;
  const wanted = Math.min(widthOf(entries[0]!), 36);
  const taken = () => entries.slice(1).reduce((sum, entry) => sum + widthOf(entry) + gap, 0);
  for (let drop = 6; drop > 0 && taken() + wanted > width; drop--) {
    entries = entries.filter((entry) => entry.drop !== drop);
  }
  const rows = runs.map((run) =>
    entries.map((entry) => ({
      text: entry.text(run),
      ...(entry.title === 'Status' ? { paint: statusPaint(run, paint) } : {}),
    })),
  );
  return `${table(entries, rows, drawn(width, paint)).join('\n')}\n\n`;
}

interface RunColumn {
  title: string;
  right?: boolean;
  /** Columns with a larger number are left out earlier; 0 always stays. */
  drop: number;
  text(run: RunRecord): string;
}

const runColumns: RunColumn[] = [
  { title: 'Run', drop: 0, text: (run) => run.label },
  { title: 'Seed', drop: 0, right: true, text: (run) => String(run.seed) },
  { title: 'Status', drop: 0, text: (run) => run.status },
  { title: 'p', drop: 0, right: true, text: (run) => run.progress?.toFixed(2) ?? '' },
  { title: 'NLL', drop: 0, right: true, text: (run) => run.finalValidNll?.toFixed(3) ?? '' },
  {
    title: 'BLEU',
    drop: 3,
    right: true,
    text: ({ bleu }) =>
      bleu ? `${bleu.score.toFixed(1)} [${bleu.low.toFixed(1)}, ${bleu.high.toFixed(1)}]` : '',
  },
  { title: 'Loops', drop: 5, right: true, text: ({ bleu }) => (bleu ? formatShare(bleu.loops) : '') },
  { title: 'Steps', drop: 4, right: true, text: (run) => String(run.steps) },
  { title: 'Time', drop: 1, right: true, text: (run) => formatDuration(run.seconds) },
  { title: 'Hash', drop: 6, text: (run) => shortHash(run.hash).slice(0, 8) },
];

/** What the bar was held against: each number's median, and where it is one alone, the seeds too. */
function measured(claim: ClaimRow): string {
  if (claim.compared?.length) {
    return claim.compared.map(({ name, values }) => `${name}: ${formatNumber(median(values))}`).join('; ');
  }
  const middle = `${claim.metric}: ${formatNumber(median(claim.perSeed))}`;
  if (claim.perSeed.length === 0) return claim.metric;
  if (claim.perSeed.length === 1) return middle;
  return `${middle} (${claim.perSeed.map(formatNumber).join(' ')})`;
}

/** The control of a claim in a line. */
function besideOf({ control }: ClaimRow): string {
  if (!control) return '';
  return `control, ${control.factor}: ${formatNumber(median(control.perSeed))}, ${controlOutcome(control)}`;
}

function stacked(claim: ClaimRow, width: number, paint: Painter): string[] {
  const mark = expectation(claim, paint);
  const indented = (text: string) => wrap(text, width - 2).map((line) => `  ${line}`);
  return [
    ...wrap(`${claim.statement} (${claim.figure})`, width).map(paint.strong),
    ...indented(`measured: ${measured(claim)}`),
    ...indented(`bar: ${claim.threshold}`),
    ...indented(`verdict: ${claim.verdict}; ${mark.text}`).map(mark.paint ?? ((line) => line)),
    ...(whyOf(claim) ? indented(`reason: ${whyOf(claim)}`) : []),
    ...indented(besideOf(claim)),
  ];
}

function expectation(claim: ClaimRow, paint: Painter): PaintedCell {
  if (isExpected(claim)) return { text: '= expected', paint: paint.good };
  return { text: `! expected ${claim.expected}`, paint: paint.bad };
}

function verdictPaint(claim: ClaimRow, paint: Painter): Paint {
  if (!isExpected(claim)) return paint.bad;
  return claim.verdict === 'holds' ? paint.good : paint.quiet;
}

function statusPaint(run: RunRecord, paint: Painter): Paint {
  if (run.status === 'trained') return paint.good;
  if (run.status === 'failed' || run.status === 'diverged') return paint.bad;
  return paint.quiet;
}

/** Lines of a text of which a file may have written a part. */
function wrap(text: string, width: number): string[] {
  return wrapped(clean(text), width);
}

function drawn(width: number, paint: Painter) {
  return { columns: width, strong: paint.strong, rule: paint.quiet };
}

function usable(width: number): number {
  return Math.min(widest, Math.max(20, Math.floor(width)));
}

type Painter = Record<'strong' | 'quiet' | 'good' | 'bad', Paint>;

function painter(color: boolean): Painter {
  const style =
    (open: number, close: number): Paint =>
    (text) =>
      color ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { strong: style(1, 22), quiet: style(2, 22), good: style(32, 39), bad: style(31, 39) };
}
