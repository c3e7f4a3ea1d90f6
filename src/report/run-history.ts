/**
 * @file What the lines of a run's folder say, gathered for a page while the run goes on or from its files afterwards: the
 * room it takes does not grow with the steps, but for the evaluations. Lines come from files, so every value is looked at.
 */
import { isJsonObject } from '../json.js';
import { ThinnedCurve } from './thinned-curve.js';

/** What one evaluation found. */
export interface RunEvaluation {
  step: number;
  /** Null where it was not finite. */
  validNll: number | null;
  bitsPerByte?: number;
  metric?: number;
}

/** What the model made of an input. */
export interface RunSample {
  prompt: string;
  text: string;
  reference?: string;
}

/** The samples of one evaluation. */
export interface SampleGroup {
  step: number;
  samples: RunSample[];
}

/** Evaluations whose samples are kept. */
const MOST_GROUPS = 16;
/** Columns of a map of layers. */
const MOST_COLUMNS = 160;
/** Layers of a map: more than any that a page could show. */
const MOST_LAYERS = 400;
/** Losses that the last one is the mean of. */
const RECENT = 20;

export class RunHistory {
  readonly loss = new ThinnedCurve();
  readonly lr = new ThinnedCurve();
  readonly gradNorm = new ThinnedCurve();
  readonly tokensPerSecond = new ThinnedCurve();
  readonly evaluations: RunEvaluation[] = [];
  /** Gradient norms by layer, in the model's order. */
  readonly layers = new Map<string, ThinnedCurve>();
  /** The last step. */
  step = 0;
  /** Targets that counted, over all steps. */
  tokens = 0;
  /** Of the steps whose time was measured. */
  readonly measured = { steps: 0, seconds: 0, tokens: 0 };
  /** Why the run ended early. */
  stopped: string | null = null;
  #recent: number[] = [];
  #firstLoss: number | undefined;
  #isLossLost = false;
  #groups: SampleGroup[] = [];
  #lastGradients = 0;
  #lastSpeed = 0;

  /** Whether it ends without a number, or with losses more than 1 nat above that of its first step. */
  get hasDiverged(): boolean {
    if (this.#isLossLost || this.evaluations.at(-1)?.validNll === null) return true;
    const { recentLoss } = this;
    return recentLoss !== undefined && recentLoss.value > this.#firstLoss! + 1;
  }

  /** Takes a line of metrics.jsonl. */
  addMetrics(line: unknown): void {
    const step = stepOf(line, this.step);
    if (step === undefined) return;
    const { loss, lr, gradNorm, tokens, validNll, bitsPerByte, metric, stopped } = line as Record<
      string,
      unknown
    >;
    this.step = step;
    this.loss.add(step, loss);
    this.lr.add(step, lr);
    this.gradNorm.add(step, gradNorm);
    if (isFinite(tokens)) this.tokens += tokens;
    this.#isLossLost = !isFinite(loss);
    if (isFinite(loss)) this.#firstLoss ??= loss;
    if (isFinite(loss)) this.#recent = [...this.#recent.slice(1 - RECENT), loss];
    if (typeof stopped === 'string') this.stopped = stopped;
    if (validNll === undefined) return;
    this.evaluations.push({
      step,
      validNll: isFinite(validNll) ? validNll : null,
      ...(isFinite(bitsPerByte) && { bitsPerByte }),
      ...(isFinite(metric) && { metric }),
    });
  }

  /** Takes a line of gradients.jsonl. */
  addGradients(line: unknown): void {
    const step = stepOf(line, this.#lastGradients);
    const { norms } = (line ?? {}) as { norms?: unknown };
    if (step === undefined || !isJsonObject(norms)) return;
    this.#lastGradients = step;
    for (const [layer, norm] of Object.entries(norms)) {
      let curve = this.layers.get(layer);
      if (!curve) {
        if (this.layers.size === MOST_LAYERS) return;
        curve = new ThinnedCurve(MOST_COLUMNS);
        this.layers.set(layer, curve);
      }
      curve.add(step, norm);
    }
  }

  /** Takes a line of samples.jsonl. */
  addSample(line: unknown): void {
    const step = stepOf(line, (this.#groups.at(-1)?.step ?? 1) - 1);
    const { prompt, text, reference } = (line ?? {}) as Record<string, unknown>;
    if (step === undefined || typeof prompt !== 'string' || typeof text !== 'string') return;
    const sample: RunSample = { prompt, text, ...(typeof reference === 'string' && { reference }) };
    const last = this.#groups.at(-1);
    if (last?.step === step) last.samples.push(sample);
    else this.#groups.push({ step, samples: [sample] });
    // Twice as many as are shown, so that those shown stay evenly spread.
    if (this.#groups.length > 2 * MOST_GROUPS) this.#groups = this.#groups.filter((_, i) => i % 2 === 0);
  }

  /** Takes a line of speed.jsonl. */
  addSpeed(line: unknown): void {
    const step = stepOf(line, this.#lastSpeed);
    const { seconds, tokensPerSecond } = (line ?? {}) as Record<string, unknown>;
    if (step === undefined || !isFinite(seconds) || !isFinite(tokensPerSecond)) return;
    this.#lastSpeed = step;
    this.tokensPerSecond.add(step, tokensPerSecond);
    this.measured.steps++;
    this.measured.seconds += seconds;
    this.measured.tokens += tokensPerSecond * seconds;
  }

  /** The mean loss of the last steps; undefined before the first. */
  get recentLoss(): { value: number; steps: number } | undefined {
    const recent = this.#recent;
    if (recent.length === 0) return undefined;
    return { value: recent.reduce((sum, loss) => sum + loss, 0) / recent.length, steps: recent.length };
  }

  /** Samples of evaluations spread over the run, the first and the last among them. */
  get samples(): readonly SampleGroup[] {
    const groups = this.#groups;
    if (groups.length <= MOST_GROUPS) return groups;
    const chosen = Array.from({ length: MOST_GROUPS }, (_, i) =>
      Math.round((i * (groups.length - 1)) / (MOST_GROUPS - 1)),
    );
    return chosen.map((i) => groups[i]!);
  }
}

/** The step of a line; undefined for what is no line, or one that does not come after `last`. */
function stepOf(line: unknown, last: number): number | undefined {
  if (!isJsonObject(line)) return undefined;
  const { step } = line;
  return Number.isSafeInteger(step) && (step as number) > last ? (step as number) : undefined;
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
