/** @file What a results file must hold, key by key: what is of another kind is named by its place in the file. */
import { brief } from '../errors.js';
import { presetNames } from '../experiments/index.js';
import { isJsonObject } from '../json.js';
import { arithmeticNames } from '../runtime/arithmetic.js';

/** What is wrong with a value, by its place; undefined when nothing is. */
type Shape = (value: unknown, place: string) => string | undefined;

const rule =
  (wanted: string, holds: (value: unknown) => boolean): Shape =>
  (value, place) =>
    holds(value)
      ? undefined
      : `${place} must be ${wanted}, got ${value === undefined ? 'nothing' : brief(value)}`;

const text = rule('a string', (value) => typeof value === 'string');
const flag = rule('true or false', (value) => typeof value === 'boolean');
/** Not the infinity that an engine reads of 1e999. */
const number = rule('a number', Number.isFinite);
/** JSON writes null for a number that is not finite. */
const measure = rule('a number or null', (value) => value === null || Number.isFinite(value));
const whole = rule('a whole number', Number.isSafeInteger);
const anyOf = (...values: readonly unknown[]): Shape =>
  rule(values.length === 1 ? JSON.stringify(values[0]) : `one of ${values.join(', ')}`, (value) =>
    values.includes(value),
  );

const optional =
  (shape: Shape): Shape =>
  (value, place) =>
    value === undefined ? undefined : shape(value, place);

/** The first fault among parts, in their order. */
function first(parts: Iterable<[Shape, unknown, string]>): string | undefined {
  for (const [shape, value, place] of parts) {
    const fault = shape(value, place);
    if (fault) return fault;
  }
}

const listOf =
  (shape: Shape): Shape =>
  (value, place) =>
    Array.isArray(value)
      ? first(value.map((entry, i) => [shape, entry, `${place}.${i}`]))
      : rule('a list', () => false)(value, place);

/** Any other keys are left alone: files of other versions have some. */
const objectOf =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value, place) =>
    isJsonObject(value)
      ? first(
          Object.entries(shapes).map(([key, shape]) => [shape, value[key], place ? `${place}.${key}` : key]),
        )
      : rule('an object', () => false)(value, place || 'the file');

const tableOf =
  (shape: Shape): Shape =>
  (value, place) =>
    isJsonObject(value)
      ? first(Object.entries(value).map(([key, entry]) => [shape, entry, `${place}.${key}`]))
      : rule('an object', () => false)(value, place);

const layers = listOf(objectOf({ w1: measure, w2: measure, hidden: measure }));
const measured: Shape = (value, place) => (Array.isArray(value) ? listOf(measure) : measure)(value, place);
const arithmetic = optional(anyOf(...arithmeticNames));

const run = objectOf({
  id: text,
  experiment: text,
  label: text,
  placement: text,
  seed: whole,
  config: objectOf({ kind: text }),
  status: anyOf('trained', 'behind', 'failed', 'diverged', 'measured'),
  progress: optional(measure),
  finalValidNll: optional(measure),
  arithmetic,
  steps: number,
  seconds: number,
  hash: text,
  dataHash: optional(text),
  tokenizerHash: optional(text),
  unigramNll: optional(measure),
  points: optional(
    listOf(objectOf({ numLayers: whole, seed: whole, encoder: layers, decoder: optional(layers) })),
  ),
  measured: optional(tableOf(measured)),
  curve: optional(
    listOf(
      objectOf({
        step: whole,
        lr: measure,
        trainLoss: measure,
        validNll: optional(measure),
        gradNorm: optional(measure),
      }),
    ),
  ),
  bleu: optional(
    objectOf({
      score: measure,
      low: measure,
      high: measure,
      signature: text,
      brevityPenalty: measure,
      sentences: whole,
      decoding: text,
      loops: measure,
    }),
  ),
  samples: optional(listOf(objectOf({ source: text, reference: text, hypothesis: text }))),
});

const verdict = anyOf('holds', 'does not hold', 'not decided', 'not tested');

const claim = objectOf({
  claim: text,
  statement: text,
  paper: optional(text),
  figure: text,
  experiment: optional(text),
  protocol: text,
  seeds: listOf(whole),
  perSeed: listOf(measure),
  met: optional(listOf(flag)),
  compared: optional(listOf(objectOf({ name: text, values: listOf(measure) }))),
  metric: text,
  threshold: text,
  verdict,
  expected: verdict,
  reason: optional(text),
  nature: optional(anyOf('identity', 'law', 'training')),
  control: optional(
    objectOf({
      factor: text,
      metric: text,
      perSeed: listOf(measure),
      compared: optional(listOf(objectOf({ name: text, values: listOf(measure) }))),
      verdict,
      runHashes: listOf(text),
    }),
  ),
  uncontrolled: optional(text),
  runHashes: listOf(text),
  command: text,
});

