/**
 * @file Kind `markov`: a causal language model on an endless source whose entropy rate is known, so that the best possible
 * loss is known and nothing can be learnt by heart. The source is a Markov chain of order 2: every pair of symbols has its
 * own distribution of the next, drawn once from `SOURCE_SEED`; every batch is fresh.
 */
import type { BatchSource, Cursor, LmBatch } from '../../data/index.js';
import { CausalLM, type NormPlacement } from '../../nn/index.js';
import { RandomStream } from '../../random.js';
import { checkTrainingRecipe, type TrainingRecipe, trainerOptions } from '../../recipe/index.js';
import { log64 } from '../../runtime/math.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { Trainer } from '../../train/index.js';
import type { RunKind, RunSpec } from './run-kind.js';
import { trainCurve, trainedRecord } from './training-curve.js';

export interface MarkovRun extends RunSpec {
  kind: 'markov';
  placement: NormPlacement;
  /** Whether it has the warm-up that is compared. */
  warmup: boolean;
  numLayers: number;
  dModel: number;
  recipe: TrainingRecipe & { seed: number };
}

const SYMBOLS = 8;
const BATCH = 16;
const LENGTH = 32;
/** Batches of each evaluation, the same every time and in every run. */
const EVALUATED = 20;
/** All runs learn the same source. */
const SOURCE_SEED = 7;

/** What follows each pair of symbols: cumulative probabilities, (SYMBOLS², SYMBOLS). */
export class MarkovSource {
  readonly cumulative = new Float64Array(SYMBOLS * SYMBOLS * SYMBOLS);

  constructor(seed = SOURCE_SEED) {
    const random = new RandomStream(seed, 'markov:source');
    for (let pair = 0; pair < SYMBOLS * SYMBOLS; pair++) {
      // Eighth powers of uniform numbers: a few symbols are likely, none is impossible.
      const weights = Array.from({ length: SYMBOLS }, () => {
        const u = random.nextFloat();
        const fourth = u * u * u * u;
        return fourth * fourth + 0.002;
      });
      const total = weights.reduce((sum, w) => sum + w, 0);
      let sum = 0;
      for (let k = 0; k < SYMBOLS; k++) {
        sum += weights[k] / total;
        this.cumulative[pair * SYMBOLS + k] = k === SYMBOLS - 1 ? 1 : sum;
      }
    }
  }

  probability(pair: number, next: number): number {
    const at = pair * SYMBOLS + next;
    return this.cumulative[at] - (next === 0 ? 0 : this.cumulative[at - 1]);
  }

  /** The symbol after a pair, `u` being uniform in [0, 1). */
  next(pair: number, u: number): number {
    let k = 0;
    while (k < SYMBOLS - 1 && u >= this.cumulative[pair * SYMBOLS + k]) k++;
    return k;
  }

  /** Nats per symbol: the entropy of the next one given a pair, over the stationary distribution of pairs. */
  entropyRate(): number {
    let share = new Float64Array(SYMBOLS * SYMBOLS).fill(1 / (SYMBOLS * SYMBOLS));
    for (let step = 0; step < 200; step++) {
      const after = new Float64Array(share.length);
      for (let pair = 0; pair < share.length; pair++)
        for (let k = 0; k < SYMBOLS; k++)
          after[(pair % SYMBOLS) * SYMBOLS + k] += share[pair] * this.probability(pair, k);
      share = after;
    }
    let rate = 0;
    for (let pair = 0; pair < share.length; pair++)
      for (let k = 0; k < SYMBOLS; k++) {
        const p = this.probability(pair, k);
        rate -= share[pair] * p * log64(p);
      }
    return rate;
  }
}

/** Fresh texts of the source, a batch per step, keyed by (seed, step). */
export class MarkovBatches implements BatchSource<LmBatch> {
  #batch = 0;

  constructor(
    readonly source: MarkovSource,
    readonly seed: number,
    readonly stream = 'markov:train',
  ) {}

  next(): LmBatch {
    const random = new RandomStream(this.seed, this.stream, this.#batch++);
    const ids = new Int32Array(BATCH * LENGTH);
    const targets = new Int32Array(BATCH * LENGTH);
    for (let row = 0; row < BATCH; row++) {
      // Far from its beginning the chain has forgotten it.
      let pair = random.nextInt(SYMBOLS * SYMBOLS);
      for (let i = -20; i < LENGTH; i++) {
        const symbol = this.source.next(pair, random.nextFloat());
        if (i >= 0) {
          ids[row * LENGTH + i] = pair % SYMBOLS;
          targets[row * LENGTH + i] = symbol;
        }
        pair = (pair % SYMBOLS) * SYMBOLS + symbol;
      }
    }
    // The first position knows one symbol only, so that nobody could reach the entropy rate there.
    for (let row = 0; row < BATCH; row++) targets[row * LENGTH] = -1;
    return { ids, targets, batchSize: BATCH, seqLen: LENGTH, tokens: BATCH * (LENGTH - 1) };
  }

  state(): Cursor {
    return { epoch: 0, batch: this.#batch };
  }

  restore(cursor: Cursor): void {
    this.#batch = cursor.batch;
  }
}

export const markovKind: RunKind<MarkovRun> = {
  kind: 'markov',
  version: 1,
  keys: ['placement', 'warmup', 'numLayers', 'dModel', 'recipe'],
  check: ({ id, recipe }) => void checkTrainingRecipe(recipe, id),
  async execute(run, { onProgress, signal }) {
    const { recipe, placement, numLayers, dModel } = run;
    const { seed } = recipe;
    currentRuntime().manualSeed(seed);
    const model = new CausalLM({
      vocabSize: SYMBOLS,
      dModel,
      numHeads: 4,
      dFF: 2 * dModel,
      numLayers,
      normPlacement: placement,
      init: 'fairseq',
      maxSeqLen: LENGTH,
      dropout: 0,
      seed,
    });
    const source = new MarkovSource();
    const held = new MarkovBatches(source, SOURCE_SEED, 'markov:valid');
    const validation = Array.from({ length: EVALUATED }, () => held.next());
    const options = trainerOptions(recipe, { model, data: new MarkovBatches(source, seed), validation });
    const trainer = new Trainer({ ...options, keepBest: false, signal });
    const trained = await trainCurve(trainer, recipe.steps, onProgress);
    const record = trainedRecord(run, { placement, seed }, trainer, trained);
    return { ...record, measured: { entropyRate: source.entropyRate() } };
  },
  cost: ({ recipe, numLayers, dModel }) =>
    recipe.steps * 0.035 * (numLayers / 6) * (dModel / 64) * (dModel / 64),
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
};
