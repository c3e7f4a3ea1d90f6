/** @file The files of a run's folder that tell of its steps; docs/training.md has their format. */
import { isJsonObject } from '../json.js';
import { RunHistory } from '../report/run-history.js';
import type { GradientError } from '../train/arithmetic-check.js';
import type { StepMetrics } from '../train/index.js';
import { columns, MetricsLog, type Table } from './metrics-log.js';
import type { RunFiles } from './run-folder.js';

/** Numbers that the recipe decides: equal runs give equal files, resumed or not. */
const metricsTable = columns(
  'step',
  'lr',
  'loss',
  'gradNorm',
  'tokens',
  'validNll',
  'bitsPerByte',
  'metric',
  'isBest',
);
const samplesTable = columns('step', 'prompt', 'text', 'reference');
const speedTable = columns('step', 'seconds', 'tokensPerSecond');
const arithmeticTable = columns('step', 'median', 'worst', 'tensor');
const norms = (line: Record<string, unknown>) => line.norms as Record<string, number>;
/** A column for each layer. */
const gradientsTable: Table = {
  holds: (line) => isJsonObject(line.norms),
  header: (line) => ['step', ...Object.keys(norms(line))],
  cells: (line) => [line.step, ...Object.values(norms(line))],
};

export class RunLogs {
  readonly #metrics: MetricsLog;
  readonly #gradients: MetricsLog;
  readonly #samples: MetricsLog;
  readonly #speed: MetricsLog;
  readonly #arithmetic: MetricsLog;

  private constructor(
    [metrics, gradients, samples, speed, arithmetic]: MetricsLog[],
    /** The same in little room, for a page. */
    readonly history: RunHistory,
  ) {
    this.#metrics = metrics;
    this.#gradients = gradients;
    this.#samples = samples;
    this.#speed = speed;
    this.#arithmetic = arithmetic;
  }

  /** Opens the files of a run that stands at `step`. */
  static async open(files: RunFiles, step: number, warn: (line: string) => void): Promise<RunLogs> {
    const logs: MetricsLog[] = [];
    const history = new RunHistory();
    for (const [path, table, tell] of [
      [files.metrics, metricsTable, (line: unknown) => history.addMetrics(line)],
      [files.gradients, gradientsTable, (line: unknown) => history.addGradients(line)],
      [files.samples, samplesTable, (line: unknown) => history.addSample(line)],
      [files.speed, speedTable, (line: unknown) => history.addSpeed(line)],
      [files.arithmetic, arithmeticTable, () => {}],
    ] as const) {
      logs.push(await MetricsLog.open(path, step, warn, table, tell));
    }
    return new RunLogs(logs, history);
  }

  /** @param seconds that the step alone took; undefined where something else came between */
  append({ gradNorms, samples = [], stopped, ...metrics }: StepMetrics, seconds?: number): void {
    const { step, tokens } = metrics;
    this.#metrics.append({ ...metrics, ...(stopped ? { stopped: stopped.message } : {}) });
    if (gradNorms) this.#gradients.append({ step, norms: gradNorms });
    for (const sample of samples) this.#samples.append({ step, ...sample });
    if (seconds !== undefined) this.#speed.append({ step, seconds, tokensPerSecond: tokens / seconds });
  }

  /** What `--arithmetic-check` found. */
  appendCheck(error: GradientError): void {
    this.#arithmetic.append({ ...error });
  }

  get #all(): MetricsLog[] {
    return [this.#metrics, this.#gradients, this.#samples, this.#speed, this.#arithmetic];
  }

  sync(): void {
    for (const log of this.#all) log.sync();
  }

  close(): void {
    for (const log of this.#all) log.close();
  }
}
