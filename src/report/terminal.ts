/** @file The tables `reproduce` prints: claims with their verdicts, and runs. Plain ASCII, wrapped to the width. */
import type { ClaimRow, Results, RunRecord } from '../experiments/results.js';
import {
  formatDuration,
  formatNumber,
  formatShare,
  isExpected,
  median,
  outcome,
  shortHash,
  timing,
} from './wording.js';

export interface TerminalOptions {
  /** ANSI colours; leave off when NO_COLOR is set or the output is no terminal. */
  color: boolean;
  /** Columns of the terminal; more than 100 are not used for text. */
  width: number;
}

interface Column {
  title: string;
  width: number;
  right?: boolean;
}

type Paint = (text: string) => string;

interface Cell {
  text: string;
  paint?: Paint;
}

const widest = 100;
const gap = 2;

/** One block per claim: statement, metric and bar, verdict and whether it was expected; a summary below. */
export function renderClaims(results: Results, options: TerminalOptions): string {
  const paint = painter(options.color);
  const width = usable(options.width);
  const lines: string[] = [];
  if (width < 94) {
    for (const claim of results.claims) lines.push(...stacked(claim, width, paint), '');
  } else {
    const fixed = [26, 15, 13, 12];
    const rest = width - fixed.reduce((sum, value) => sum + value + gap, 0);
    const columns = ['Claim', 'Measured', 'Bar', 'Verdict', 'Expected'].map((title, index) => ({
      title,
      width: index === 0 ? rest : fixed[index - 1]!,
    }));
    const rows = results.claims.map((claim): Cell[] => [
      { text: `${claim.statement} (${claim.figure})${claim.reason ? `\n  ${claim.reason}` : ''}` },
      { text: measured(claim) },
      { text: claim.threshold },
      { text: claim.verdict, paint: verdictPaint(claim, paint) },
      expectation(claim, paint),
    ]);
    lines.push(...table(columns, rows, paint, true));
  }
  const all = results.claims.every(isExpected);
  lines.push(...wrap(outcome(results), width).map(all ? paint.good : paint.bad));
  lines.push(...wrap(timing(results), width));
  return `${lines.join('\n')}\n`;
}

/** One line per run: progress, NLL, BLEU with its interval, time and the hash to compare. */
export function renderRuns(results: Results, options: TerminalOptions): string {
  const paint = painter(options.color);
  const width = usable(options.width);
  const { runs } = results;
  let entries = runColumns.map((entry): RunColumn & Column => {
    const cells = runs.map((run) => [...clean(entry.text(run))].length);
    return { ...entry, width: Math.max(entry.title.length, ...cells) };
  });
  // In a narrow terminal columns go, the ones easiest to do without first, until a label has room.
  const label = entries[0]!;
  const wanted = Math.min(label.width, 36);
  const taken = () => entries.slice(1).reduce((sum, entry) => sum + entry.width + gap, 0);
  for (let drop = 6; drop > 0 && taken() + wanted > width; drop--) {
    entries = entries.filter((entry) => entry.drop !== drop);
  }
  label.width = Math.max(12, Math.min(label.width, width - taken()));
  const rows = runs.map((run) =>
    entries.map((entry) => ({
      text: entry.text(run),
      ...(entry.title === 'Status' ? { paint: statusPaint(run, paint) } : {}),
    })),
  );
  return `${table(entries, rows, paint, false).join('\n')}\n`;
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

function measured(claim: ClaimRow): string {
  const middle = `${claim.metric}: ${formatNumber(median(claim.perSeed))}`;
  if (claim.perSeed.length === 0) return claim.metric;
  if (claim.perSeed.length === 1) return middle;
  return `${middle} (${claim.perSeed.map(formatNumber).join(' ')})`;
}

function stacked(claim: ClaimRow, width: number, paint: Painter): string[] {
  const mark = expectation(claim, paint);
  const indented = (text: string) => wrap(text, width - 2).map((line) => `  ${line}`);
  return [
    ...wrap(`${claim.statement} (${claim.figure})`, width).map(paint.strong),
    ...indented(`measured: ${measured(claim)}`),
    ...indented(`bar: ${claim.threshold}`),
    ...indented(`verdict: ${claim.verdict}; ${mark.text}`).map(mark.paint ?? ((line) => line)),
    ...(claim.reason ? indented(`reason: ${claim.reason}`) : []),
  ];
}

function expectation(claim: ClaimRow, paint: Painter): Cell {
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

function table(columns: Column[], rows: Cell[][], paint: Painter, spaced: boolean): string[] {
  const total = columns.reduce((sum, { width }) => sum + width + gap, 0) - gap;
  const head = columns.map(({ title }): Cell => ({ text: title, paint: paint.strong }));
  const lines = [...row(columns, head), paint.quiet('-'.repeat(total))];
  for (const cells of rows) {
    lines.push(...row(columns, cells));
    if (spaced) lines.push('');
  }
  if (!spaced) lines.push('');
  return lines;
}

function row(columns: Column[], cells: Cell[]): string[] {
  const wrapped = cells.map((cell, index) => wrap(cell.text, columns[index]!.width));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  const lines: string[] = [];
  for (let line = 0; line < height; line++) {
    const parts = columns.map(({ width, right }, index) => {
      const text = wrapped[index]![line] ?? '';
      const padding = ' '.repeat(Math.max(0, width - [...text].length));
      const painted = text && cells[index]!.paint ? cells[index]!.paint!(text) : text;
      return right ? padding + painted : painted + padding;
    });
    lines.push(parts.join(' '.repeat(gap)).trimEnd());
  }
  return lines;
}

/** Breaks at spaces, inside a word only when it is longer than a line. Leading spaces indent all lines. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    const indent = paragraph.match(/^ */)![0];
    const room = Math.max(1, width - indent.length);
    let line = '';
    for (let word of clean(paragraph).split(' ').filter(Boolean)) {
      while (word.length > room) {
        if (line) lines.push(indent + line);
        line = '';
        lines.push(indent + word.slice(0, room));
        word = word.slice(room);
      }
      if (line && line.length + 1 + word.length > room) {
        lines.push(indent + line);
        line = '';
      }
      line = line ? `${line} ${word}` : word;
    }
    if (line) lines.push(indent + line);
  }
  return lines;
}

/** Without control characters, so that a file from elsewhere cannot drive the terminal. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ');
}

function usable(width: number): number {
  return Math.min(widest, Math.max(44, Number.isFinite(width) ? Math.floor(width) : 80));
}

type Painter = Record<'strong' | 'quiet' | 'good' | 'bad', Paint>;

function painter(color: boolean): Painter {
  const style =
    (open: number, close: number): Paint =>
    (text) =>
      color ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { strong: style(1, 22), quiet: style(2, 22), good: style(32, 39), bad: style(31, 39) };
}
