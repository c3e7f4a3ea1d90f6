/**
 * @file The record of a reproduction: what `results.json` holds, and all the report is drawn from. Plain data;
 * numbers are stored as they came out, so that a second run can be compared bit for bit.
 */
import type { Arithmetic } from '../runtime/arithmetic.js';
import type { LayerStatistics } from '../theory/index.js';

/** How a claim fared. */
export type Verdict = 'holds' | 'does not hold' | 'not decided' | 'not tested';

/**
 * What sort of sentence a claim is: an `identity` is true unless there is a bug, a `law` is about numbers of models that
 * are not trained, `training` about what comes of a training.
 */
export type ClaimNature = 'identity' | 'law' | 'training';

/** What must fail the bar of a claim: it differs from what the claim is about in one named factor. */
export interface ControlRow {
  /** The factor, e.g. `with warm-up`. */
  factor: string;
  metric: string;
  perSeed: number[];
  compared?: { name: string; values: number[] }[];
  /** Under the bar of the claim; a control has done its work when this is `does not hold`. */
  verdict: Verdict;
  runHashes: string[];
}

/** A claim with its verdict and what it rests on. */
export interface ClaimRow {
  /** Short id, e.g. `post-needs-warmup`. */
  claim: string;
  /** What the paper says. */
  statement: string;
  /** The paper's own number, in its words. */
  paper?: string;
  /** Where it says so, e.g. `Fig. 2a`. */
  figure: string;
  /** Name of the experiment it belongs to, as in `--only`. */
  experiment?: string;
  /** How it is judged here, one sentence. */
  protocol: string;
  seeds: number[];
  /** The metric per seed, in the order of `seeds`. */
  perSeed: number[];
  /** Whether each seed is on the claimed side of the bar; absent where the bar is on a number over all seeds. */
  met?: boolean[];
  /** What the bar is held against where that is not `perSeed` alone: a number for each seed, or one over all of them. */
  compared?: { name: string; values: number[] }[];
  /** Name of the metric, e.g. `progress p of Post-LN without warm-up at maxLr 0.002`. */
  metric: string;
  /** The bar, e.g. `p < 0.25`. */
  threshold: string;
  verdict: Verdict;
  expected: Verdict;
  /** Why, where the verdict is not `holds`. */
  reason?: string;
  /** Absent in files of 0.1.0. */
  nature?: ClaimNature;
  /** What was held against the same bar beside it, where its runs were there. */
  control?: ControlRow;
  /** Why there is no control, of a claim that has none. */
  uncontrolled?: string;
  /** Hashes of the runs it rests on. */
  runHashes: string[];
  /** Command that runs it alone. */
  command: string;
}

/** One line or set of bars: y over x, null where there is no number. */
export interface Series {
  /** Legend text. */
  label: string;
  /** `post`, `pre`, `peri`: decides the colour, the same in every figure. */
  placement: string;
  /** Solid for measurements, dashed for theory or for the second member of a pair. */
  dashed?: boolean;
  x: number[];
  y: (number | null)[];
  /** `false` in a smoothed figure: drawn as it is. */
  smooth?: boolean;
  /** Lowest and highest over seeds, where there are several. */
  low?: (number | null)[];
  high?: (number | null)[];
}

/** Maps over the same grid, drawn on one common colour scale. */
export interface Heatmap {
  rowLabel: string;
  columnLabel: string;
  rows: string[];
  columns: string[];
  /** `values[row][column]`; `null` where the run diverged. */
  panels: { label: string; values: (number | null)[][] }[];
  valueLabel: string;
  /** Of the colours; linear when absent. */
  valueScale?: 'linear' | 'log';
}

/** Models as their layers: what flows along the main line, and a number per block, drawn on one common colour scale. */
export interface LayerStack {
  /** What a block's number is, e.g. `gradient norm of W2 and W_O`; drawn on a logarithmic scale. */
  valueLabel: string;
  /** What `stream` is, e.g. `|x|^2 / d`. */
  streamLabel?: string;
  panels: {
    label: string;
    /** Decides where norms are drawn. */
    placement: string;
    /** From the input to the output. */
    layers: {
      /** From the input to the output of the layer, e.g. attention, feed-forward. */
      blocks: { label: string; value: number | null }[];
      /** Size of what leaves the layer; drawn as the width of the main line. */
      stream?: number | null;
    }[];
  }[];
}

