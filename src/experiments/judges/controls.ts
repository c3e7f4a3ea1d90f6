/**
 * @file What stands beside a claim: its control, judged under the same bar. A bar that the control meets too says
 * nothing about the claim, which is then not decided.
 */
import type { ClaimRow, ControlRow, RunRecord } from '../results.js';
import { judgedByPart } from './asked.js';
import type { Judged } from './judged.js';

/** The control of a claim where its runs are there, or why it has none; undefined where its runs were not asked for. */
export function besideClaim<C>(
  {
    control,
  }: {
    control: { factor: string; judge(runs: readonly RunRecord[], context: C): Judged } | { none: string };
  },
  runs: readonly RunRecord[],
  context: C,
): Pick<ClaimRow, 'control' | 'uncontrolled'> | undefined {
  if ('none' in control) return { uncontrolled: control.none };
  const judged = judgedByPart(() => control.judge(runs, context));
  if (!judged) return undefined;
  if (judged.verdict === 'not tested') return {};
  const { metric, perSeed, compared, verdict, runHashes } = judged;
  const { factor } = control;
  return {
    control: { factor, metric, perSeed, ...(compared ? { compared } : {}), verdict, runHashes },
  };
}

/** A claim holds only where its control does not. */
export function besideControl(judged: Judged, control: ControlRow | undefined): Judged {
  if (judged.verdict !== 'holds' || !control || control.verdict === 'does not hold') return judged;
  const some = control.verdict === 'not decided' ? ' in some seeds' : '';
  return {
    ...judged,
    verdict: 'not decided',
    reason: `its control (${control.factor}) meets the same bar${some}`,
  };
}
