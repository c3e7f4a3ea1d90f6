/**
 * @file What is measured beside the loss. Sums run in double precision in a fixed order, so the numbers are the same
 * bits everywhere. Nothing here touches what trains: gradients and weights are read where they lie, and the sentence
 * watched passes the model without dropout and without a random number.
 */
import { noGrad } from '../autograd/tape.js';
import type { Parameter, Variable } from '../autograd/variable.js';
import { attentionWeights } from '../nn/attention-weights.js';
import type { CausalLM, Transformer } from '../nn/index.js';
import type { Runtime } from '../runtime/runtime.js';
import type { AttentionPlace, BlockName, LaneShape, RowLayout, ShapeLayer } from './layout.js';
import type { Sentence } from './sentence.js';

/** A model that the Lab trains. */
export type LabModel = CausalLM | Transformer;

type Layers = LabModel['encoder']['layers'] | Transformer['decoder']['layers'];

export class Instruments {
  readonly shape: LaneShape;
  readonly #model: LabModel;
  readonly #runtime: Runtime;
  readonly #sentence: Sentence;
  /** The last matrix of each block: what it adds to the stream comes through it. */
  readonly #matrices: Parameter[] = [];
  readonly #before: Float32Array[] = [];
  #logits: Float64Array | null = null;

  constructor(model: LabModel, sentence: Sentence) {
    this.#model = model;
    this.#runtime = model.runtime();
    this.#sentence = sentence;
    const layers: ShapeLayer[] = [];
    for (const [stack, list] of stacksOf(model)) {
      for (const [at, layer] of list.entries()) {
        const blocks: [BlockName, Parameter][] = [['attention', layer.selfAttn.outProj.weight]];
        if ('multiheadAttn' in layer) blocks.push(['cross', layer.multiheadAttn.outProj.weight]);
        blocks.push(['ffn', layer.feedForward.linear2.weight]);
        layers.push({ stack, number: at + 1, blocks: blocks.map(([name]) => name) });
        this.#matrices.push(...blocks.map(([, matrix]) => matrix));
      }
    }
    const { dModel, numHeads, vocabSize } = model.config;
    const parameters = model.numParameters();
    this.shape = { layers, width: dModel, heads: numHeads, vocabSize, parameters };
  }

  /** Remembers the weights that the next update will change. */
  beforeUpdate(): void {
    for (const [at, matrix] of this.#matrices.entries()) {
      this.#before[at] ??= new Float32Array(matrix.size);
      this.#before[at].set(this.#valuesOf(matrix));
    }
  }

  /** Fills a row with what the update did; its gradients still lie where the optimizer read them. */
  afterUpdate(row: Float64Array, layout: RowLayout): void {
    for (const [at, matrix] of this.#matrices.entries()) {
      row[layout.gradients + at] = normOf(this.#gradientOf(matrix));
      row[layout.updates + at] = changeOf(this.#before[at], this.#valuesOf(matrix));
    }
    this.#watch(row, layout);
  }

  /** The logits that the first update will be compared with; what is there before it. */
  begin(row: Float64Array, layout: RowLayout): void {
    this.#watch(row, layout);
  }

  /** Attention of the sentence watched, of each place. */
  attention(): { places: AttentionPlace[]; weights: Float32Array[] } {
    const places: AttentionPlace[] = [];
    const weights: Float32Array[] = [];
    const { batch, source, target } = this.#sentence;
    const kinds =
      'decoder' in this.#model ? (['encoder', 'decoder', 'cross'] as const) : (['encoder'] as const);
    for (const stack of kinds) {
      const { layers } = stack === 'encoder' ? this.#model.encoder : (this.#model as Transformer).decoder;
      const [queries, keys] =
        stack === 'encoder' ? [source, source] : stack === 'cross' ? [target, source] : [target, target];
      for (let layer = 0; layer < layers.length; layer++) {
        const found = this.#aside(() =>
          attentionWeights(this.#model as never, batch as never, { layer, attention: stack }).toArray(),
        );
        places.push({ stack, layer: layer + 1, queries, keys });
        weights.push(Float32Array.from(found));
      }
    }
    return { places, weights };
  }

  /** One pass of the sentence: norms of its stream, and how far its logits are from those of the step before. */
  #watch(row: Float64Array, layout: RowLayout): void {
    const norms = new Map<string, number>();
    const logits = this.#aside(() =>
      noGrad(() => {
        const trace = (name: string, value: Variable): void => {
          // Each is measured where it passes: the arena takes it back at the end.
          if (/\.(out|hidden|attention\.in)$/.test(name)) norms.set(name, meanSquare(value.toArray()));
        };
        return Float64Array.from(this.#model.forward(this.#sentence.batch as never, { trace }).toArray());
      }, this.#runtime),
    );
    let layer = 0;
    for (const [stack, [, list]] of stacksOf(this.#model).entries()) {
      row[layout.entering + stack] = norms.get(`${list[0].path}.attention.in`) ?? Number.NaN;
      for (const { path } of list) {
        row[layout.leaving + layer] = norms.get(`${path}.out`) ?? Number.NaN;
        row[layout.hidden + layer] = norms.get(`${path}.hidden`) ?? Number.NaN;
        layer++;
      }
    }
    row[layout.effect] = this.#logits ? changeOf(this.#logits, logits) : 0;
    this.#logits = logits;
  }

  /** In evaluation mode; the trainer sets its own again. */
  #aside<T>(use: () => T): T {
    this.#model.eval();
    return use();
  }

  #valuesOf(matrix: Parameter): Float32Array {
    return this.#runtime.heap.floats(matrix.ptr, matrix.size) as Float32Array;
  }

  #gradientOf(matrix: Parameter): Float32Array {
    return this.#runtime.heap.floats(matrix.gradAddress(), matrix.size) as Float32Array;
  }
}

function stacksOf(model: LabModel): ['encoder' | 'decoder', Layers][] {
  const found: ['encoder' | 'decoder', Layers][] = [['encoder', model.encoder.layers]];
  if ('decoder' in model) found.push(['decoder', model.decoder.layers]);
  return found;
}

function normOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

function meanSquare(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum / values.length;
}

/** ||after - before|| / ||before|| */
function changeOf(before: ArrayLike<number>, after: ArrayLike<number>): number {
  let [moved, size] = [0, 0];
  for (let i = 0; i < before.length; i++) {
    const difference = after[i] - before[i];
    moved += difference * difference;
    size += before[i] * before[i];
  }
  return size > 0 ? Math.sqrt(moved / size) : 0;
}