/** A figure as data; the report draws it. */
export interface Figure {
  id: string;
  /** Absent: `lines`. `bars` draws the last point of each series as one bar, from `low` to `high` its interval. */
  kind?: 'lines' | 'heatmap' | 'bars' | 'stack';
  /** The data of a `heatmap`, whose `series` is empty. */
  heatmap?: Heatmap;
  /** The data of a `stack`, whose `series` is empty. */
  stack?: LayerStack;
  /** Lines are drawn thin as they are, and in front of that as means of neighbouring values. */
  smooth?: boolean;
  /** What the x axis shows before anyone zooms, e.g. all steps of a run that is still going. */
  xRange?: [low: number, high: number];
  title: string;
  /** What one sees, with the setting; shown under the plot. */
  caption: string;
  /** The paper's figure it belongs to. */
  figure: string;
  /** Name of the experiment it belongs to, as in `--only`. */
  experiment?: string;
  xLabel: string;
  yLabel: string;
  xScale: 'linear' | 'log';
  yScale: 'linear' | 'log';
  series: Series[];
  /** Horizontal lines with a name, e.g. the unigram level. */
  levels?: { label: string; y: number }[];
}

/** Gradients of one model at initialisation, per layer; in an encoder-decoder, of both stacks. */
export interface GradientPoint {
  numLayers: number;
  seed: number;
  /** Encoder layers, or the only stack. */
  encoder: LayerStatistics[];
  decoder?: LayerStatistics[];
}

/** What one run left behind. Equal specifications give equal records but for `seconds`. */
export interface RunRecord {
  id: string;
  experiment: string;
  /** Human name, e.g. `Post-LN, no warm-up, maxLr 0.002`. */
  label: string;
  placement: string;
  seed: number;
  config: Record<string, unknown>;
  /**
   * `trained`, `behind` and `failed` by progress (from 0.85, below, below 0.25), `diverged` at a value that is not
   * finite, `measured` where nothing is to be classified.
   */
  status: 'trained' | 'behind' | 'failed' | 'diverged' | 'measured';
  /** Progress p = (U - NLL) / (U - R), where it is defined. */
  progress?: number;
  finalValidNll?: number;
  /** How it was computed; absent: strict. */
  arithmetic?: Arithmetic;
  steps: number;
  seconds: number;
  /** SHA-256 over losses and final weights. */
  hash: string;
  /** SHA-256 of the pairs and texts it read; none where it reads nothing. */
  dataHash?: string;
  /** SHA-256 of the tokenizer, of a run whose losses are compared with those under other tokenizers. */
  tokenizerHash?: string;
  /** Unigram NLL per target token of the training data, U in the progress p. */
  unigramNll?: number;
  /** Measurements of a gradients run, per depth and seed. */
  points?: GradientPoint[];
  /** Whatever else a kind measures, by name. */
  measured?: Record<string, number | number[]>;
  curve?: { step: number; lr: number; trainLoss: number; validNll?: number; gradNorm?: number }[];
  bleu?: {
    score: number;
    low: number;
    high: number;
    signature: string;
    brevityPenalty: number;
    sentences: number;
    decoding: string;
    /** Share of hypotheses that end in a repeated loop. */
    loops: number;
  };
  samples?: { source: string; reference: string; hypothesis: string }[];
}

/** What carried out a run of a queue. */
export interface Machine {
  /** Id of the worker. */
  worker: string;
  cpu: string;
  cores: number;
  /** System and architecture, e.g. `linux x64`. */
  platform: string;
  /** Engine, e.g. `Node v20.20.2`. */
  runtime: string;
  /** Version of the package. */
  prenorm: string;
  kernelHash: string;
}

/** Who computed which run, where runs were carried out by a queue. */
export interface ComputedBy {
  machines: Machine[];
  /** Ids of workers by ids of runs; runs that are not in it were carried out by the command itself. */
  runs: Record<string, string>;
}

/** What `results.json` holds. */
export interface Results {
  format: 'prenorm-results';
  version: 1;
  preset: string;
  /** Of `--seed`, where it was given: shifts every seed of the preset. */
  seed?: number;
  command: string;
  /** Version of the package. */
  prenorm: string;
  kernelHash: string;
  /** How it was computed; absent: strict. */
  arithmetic?: Arithmetic;
  /**
   * Total of this version's conformance run in that arithmetic (of `relaxed`, which promises no bits, in strict): equal
   * totals mean equal bits. Absent in files of 0.1.0.
   */
  conformance?: string;
  environment: { runtime: string; platform: string; cpu: string; cores: number; processes: number };
  /** Wall-clock seconds of the whole command; runs kept from an earlier part count by their own seconds over the processes. */
  seconds: number;
  /** Seconds the preset may take. */
  budgetSeconds: number;
  /** Named settings shown in the report's header: model, data, optimizer, initialisation. */
  settings: { name: string; value: string }[];
  /**
   * What was run, in order, with its title and the seconds its runs took together; `partial` where only some runs of the
   * experiment were asked for.
   */
  experiments?: { name: string; title: string; runs: string[]; seconds: number; partial?: boolean }[];
  claims: ClaimRow[];
  /** What to do, in sentences, where the runs were on one's own data. */
  advice?: string[];
  figures: Figure[];
  /** Where runs were carried out by a queue. */
  computedBy?: ComputedBy;
  runs: RunRecord[];
}