const series = listOf(
  objectOf({
    label: text,
    placement: text,
    dashed: optional(flag),
    x: listOf(measure),
    y: listOf(measure),
    smooth: optional(flag),
    low: optional(listOf(measure)),
    high: optional(listOf(measure)),
  }),
);

const heatmap = objectOf({
  rowLabel: text,
  columnLabel: text,
  rows: listOf(text),
  columns: listOf(text),
  panels: listOf(objectOf({ label: text, values: listOf(listOf(measure)) })),
  valueLabel: text,
  valueScale: optional(anyOf('linear', 'log')),
});

const stack = objectOf({
  valueLabel: text,
  streamLabel: optional(text),
  panels: listOf(
    objectOf({
      label: text,
      placement: text,
      layers: listOf(
        objectOf({ blocks: listOf(objectOf({ label: text, value: measure })), stream: optional(measure) }),
      ),
    }),
  ),
});

const plainFigure = objectOf({
  id: text,
  kind: optional(anyOf('lines', 'heatmap', 'bars', 'stack')),
  heatmap: optional(heatmap),
  stack: optional(stack),
  smooth: optional(flag),
  xRange: optional(listOf(number)),
  title: text,
  caption: text,
  figure: text,
  experiment: optional(text),
  xLabel: text,
  yLabel: text,
  xScale: anyOf('linear', 'log'),
  yScale: anyOf('linear', 'log'),
  series,
  levels: optional(listOf(objectOf({ label: text, y: measure }))),
});

/** A figure of a kind that is drawn from data of its own has these. */
const figure: Shape = (value, place) => {
  const { kind } = isJsonObject(value) ? value : {};
  const own: Record<string, Shape> = kind === 'heatmap' ? { heatmap } : kind === 'stack' ? { stack } : {};
  return plainFigure(value, place) ?? objectOf(own)(value, place);
};

/** What is wrong with a results file, and where in it; undefined when nothing is. */
export const resultsFault = (value: unknown): string | undefined =>
  objectOf({
    format: anyOf('prenorm-results'),
    version: anyOf(1),
    preset: anyOf(...presetNames),
    seed: optional(whole),
    command: text,
    prenorm: text,
    kernelHash: text,
    arithmetic,
    conformance: optional(text),
    environment: objectOf({ runtime: text, platform: text, cpu: text, cores: number, processes: number }),
    seconds: number,
    budgetSeconds: number,
    settings: listOf(objectOf({ name: text, value: text })),
    experiments: optional(
      listOf(
        objectOf({ name: text, title: text, runs: listOf(text), seconds: number, partial: optional(flag) }),
      ),
    ),
    claims: listOf(claim),
    advice: optional(listOf(text)),
    figures: listOf(figure),
    runs: listOf(run),
  })(value, '') ?? twice(value as { runs: { id: string }[] });

/** What is wrong with the results file of a sweep, as far as its runs are carried out again from it. */
export const sweepFault = (value: unknown): string | undefined =>
  objectOf({
    format: anyOf('prenorm-sweep'),
    version: anyOf(1),
    name: text,
    folder: text,
    prenorm: text,
    conformance: text,
    runs: listOf(run),
  })(value, '') ?? twice(value as { runs: { id: string }[] });

/** What is wrong with the record of one run, as its file has it. */
export const runFault = (record: unknown): string | undefined => run(record, 'record');

function twice({ runs }: { runs: { id: string }[] }): string | undefined {
  const ids = new Set<string>();
  for (const { id } of runs) {
    if (ids.has(id)) return `the run ${id} stands twice`;
    ids.add(id);
  }
}

const machine = objectOf({
  worker: text,
  cpu: text,
  cores: whole,
  platform: text,
  runtime: text,
  prenorm: text,
  kernelHash: text,
});

/** What is wrong with what says who carried out a run. */
export const machineFault = (value: unknown): string | undefined => machine(value, 'machine');

/** What is wrong with the result of a job. */
export const resultFault = (value: unknown): string | undefined =>
  objectOf({ record: run, machine })(value, 'result');

const file = objectOf({
  name: text,
  // It becomes the name of a file.
  sha256: rule('a SHA-256', (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
  bytes: whole,
  place: anyOf('queue', 'data-root'),
});

/** What is wrong with the data of a job, its specification apart; whoever can write into the queue can write one. */
export const jobFault = (value: unknown): string | undefined =>
  objectOf({
    format: anyOf('prenorm-run'),
    version: anyOf(1),
    sweep: text,
    spec: objectOf({ kind: text, id: text, label: text }),
    arithmetic: anyOf(...arithmeticNames),
    dataHash: (hash, place) => (hash === null ? undefined : text(hash, place)),
    data: objectOf({
      files: listOf(file),
      modules: listOf(file),
      present: listOf(text),
      pretrained: listOf(text),
    }),
    steps: number,
    megabytes: measure,
    prenorm: text,
    kernelHash: text,
    kindVersion: whole,
    notOn: optional(listOf(text)),
  })(value, 'job');
