/** @file The worker's side of a training: one trainer, and an answer to every request of protocol.ts. */
import { checkValue, integer } from '../checks.js';
import { ConfigError, DataError, EnvironmentError } from '../errors.js';
import { generateNow } from '../generate/generate.js';
import { CheckpointStore, encodeSafetensors } from '../io/index.js';
import { CausalLM, type StateDict } from '../nn/index.js';
import {
  checkRecipe,
  type Decisive,
  encodeRun,
  heldOutScores,
  type PreparedRun,
  prepareRun,
  readDecisive,
  rescaledWeights,
} from '../recipe/index.js';
import { capabilities } from '../runtime/capabilities.js';
import { init } from '../runtime/init.js';
import { type StepMetrics, Trainer } from '../train/index.js';
import { fromWire, toWire } from '../wire-error.js';
import { loadTokenizers } from './load-tokenizers.js';
import { ModelHost } from './model-host.js';
import type {
  FromWorker,
  Generated,
  GenerateOptions,
  RequestName,
  Requests,
  Restored,
  Snapshot,
  ToWorker,
  WorkerReady,
} from './protocol.js';

/** Steps that may wait for a slow reader; then training waits for it. */
const MAX_WAITING = 256;

type Post = (message: FromWorker, transfer: ArrayBuffer[]) => void;
type Handlers = { [N in RequestName]: (payload: Requests[N][0]) => Promise<Requests[N][1]> };

interface Run extends Omit<PreparedRun, 'options'> {
  trainer: Trainer<unknown>;
  store: CheckpointStore | null;
}

export class RunHost {
  readonly #post: Post;
  readonly #threads: string | null;
  #run: Run | null = null;
  #running = false;
  #paused = false;
  /** Whether the loop waits between two steps, and who wants to be told when it does. */
  #standing = false;
  #halted: (() => void)[] = [];
  #stop: 'cancel' | 'leave' | null = null;
  #cancelled = false;
  /** Metrics that were not sent, because the reader still has the last ones. */
  #waiting: StepMetrics[] = [];
  #readerBusy = false;
  /** Wakes the loop when something it waits for may have changed. */
  #wake: () => void = () => {};
  #kept: ((error: Error | null) => void) | null = null;

  /** @param threads where the file of the threads lies, when it is not beside the library */
  constructor(post: Post, threads: string | null = null) {
    this.#post = post;
    this.#threads = threads;
  }

  async receive(message: ToWorker): Promise<void> {
    if (message.type === 'taken') {
      this.#readerBusy = false;
      this.#sendMetrics();
      this.#wake();
    } else if (message.type === 'kept') this.#kept?.(message.error && fromWire(message.error));
    else {
      const { id, name } = message;
      try {
        const result = await (this.#handlers[name] as (payload: unknown) => Promise<unknown>)(
          message.payload,
        );
        this.#post({ type: 'answer', id, result }, buffersOf(result));
      } catch (error) {
        this.#post({ type: 'refusal', id, error: toWire(error) }, []);
      }
    }
  }

