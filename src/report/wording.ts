/** @file How numbers, times and verdicts are worded, the same on the page and in the terminal. */
import type { ClaimNature, ClaimRow, Results, Verdict } from '../experiments/results.js';

export { placementName } from '../nn/placement-names.js';

/** Three significant digits, two below 0.1; or what is left of a number that went through JSON. */
export function formatNumber(value: number | null | undefined): string {
  if (value === undefined) return '';
  if (value === null || Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : '-infinite';
  const magnitude = Math.abs(value);
  if (value === 0) return '0';
  if (magnitude >= 1e6 || magnitude < 1e-3) {
    const [digits, power] = value.toExponential(2).split('e');
    return `${Number(digits)}e${Number(power)}`;
  }
  if (Number.isInteger(value)) return String(value);
  if (magnitude >= 1000) return value.toFixed(0);
  return value.toPrecision(magnitude < 0.1 ? 2 : 3);
}

export function formatDuration(seconds: number): string {
  if (!(seconds >= 0)) return 'unknown';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ''}`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}

export function formatShare(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}

/** `NaN` when any value is missing: a diverged seed must not hide in a median. */
export function median(values: readonly (number | null)[]): number {
  if (values.length === 0 || values.some((value) => value === null || Number.isNaN(value))) return Number.NaN;
  const sorted = (values as number[]).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function isExpected(claim: ClaimRow): boolean {
  return claim.verdict === claim.expected;
}

const isDecided = ({ verdict }: ClaimRow): boolean => verdict === 'holds' || verdict === 'does not hold';

/** Claims that were decided, how many of these as expected, and what is said of the others: `2 are not decided`. */
export function score(claims: readonly ClaimRow[]): { expected: number; decided: number; open: string } {
  const decided = claims.filter(isDecided);
  return {
    expected: decided.filter(isExpected).length,
    decided: decided.length,
    open: tally(claims.filter((claim) => !isDecided(claim))),
  };
}

const natures: [nature: ClaimNature, name: string][] = [
  ['identity', 'identities'],
  ['law', 'laws'],
  ['training', 'training claims'],
];

/**
 * The four numbers that sum a reproduction up: what was decided as registered of identities, which are true unless there
 * is a bug, of laws and of claims on trainings; and what is not decided. None where a row does not say what it is.
 */
export function fourNumbers(claims: readonly ClaimRow[]): { name: string; number: string }[] {
  if (claims.length === 0 || claims.some(({ nature }) => nature === undefined)) return [];
  const numbers = natures.flatMap(([nature, name]) => {
    const { expected, decided } = score(claims.filter((claim) => claim.nature === nature));
    return decided > 0 ? [{ name, number: `${expected} of ${decided}` }] : [];
  });
  const open = claims.filter((claim) => !isDecided(claim)).length;
  return [...numbers, { name: 'undecided', number: String(open) }];
}

/** `As registered: identities 2 of 2, laws 15 of 15, training claims 4 of 4; undecided 3.` or nothing. */
export function inFourNumbers(claims: readonly ClaimRow[]): string {
  const numbers = fourNumbers(claims).map(({ name, number }) => `${name} ${number}`);
  if (numbers.length === 0) return '';
  if (numbers.length === 1) return `As registered: nothing was decided; ${numbers[0]}.`;
  return `As registered: ${numbers.slice(0, -1).join(', ')}; ${numbers.at(-1)}.`;
}

/** What a control came to: `meets the bar too`, or that it fails it as it has to. */
export function controlOutcome({ verdict }: NonNullable<ClaimRow['control']>): string {
  if (verdict === 'does not hold') return 'fails the bar, as it has to';
  return verdict === 'holds' ? 'meets the bar too' : 'meets the bar in some seeds';
}

/** What a claim's bar was held against: numbers by name, one per seed or one over all. */
export function comparedNumbers({
  compared,
  metric,
  perSeed,
}: ClaimRow): { name: string; values: number[] }[] {
  return compared?.length ? compared : perSeed.length > 0 ? [{ name: metric, values: perSeed }] : [];
}

/** Why a verdict is what it is: the register's reason, or, where it was not expected, how the seeds voted. */
export function whyOf(claim: ClaimRow): string | undefined {
  const { reason, met, seeds } = claim;
  if (reason || isExpected(claim)) return reason;
  if (!met?.length)
    return claim.perSeed.length > 0 ? 'The bar is on numbers over all seeds together.' : undefined;
  const [yes, no] = [true, false].map((side) => seeds.filter((_, at) => met[at] === side));
  if (yes!.length === 0) return `No seed is on the claimed side of the bar.`;
  if (no!.length === 0)
    return 'Every seed is on the claimed side of the bar, but the median is within the margin.';
  const named = (list: readonly number[]) =>
    `${list.length === 1 ? 'seed' : 'seeds'} ${list.join(', ').replace(/, (?=\d+$)/, ' and ')}`;
  return `On the claimed side of the bar ${yes!.length === 1 ? 'is' : 'are'} ${named(yes!)}, on the other ${named(no!)}.`;
}

/** What is said of one claim, and of several. */
const tallied: Record<Verdict, [string, string]> = {
  holds: ['holds', 'hold'],
  'does not hold': ['does not hold', 'do not hold'],
  'not decided': ['is not decided', 'are not decided'],
  'not tested': ['is not tested', 'are not tested'],
};

/** `22 hold, 2 are not decided, 1 is not tested`: what came out, whatever was expected. */
export function tally(claims: readonly ClaimRow[]): string {
  return (Object.entries(tallied) as [Verdict, [string, string]][])
    .map(([verdict, [one, several]]) => {
      const count = claims.filter((claim) => claim.verdict === verdict).length;
      return count === 0 ? '' : `${count} ${count === 1 ? one : several}`;
    })
    .filter(Boolean)
    .join(', ');
}

/** `all as expected`, or how many are not. */
export function expectation(claims: readonly ClaimRow[]): string {
  const unexpected = claims.filter((claim) => !isExpected(claim)).length;
  if (unexpected === 0) return claims.length === 1 ? 'as expected' : 'all as expected';
  return claims.length === 1 ? 'not as expected' : `${unexpected} not as expected`;
}

/** Runs that did not learn, and whether a claim is the worse for it; nothing where all did. */
export function untrained({ runs, claims }: Results): string {
  const failed = runs.filter(({ status }) => status === 'failed' || status === 'diverged');
  if (failed.length === 0) return '';
  const few = failed.length === 1;
  const head = `${failed.length} of ${runs.length} runs did not train`;
  const judged = claims.filter(({ runHashes }) => failed.some(({ hash }) => runHashes.includes(hash)));
  const against = judged.filter((claim) => !isExpected(claim));
  if (judged.length === 0) return `${head}; no claim rests on ${few ? 'it' : 'them'}.`;
  if (against.length === 0) {
    return `${head}, which contradicts nothing: every claim that rests on ${few ? 'it' : 'one of them'} came out as expected.`;
  }
  const names = against.map(({ claim }) => claim).join(', ');
  return `${head}; of ${judged.length} ${judged.length === 1 ? 'claim' : 'claims'} that rest on ${few ? 'it' : 'them'}, not as expected: ${names}.`;
}

/** `All 5 decided claims came out as expected: 5 hold; 1 is not tested.` and, where not, which did not. */
export function outcome(results: Results): string {
  const { claims } = results;
  if (claims.length === 0) return 'No claim was judged in this run.';
  const { expected, decided, open } = score(claims);
  const unexpected = claims.filter((claim) => !isExpected(claim));
  const beside = open ? `; ${open}` : '';
  if (unexpected.length === 0) {
    if (decided === 0) return `No claim was decided, as expected: ${open}.`;
    const head = decided === 1 ? 'The one decided claim' : `All ${decided} decided claims`;
    return `${head} came out as expected: ${tally(claims.filter(isDecided))}${beside}.`;
  }
  const names = unexpected.map((claim) => `${claim.claim} (${claim.verdict}, expected: ${claim.expected})`);
  return `${expected} of ${decided} decided claims came out as expected${beside}. Unexpected: ${names.join(', ')}. Of all, ${tally(claims)}.`;
}

/** Time against budget; over budget is said, never hidden. */
export function timing({ seconds, budgetSeconds }: Results): string {
  const took = formatDuration(seconds);
  if (!(budgetSeconds > 0)) return `It took ${took}.`;
  const budget = formatDuration(budgetSeconds);
  if (seconds <= budgetSeconds) return `It took ${took}, within the budget of ${budget}.`;
  return `It took ${took}, which is ${formatDuration(seconds - budgetSeconds)} over the budget of ${budget}; no steps were cut.`;
}
