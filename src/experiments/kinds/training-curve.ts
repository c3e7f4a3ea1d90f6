/** @file Carries out the training of a run: its thinned curve, its progress, and divergence as a result. */
import { NumericError } from '../../errors.js';
import type { StepMetrics, Trainer } from '../../train/index.js';
import type { RunRecord } from '../results.js';
import type { RunOutcome, RunProgress, RunSpec } from './run-kind.js';

export interface TrainingCurve {
  curve: NonNullable<RunRecord['curve']>;
  /** A loss or a gradient became NaN or infinite, and training ended there. */
  diverged: boolean;
  /** Of the last step; none after divergence. */
  finalValidNll: number | undefined;
}

/**
 * Runs the trainer to its end. The curve holds the first step, every tenth and every evaluation, which is enough for a
 * plot; the trainer's hash covers all of them.
 * @param total what progress is counted against, where more than the training follows
 * @param onStep sees every step, after it is on the curve, and is waited for
 * @param curve of a run that goes on, as far as it is
 */
export async function trainCurve<B>(
  trainer: Trainer<B>,
  total: number,
  onProgress: (progress: RunProgress) => void,
  onStep: (metrics: StepMetrics) => void | Promise<void> = () => {},
  curve: TrainingCurve['curve'] = [],
): Promise<TrainingCurve> {
  let diverged = false;
  try {
    for await (const m of trainer.run()) {
      if (m.validNll !== undefined || m.step % 10 === 0 || m.step === 1) {
        curve.push({ step: m.step, lr: m.lr, trainLoss: m.loss, validNll: m.validNll, gradNorm: m.gradNorm });
      }
      await onStep(m);
      onProgress({ done: m.step, total, text: `loss ${m.loss.toFixed(3)}` });
    }
  } catch (error) {
    if (!(error instanceof NumericError)) throw error;
    diverged = true;
  }
  return { curve, diverged, finalValidNll: diverged ? undefined : curve[curve.length - 1]?.validNll };
}

/** What every training leaves on record; a kind adds what it measured. */
export function trainedRecord<B>(
  spec: RunSpec,
  { placement, seed }: Pick<RunRecord, 'placement' | 'seed'>,
  trainer: Trainer<B>,
  { curve, diverged, finalValidNll }: TrainingCurve,
): RunOutcome {
  return {
    id: spec.id,
    experiment: spec.kind,
    label: spec.label,
    placement,
    seed,
    config: { ...spec },
    status: diverged ? 'diverged' : 'measured',
    finalValidNll,
    steps: trainer.step,
    hash: trainer.hash(),
    curve,
  };
}
