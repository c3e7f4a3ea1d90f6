/** @file What a run is, whatever it measures: plain data that says everything, and a kind that carries it out. */
import type { Sources, TokenizerLoader } from '../../recipe/index.js';
import type { RunRecord } from '../results.js';

/** One run of the grid. Each kind adds its own plain JSON; equal specifications give equal records, timing aside. */
export interface RunSpec {
  kind: string;
  /** Unique among all runs, and a file name. */
  id: string;
  /** Human name, e.g. `Post-LN, no warm-up, maxLr 0.002`. */
  label: string;
}

/** How far a run is. */
export interface RunProgress {
  done: number;
  total: number;
  /** One short line: loss, rate. */
  text: string;
}

/** Where a run that is under way is kept, so that it goes on where the process that began it has ended. */
export interface RunCheckpoints {
  /** Whether it is time for the next one. */
  isDue(): boolean;
  /** The last one; undefined where there is none. */
  read(): Promise<Uint8Array | undefined>;
  /** Keeps this one in place of the last. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What a run may ask of the process that carries it out. */
export interface RunEnvironment {
  /** Called now and then while the run goes on. */
  onProgress(progress: RunProgress): void;
  signal?: AbortSignal;
  /** Where the names of data lead. */
  sources: Sources;
  /** The module `prenorm/tokenizers`, for a tokenizer of others, or what loads it. Default: such a recipe is refused. */
  tokenizers?: TokenizerLoader;
  /** Kept by the kinds that can go on: `recipe`. Default: a run that ends early begins anew. */
  checkpoints?: RunCheckpoints;
}

/** A record without what the caller measures: the time it took, and the hash of what it read. */
export type RunOutcome = Omit<RunRecord, 'seconds' | 'dataHash'>;

/** A kind of run: carries out its specifications, and says what they cost. */
export interface RunKind<S extends RunSpec = RunSpec> {
  kind: S['kind'];
  /** Raised whenever equal specifications give other bits; part of the key under which a result is stored. */
  version: number;
  /** Members of a specification beside those of `RunSpec`; a `?` ends what may be left out. */
  keys: readonly string[];
  /** Checks the recipes in it. @throws ConfigError */
  check?(spec: S): void;
  /** Hash of all that a run reads: a name says where data lies, not what it is. None where a run makes its data itself. */
  dataHash?(spec: S, sources: Sources, tokenizers?: TokenizerLoader): Promise<string | undefined>;
  /** Carries out one run on the current runtime. */
  execute(spec: S, environment: RunEnvironment): Promise<RunOutcome>;
  /** Seconds on one core of 2.4 GHz, roughly: orders the queue and, scaled by a measurement, feeds `--dry-run`. */
  cost(spec: S): number;
  /** Optimizer steps, or models measured. */
  steps(spec: S): number;
  /** Seeds the run uses. */
  seeds(spec: S): number[];
  /** Peak bytes of one step, from `plan()`. */
  plan?(spec: S, environment: RunEnvironment): Promise<number>;
}
