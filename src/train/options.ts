/** @file What a trainer is given, what it measures and tells, and the check of its options. */
import {
  anything,
  callback,
  checkOptions,
  checkValue,
  flag,
  having,
  integer,
  notNegative,
  optional,
  type Rule,
  type Rules,
  share,
  text,
} from '../checks.js';
import type { BatchSource } from '../data/cursor.js';
import { ConfigError, type PrenormError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { recomputeRule } from '../nn/recompute.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedules.js';
import type { EarlyStopping, Metric, Stopped } from './best.js';
import type { ModelCompanions } from './model-info.js';
import type { Trainable } from './trainable.js';

/** What to train, on what, how long, and what happens in between. */
export interface TrainerOptions<B> {
  /** Turns a batch into a loss; models of `prenorm/nn` do, and so may your own. */
  model: Trainable<B>;
  /** Where batches come from; its cursor goes into checkpoints. */
  data: BatchSource<B>;
  /** Over parameters of `model`, all or some; the others stay as they are. */
  optimizer: Optimizer;
  /** Rate per step (1, 2, …); it must not end at a rate of 0 before `steps`. Default: the optimizer's own, constant. */
  schedule?: Schedule;
  /** Steps to train in all, counted from the start of the run, resumed or not. */
  steps: number;
  /** Share of the target's probability that is spread over the vocabulary, in [0, 1). Default 0. */
  labelSmoothing?: number;
  /** Largest joint gradient norm; larger ones are scaled down to it. Default: no bound, as in the paper. */
  clipNorm?: number;
  /** Batches per update; the loss is the mean over all their targets, as the loss counts them. Default 1. */
  accumulate?: number;
  /** Fixed-order batches to evaluate on. A generator is read into an array at once. Default: none. */
  validation?: Iterable<B>;
  /** Bytes (UTF-8) of the text that the targets of `validation` spell: then evaluations also give bits per byte. Default: unknown. */
  validationBytes?: number;
  /** Evaluate every so many steps, and after the last. Default: only after the last. */
  evalEvery?: number;
  /** What evaluations measure beside the loss; then the best weights and early stopping go by it. Default: the loss alone. */
  metric?: Metric;
  /** Keep a copy of the weights of the best evaluation (`Trainer.best`). Default: where there is something to evaluate. */
  keepBest?: boolean;
  /** Ends the run when evaluations have not become better for a while; needs `evalEvery`. Default: it goes on to `steps`. */
  earlyStopping?: EarlyStopping;
  /**
   * Ends the run with a NumericError once it has diverged: more than half of its last steps (a tenth of `steps`, at
   * least 50 and at most 500) have a loss of more than 1 nat above the uninformed one, and it is not coming down. The
   * uninformed loss is that of step 1, or the logarithm of the classes of a model that says them, whichever is larger.
   * Default false.
   */
  stopOnDivergence?: boolean;
  /** Measure the gradient norm of each layer every so many steps. Default: never. */
  gradNormEvery?: number;
  /** Called after each evaluation, in evaluation mode: what the model makes of fixed inputs, for people to look at. */
  samples?: () => readonly Sample[] | Promise<readonly Sample[]>;
  /** Called with checkpoint bytes every `checkpointEvery` steps and when the run ends or is aborted. */
  onCheckpoint?: (bytes: Uint8Array, step: number) => void | Promise<void>;
  /** Steps between two checkpoints. Default: none before the end. */
  checkpointEvery?: number;
  /** Stored in checkpoints and compared on resume; its key `schedule` may change with `{ schedule: 'new' }`. Default: nothing. */
  config?: Record<string, unknown>;
  /** What `loadModel` is to find in checkpoints beside the model: its tokenizer, the names of its classes. Default: nothing. */
  companions?: ModelCompanions;
  /** Ends `run()` between two steps. */
  signal?: AbortSignal;
  /** Record steps and replay them, to the same bits but faster. Default true. */
  replay?: boolean;
  /**
   * Keep only what goes into each layer (`true`), or into every so many layers together, and compute the rest again in the
   * backward: less memory, about a third more time, the same bits. Default: as `recompute` has set the model, else false.
   */
  recompute?: boolean | number;
}

/** What a model made of an input during training. */
export interface Sample {
  /** A prompt, a sentence to translate, a text to classify. */
  prompt: string;
  /** The continuation, the translation, the label. */
  text: string;
  /** What the data says: the translation or the label. */
  reference?: string;
}

/** What an evaluation found. */
export interface Evaluation {
  /** Mean un-smoothed negative log-likelihood per validation token, in nats. */
  validNll: number;
  /** Bits per byte of the validation's text, where `validationBytes` says how many there are. */
  bitsPerByte?: number;
  /** Value of `metric`, where there is one. */
  metric?: number;
}

/** What one update measured. */
export interface StepMetrics extends Partial<Evaluation> {
  /** Steps done, this one included: 1, 2, …. */
  step: number;
  /** Learning rate of the update. */
  lr: number;
  /** Mean (smoothed) loss per target of this step, before the update. */
  loss: number;
  /** Joint 2-norm of all gradients before clipping. */
  gradNorm: number;
  /** Targets of this step that counted; for a loss without `count`, its batches. */
  tokens: number;
  /** Whether the evaluation after this step is the best so far; only where there was one. */
  isBest?: boolean;
  /** 2-norm of the gradient of each layer's parameters before clipping, in the model's order, in steps of `gradNormEvery`. */
  gradNorms?: Readonly<Record<string, number>>;
  /** What `samples` gave after this step's evaluation. */
  samples?: readonly Sample[];
  /** Why the run ends after this step though it has steps left. */
  stopped?: Stopped;
}

/** Events of a step, which trainers here and in a worker tell alike, from what the step measured. */
export interface StepEvents {
  evaluate: Evaluation & { step: number; isBest: boolean };
  gradNorms: { step: number; norms: Readonly<Record<string, number>> };
  samples: { step: number; samples: readonly Sample[] };
  stopped: Stopped;
  step: StepMetrics;
}

/** Events of `Trainer.on` and their payloads; `step` also comes out of `run()`. `bytes` is the size of the file. */
export interface TrainerEvents extends StepEvents {
  checkpoint: { step: number; bytes: number };
  /** A checkpoint could not be written and training goes on; `savedStep` is the last one that was, if any. */
  checkpointFailed: { step: number; error: PrenormError; savedStep: number | null };
}

/** Tells what a step measured: its parts first, all of it last. @internal */
export function emitStep(
  listeners: { emit<K extends keyof StepEvents>(event: K, payload: StepEvents[K]): void },
  metrics: StepMetrics,
): void {
  const { step, validNll, bitsPerByte, metric, isBest = false, gradNorms, samples, stopped } = metrics;
  if (gradNorms) listeners.emit('gradNorms', { step, norms: gradNorms });
  if (validNll !== undefined) {
    listeners.emit('evaluate', {
      step,
      validNll,
      ...(bitsPerByte === undefined ? {} : { bitsPerByte }),
      ...(metric === undefined ? {} : { metric }),
      isBest,
    });
  }
  if (samples) listeners.emit('samples', { step, samples });
  if (stopped) listeners.emit('stopped', stopped);
  listeners.emit('step', metrics);
}

/** The batches of a step are made before its first backward, so there is a limit. */
const MAX_ACCUMULATE = 65536;

const companions: Rule = {
  wanted: 'an object with tokenizer (which has toJSON) and labels (a list of strings)',
  holds: (value) => {
    if (!isJsonObject(value)) return false;
    const { tokenizer = null, labels = null, ...rest } = value;
    const { toJSON } = (tokenizer ?? {}) as { toJSON?: unknown };
    const isList = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
    const isKnown = (tokenizer === null || typeof toJSON === 'function') && (labels === null || isList);
    return isKnown && Object.keys(rest).length === 0;
  },
};

const rules: Rules<TrainerOptions<unknown>> = {
  model: having('a model', 'parameters', 'loss'),
  data: having('batches', 'next', 'state', 'restore'),
  optimizer: having('an optimizer', 'step', 'zeroGrad'),
  schedule: optional(callback),
  steps: integer(1),
  labelSmoothing: optional(share),
  clipNorm: optional({ wanted: 'a number > 0', holds: (value) => typeof value === 'number' && value > 0 }),
  accumulate: optional(integer(1, MAX_ACCUMULATE)),
  validation: optional(anything),
  validationBytes: optional(integer(1)),
  evalEvery: optional(integer(1)),
  metric: optional({ wanted: 'an object', holds: (value) => typeof value === 'object' && value !== null }),
  keepBest: optional(flag),
  earlyStopping: optional({
    wanted: 'an object with patience',
    holds: (value) => typeof value === 'object' && value !== null,
  }),
  stopOnDivergence: optional(flag),
  gradNormEvery: optional(integer(1)),
  samples: optional(callback),
  onCheckpoint: optional(callback),
  checkpointEvery: optional(integer(1)),
  config: optional(anything),
  companions: optional(companions),
  signal: optional(anything),
  replay: optional(flag),
  recompute: optional(recomputeRule),
};

/** What means nothing without another option. */
const needs = {
  evalEvery: 'validation',
  validationBytes: 'validation',
  metric: 'validation',
  samples: 'validation',
  earlyStopping: 'evalEvery',
  checkpointEvery: 'onCheckpoint',
} as const;

/** @throws ConfigError for an unknown key, a value out of range, or an option of what does not happen */
export function checkTrainerOptions<B>(options: TrainerOptions<B>): void {
  checkOptions('Trainer', options as TrainerOptions<unknown>, rules);
  const { metric, earlyStopping } = options;
  if (metric) {
    checkOptions<Metric>('Trainer', metric, {
      name: text,
      better: { wanted: 'higher or lower', holds: (value) => value === 'higher' || value === 'lower' },
      measure: callback,
    });
  }
  if (earlyStopping) {
    checkOptions<EarlyStopping>('Trainer', earlyStopping, {
      patience: integer(1),
      minDelta: optional(notNegative),
    });
  }
  for (const key of Object.keys(needs) as (keyof typeof needs)[]) {
    if (options[key] === undefined || options[needs[key]] !== undefined) continue;
    const given = typeof options[key] === 'number' ? `is ${options[key]}` : 'is given';
    throw new ConfigError(`${key} ${given}, but there is no ${needs[key]}`, {
      op: 'Trainer',
      actual: options[key],
      hint: `give ${needs[key]}, or leave ${key} out`,
    });
  }
  if (options.keepBest) {
    checkValue('Trainer', 'keepBest', options.validation, {
      wanted: 'left out, or false, without validation',
      holds: (validation) => validation !== undefined,
    });
  }
}
