/**
 * @file Texts that grow token by token, several at once. All stand at the same position of their windows, so that one
 * pass serves them; no row's bits depend on the others, so each text is what it would be alone.
 */
import type { CausalLM } from '../nn/models.js';
import { RandomStream } from '../random.js';
import { CachedLM, READ_AT_ONCE } from './cached-lm.js';
import type { TextCodec } from './codec.js';
import { draw, type Filters, mostProbable } from './draw.js';
import { LOGITS, NOTHING } from './scores.js';
import { TextStream } from './text-stream.js';
import { windowStart, windowStep } from './window.js';

/** A generated text, without its prompt. */
export interface Generated<T extends string | null = string> {
  /** What the iterator has yielded, as one string; null without a tokenizer. */
  text: T;
  /**
   * All tokens that were drawn, an eos not: those of a stop string too, and those of a character that did not become
   * whole.
   */
  ids: Int32Array<ArrayBuffer>;
  /** Why it ended: at `eos`, at a `stop` string, after `maxNewTokens`, or by the `signal`. */
  reason: 'eos' | 'stop' | 'length' | 'aborted';
}

/** Options without gaps. A temperature of 0 is greedy. */
export interface Plan {
  maxNewTokens: number;
  filters: Filters;
  repetitionPenalty: number;
  /** Of each prompt. */
  seeds: readonly number[];
  stops: readonly string[];
  eos: ReadonlySet<number>;
  context: number;
}

/** What has become certain of the text of prompt `index`. */
export type Piece = { index: number; text: string } | { index: number; id: number };

interface Row {
  index: number;
  /** The prompt, then what was drawn. */
  ids: number[];
  prompt: number;
  /** Where its window begins. */
  start: number;
  random: RandomStream;
  stream: TextStream | null;
  text: string;
  reason: Generated['reason'] | null;
}

/** Steps until it is done; nothing is computed before the first. */
export class Continuation {
  readonly #model: CausalLM;
  readonly #plan: Plan;
  readonly #rows: Row[];
  /** Ids that may be drawn: those that have a text. */
  readonly #drawable: number;
  #live: Row[];
  #cached: CachedLM | null = null;

  constructor(model: CausalLM, codec: TextCodec | null, prompts: readonly number[][], plan: Plan) {
    this.#model = model;
    this.#plan = plan;
    const { vocabSize } = model.config;
    this.#drawable = Math.min(vocabSize, codec?.vocabSize ?? vocabSize);
    this.#rows = prompts.map((ids, index) => ({
      index,
      ids: [...ids],
      prompt: ids.length,
      start: windowStart(ids.length, plan.context),
      random: new RandomStream(plan.seeds[index], 'sample'),
      stream: codec && new TextStream(codec, plan.stops),
      text: '',
      reason: plan.maxNewTokens === 0 ? 'length' : null,
    }));
    this.#live = this.#rows.filter(({ reason }) => reason === null);
  }

  get done(): boolean {
    return this.#live.length === 0;
  }

  /** One pass: reads what all live rows know, then draws a token for those that have read all they know. */
  step(): Piece[] {
    const cached = this.#room();
    const live = this.#live;
    const at = cached.length;
    const known = live.map(({ ids, start }) => ids.length - start - at);
    const count = Math.min(READ_AT_ONCE, ...known);
    const fed = new Int32Array(live.length * count);
    live.forEach(({ ids, start }, row) => {
      for (let i = 0; i < count; i++) fed[row * count + i] = ids[start + at + i];
    });
    if (!known.includes(count)) {
      cached.feed(fed, NOTHING, count);
      return [];
    }
    const [logits] = cached.feed(fed, LOGITS, count) as Float32Array[];
    const { vocabSize } = this.#model.config;
    const pieces: Piece[] = [];
    live.forEach((row, i) => {
      if (known[i] > count) return;
      this.#draw(row, logits.subarray(i * vocabSize, i * vocabSize + this.#drawable), pieces);
    });
    const still = [...live.keys()].filter((i) => live[i].reason === null);
    if (still.length < live.length) {
      this.#live = still.map((i) => live[i]);
      if (still.length > 0) cached.reorder(Int32Array.from(still));
    }
    return pieces;
  }

  /** Ends all texts where they stand. */
  abort(): Piece[] {
    const pieces: Piece[] = [];
    for (const row of this.#live) this.#end(row, 'aborted', pieces);
    this.#live = [];
    return pieces;
  }

  /** Of every prompt, in their order; once it is done. */
  results(): Generated<string | null>[] {
    return this.#rows.map(({ ids, prompt, stream, text, reason }) => ({
      text: stream && text,
      ids: Int32Array.from(ids.slice(prompt)),
      reason: reason as Generated['reason'],
    }));
  }

  release(): void {
    this.#cached?.release();
    this.#cached = null;
  }

  /** The model with room for another token: full windows are read anew from where they begin now. */
  #room(): CachedLM {
    this.#cached ??= new CachedLM(this.#model, this.#live.length);
    if (this.#cached.length === this.#plan.context) {
      this.#cached.restart();
      for (const row of this.#live) row.start += windowStep(this.#plan.context);
    }
    return this.#cached;
  }

  #draw(row: Row, logits: Float32Array, pieces: Piece[]): void {
    const { filters, repetitionPenalty, eos, maxNewTokens } = this.#plan;
    if (repetitionPenalty !== 1) {
      for (const id of new Set(row.ids.slice(row.start))) {
        if (id < logits.length)
          logits[id] = logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty;
      }
    }
    const { temperature } = filters;
    const id = temperature === 0 ? mostProbable(logits) : draw(logits, filters, row.random.nextFloat());
    if (eos.has(id)) {
      this.#end(row, 'eos', pieces);
      return;
    }
    row.ids.push(id);
    if (row.stream) this.#show(row, row.stream.push(id), pieces);
    else pieces.push({ index: row.index, id });
    if (row.stream?.stopped) row.reason = 'stop';
    else if (row.ids.length === row.prompt + maxNewTokens) this.#end(row, 'length', pieces);
  }

  #end(row: Row, reason: Generated['reason'], pieces: Piece[]): void {
    row.reason = reason;
    if (row.stream) this.#show(row, row.stream.end(), pieces);
  }

  #show(row: Row, text: string, pieces: Piece[]): void {
    if (text === '') return;
    row.text += text;
    pieces.push({ index: row.index, text });
  }
}