  readonly #handlers: Handlers = {
    ...new ModelHost().handlers,
    init: async (runtime) => {
      await init(this.#threads === null ? runtime : { worker: this.#threads, ...runtime });
      return capabilities();
    },
    start: (config) => this.#start(config),
    run: () => this.#train(),
    pause: async () => {
      this.#paused = true;
      // A step may be under way; who asked to pause may look at the model once it has ended.
      if (this.#running && !this.#standing)
        await new Promise<void>((resolve) => {
          this.#halted.push(resolve);
        });
      return { step: this.#started.trainer.step };
    },
    resume: async () => {
      this.#paused = false;
      this.#wake();
      return { step: this.#started.trainer.step };
    },
    stop: async (how) => {
      if (this.#running) {
        this.#stop = how;
        this.#wake();
      }
      return { step: this.#started.trainer.step };
    },
    snapshot: async () => this.#snapshot(),
    restore: (from) => this.#restore(from),
    evaluate: async () => {
      const { trainer } = this.#started;
      if (trainer.options.validation) return trainer.evaluate();
      throw new DataError('there is no validation data', {
        op: 'evaluate',
        hint: 'hold out a share with data.validation',
      });
    },
    scores: async () => {
      const { best } = this.#started.trainer;
      const rescaled = rescaledWeights(this.#started, best?.weights ?? null);
      return heldOutScores(this.#started, rescaled?.weights ?? best?.weights);
    },
    generate: (options) => this.#generate(options),
    hash: async () => this.#started.trainer.hash(),
  };

  /** What the trainer asks of a signal; unlike a real one, it serves again after a cancelled run. */
  get #signal(): AbortSignal {
    const isCancelled = (): boolean => this.#cancelled;
    return {
      get aborted() {
        return isCancelled();
      },
    } as AbortSignal;
  }

  get #started(): Run {
    if (this.#run) return this.#run;
    throw new EnvironmentError('the training did not start', { op: 'WorkerTrainer' });
  }

  async #start({
    keepCheckpoints,
    store: name,
    ...rest
  }: Requests['start'][0]): Promise<Requests['start'][1]> {
    const recipe = checkRecipe(rest, 'WorkerTrainer');
    const run = await prepareRun(recipe, { tokenizers: loadTokenizers });
    const store = name === undefined ? null : await CheckpointStore.open(name);
    const trainer = new Trainer({
      ...run.options,
      signal: this.#signal,
      ...(store || keepCheckpoints
        ? { onCheckpoint: (bytes, step) => this.#keep(bytes, step), checkpointEvery: recipe.checkpointEvery }
        : {}),
    });
    this.#listen(trainer);
    this.#run = { ...run, trainer, store };
    const { model, data } = run;
    return {
      parameters: model.numParameters(),
      vocabSize: 'vocabSize' in model.config ? model.config.vocabSize : null,
      tokens: data.tokens,
      tokenizer: data.tokenizer?.toJSON?.() ?? null,
      store: (store?.backend ?? null) as WorkerReady['store'],
    };
  }

  #listen(trainer: Trainer<unknown>): void {
    trainer.on('checkpoint', ({ step, bytes }) => this.#post({ type: 'checkpointed', step, bytes }, []));
    trainer.on('checkpointFailed', ({ step, error, savedStep }) =>
      this.#post({ type: 'checkpointFailed', step, savedStep, error: toWire(error) }, []),
    );
  }

  /** Stores a checkpoint here, or hands it over and waits until it is dealt with: at most one is on its way. */
  async #keep(bytes: Uint8Array, step: number): Promise<void> {
    if (this.#run?.store) {
      await this.#run.store.write(bytes);
      return;
    }
    const copy = new Uint8Array(bytes);
    const error = await new Promise<Error | null>((resolve) => {
      this.#kept = resolve;
      this.#post({ type: 'checkpoint', step, bytes: copy }, [copy.buffer]);
    });
    this.#kept = null;
    if (error) throw error;
  }

  async #train(): Promise<{ step: number }> {
    const { trainer } = this.#started;
    if (this.#running) throw new ConfigError('it runs already', { op: 'run' });
    this.#running = true;
    this.#stop = null;
    this.#cancelled = false;
    this.#waiting = [];
    this.#readerBusy = false;
    try {
      for await (const metrics of trainer.run()) {
        this.#waiting.push(metrics);
        this.#sendMetrics();
        while (!this.#stop && (this.#paused || this.#waiting.length >= MAX_WAITING)) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            this.#stand(true);
          });
        }
        this.#standing = false;
        if (this.#stop === 'leave') break;
        // The trainer writes its checkpoint and throws an AbortError before the next step.
        if (this.#stop === 'cancel') this.#cancelled = true;
      }
      return { step: trainer.step };
    } finally {
      this.#running = false;
      this.#stand(false);
      if (this.#waiting.length > 0) this.#flush();
    }
  }

  #stand(standing: boolean): void {
    this.#standing = standing;
    for (const tell of this.#halted.splice(0)) tell();
  }

  #sendMetrics(): void {
    if (!this.#readerBusy && this.#waiting.length > 0) this.#flush();
  }

  #flush(): void {
    this.#readerBusy = true;
    this.#post({ type: 'metrics', metrics: this.#waiting }, []);
    this.#waiting = [];
  }

  #snapshot(): Snapshot {
    const { trainer, model, data } = this.#started;
    const { best } = trainer;
    const encode = (weights: StateDict, step: number) =>
      encodeSafetensors(weights, { format: 'pt', step: String(step) });
    return {
      step: trainer.step,
      weights: encode(model.stateDict(), trainer.step),
      checkpoint: new Uint8Array(trainer.save()),
      tokenizer: data.tokenizer?.toJSON?.() ?? null,
      model: encodeRun(this.#started, trainer),
      best: best && { ...best, weights: encode(best.weights, best.step) },
    };
  }

  async #restore({ bytes: from, ...options }: Requests['restore'][0]): Promise<Restored | null> {
    const { trainer, store, data } = this.#started;
    if (this.#running)
      throw new ConfigError('it runs: pause is not enough, stop it first', { op: 'restore' });
    let bytes: Uint8Array;
    if (from === 'store') {
      if (!store)
        throw new ConfigError('there is no store', { op: 'restore', hint: 'name one with `store`' });
      const stored = await store.read();
      if (!stored) return null;
      bytes = stored.bytes;
    } else bytes = from;
    trainer.restore(bytes, from === 'store' ? `store ${store?.name}` : 'checkpoint', {
      ...options,
      read: (saved, own) => readDecisive(saved, own as Decisive, data),
    });
    return { step: trainer.step, losses: [...trainer.losses], stopped: trainer.stopped };
  }

  /** Without a pause, so that all of it comes from the weights of one moment. */
  async #generate({ prompt, length, ...options }: GenerateOptions): Promise<Generated> {
    const { model, data } = this.#started;
    if (!(model instanceof CausalLM)) {
      throw new ConfigError('only a causalLM continues a text', { op: 'generate' });
    }
    if (length !== undefined && options.maxNewTokens !== undefined) {
      throw new ConfigError('length is the older name of maxNewTokens: give one of them', { op: 'generate' });
    }
    const most = length ?? options.maxNewTokens ?? 100;
    const name = length === undefined ? 'maxNewTokens' : 'length';
    checkValue('generate', name, most, integer(0, MAX_GENERATED));
    return generateNow('generate', model, data.tokenizer, prompt, { ...options, maxNewTokens: most });
  }
}

const MAX_GENERATED = 100_000;

/** Buffers of a result's arrays: they move instead of being copied. */
function buffersOf(result: unknown): ArrayBuffer[] {
  if (typeof result !== 'object' || result === null) return [];
  return Object.values(result).flatMap((value) =>
    ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? [value.buffer] : [],
  );
}
