/**
 * @file The graphs of every kind of model: what goes in and comes out has the names that Hugging Face's exports have, which
 * is what other programs look for. Sizes in capitals of comments: B sequences of T tokens, S positions that are seen, P of
 * them before these, C components.
 */
import type { TokenEmbedding } from '../../nn/embeddings.js';
import type { MaskedLM } from '../../nn/masked-lm.js';
import type { LibraryModel } from '../../nn/model-kinds.js';
import type { CausalLM, Transformer } from '../../nn/models.js';
import type { PooledHead } from '../../nn/pooled-head.js';
import type { TextClassifier } from '../../nn/text-classifier.js';
import type { VisionTransformer } from '../../nn/vision-transformer.js';
import type { KeysAndValues } from './attention.js';
import { Graph, type GraphOptions, type OnnxTools, type Value } from './graph.js';
import { activations, linear, normOf } from './layers.js';
import { TYPE } from './schema.js';
import { stackOf } from './stack.js';
import { positionsOf, seen, seenBefore } from './visible.js';

/** Sizes that may differ from run to run. */
const [B, T, S, P] = ['batch_size', 'sequence_length', 'total_sequence_length', 'past_sequence_length'];
const SOURCE = 'encoder_sequence_length';

/** How a model's graphs are to be. */
export interface ModelGraphOptions extends GraphOptions {
  /** Whether keys and values of earlier positions go in and come out. */
  withPast: boolean;
}

/** Writes the graph of one file when it is called. */
type Draw = () => Graph;

/** The graphs of a model by the names of their files. */
export function graphsOf(
  model: LibraryModel,
  options: ModelGraphOptions,
  tools: OnnxTools,
): Map<string, Draw> {
  const draw = (write: (g: Graph) => void): Draw => {
    return () => {
      const g = new Graph(options, tools);
      write(g);
      return g;
    };
  };
  switch (model.kind) {
    case 'causalLM':
      return new Map([['model', draw((g) => causalLM(g, model, options.withPast))]]);
    case 'transformer': {
      const pair = model;
      const graphs = new Map([
        ['encoder_model', draw((g) => encoderOfPair(g, pair))],
        ['decoder_model', draw((g) => decoderOfPair(g, pair, options.withPast))],
      ]);
      return options.withPast
        ? graphs.set(
            'decoder_with_past_model',
            draw((g) => decoderWithPast(g, pair)),
          )
        : graphs;
    }
    case 'maskedLM':
      return new Map([['model', draw((g) => maskedLM(g, model))]]);
    case 'visionTransformer':
      return new Map([['model', draw((g) => vision(g, model))]]);
    default:
      return new Map([['model', draw((g) => textClassifier(g, model))]]);
  }
}

/** scale · E[id] + segment + position, and the norm where there is one. */
function embed(
  g: Graph,
  embedding: TokenEmbedding,
  { dModel, embeddingScale }: { dModel: number; embeddingScale: 'sqrt' | number },
  ids: Value,
  places: Value,
  segments: Value | null = null,
): Value {
  const { tokens, positions, norm, path } = embedding;
  return g.within(path, () => {
    const factor = embeddingScale === 'sqrt' ? Math.sqrt(dModel) : embeddingScale;
    let x = g.scale(g.rows(tokens.weight, tokens.weight.path, ids), factor);
    const table = embedding.segments?.weight;
    if (table && segments) x = g.add(x, g.rows(table, table.path, segments));
    if (positions.table) x = g.add(x, g.rows(positions.table, SINUSOIDS, places));
    return norm ? normOf(g, norm).forward(x) : x;
  });
}

const SINUSOIDS = 'positions.sinusoids';

/** Logits (B, T, vocabSize) by the table of tokens where the two are one, which is then in the file once. */
function logitsOf(g: Graph, { output, embedding }: CausalLM | Transformer, x: Value): Value {
  const own = output.linear;
  if (own) return linear(g, own, x);
  return g.within(output.path, () => tied(g, embedding, x));
}

const tied = (g: Graph, { tokens }: TokenEmbedding, x: Value): Value =>
  g.op('MatMul', [x, g.transpose(g.parameter(tokens.weight), [1, 0])]);

/** Gives out keys and values, under names with `prefix` and a layer's number in front. */
function givePresent(
  g: Graph,
  present: readonly KeysAndValues[],
  shape: { numKVHeads: number; dHead: number; length: string },
  middle = '',
): void {
  const dims = [B, shape.numKVHeads, shape.length, shape.dHead];
  present.forEach(([keys, values], i) => {
    g.output(`present.${i}.${middle}key`, keys, dims);
    g.output(`present.${i}.${middle}value`, values, dims);
  });
}

/** Takes them in. */
function takePast(
  g: Graph,
  layers: number,
  shape: { numKVHeads: number; dHead: number; length: string },
  middle = '',
): KeysAndValues[] {
  const dims = [B, shape.numKVHeads, shape.length, shape.dHead];
  const take = (i: number, what: string) =>
    g.input(`past_key_values.${i}.${middle}${what}`, TYPE.float, dims);
  return Array.from({ length: layers }, (_, i) => [take(i, 'key'), take(i, 'value')] as const);
}

const headsOf = ({ config }: CausalLM | Transformer) => ({
  numKVHeads: config.numKVHeads,
  dHead: config.dModel / config.numHeads,
});

/** A mask of 0 in front tells padding before a text, which then begins at position 0 all the same. */
function causalLM(g: Graph, model: CausalLM, withPast: boolean): void {
  const { config, embedding, encoder } = model;
  const heads = headsOf(model);
  const ids = g.input('input_ids', TYPE.int64, [B, T]);
  const given = g.input('attention_mask', TYPE.int64, [B, withPast ? S : T]);
  const past = withPast ? takePast(g, config.numLayers, { ...heads, length: P }) : undefined;
  const { mask, places: own } = seenBefore(g, ids, given, withPast);
  const places = own();
  const x = embed(g, embedding, config, ids, places);
  const { out, present } = stackOf(g, encoder, x, { mask, positions: places, past });
  g.output('logits', logitsOf(g, model, out), [B, T, config.vocabSize]);
  if (withPast) givePresent(g, present, { ...heads, length: S });
}

/** Ids, mask and, where the model has segments, segments. */
function textInputs(g: Graph, { numSegments }: { numSegments: number }) {
  const ids = g.input('input_ids', TYPE.int64, [B, T]);
  const given = g.input('attention_mask', TYPE.int64, [B, T]);
  const segments = numSegments > 0 ? g.input('token_type_ids', TYPE.int64, [B, T]) : null;
  return { ids, given, segments };
}

function maskedLM(g: Graph, model: MaskedLM): void {
  const { config, embedding, encoder, head, nextSentence } = model;
  const { ids, given, segments } = textInputs(g, config);
  const positions = positionsOf(g, ids);
  const x = embed(g, embedding, config, ids, positions, segments);
  const { out } = stackOf(g, encoder, x, { mask: seen(g, given), positions });
  const h = normOf(g, head.norm).forward(activations.gelu(g, linear(g, head.transform, out)));
  const logits = g.within(head.path, () => {
    const product = head.decoder ? linear(g, head.decoder, h) : tied(g, embedding, h);
    return g.add(product, g.parameter(head.bias));
  });
  g.output('logits', logits, [B, T, config.vocabSize]);
  g.output('last_hidden_state', out, [B, T, config.dModel]);
  if (nextSentence) g.output('next_sentence_logits', pooled(g, nextSentence, firstOf(g, out)), [B, 2]);
}

/** x (B, C) to (B, classes): dense, tanh, dense. */
function pooled(g: Graph, { pooler, classifier }: PooledHead, x: Value): Value {
  return linear(g, classifier, activations.tanh(g, linear(g, pooler, x)));
}

/** (B, T, C) to (B, C): the first token. */
const firstOf = (g: Graph, x: Value): Value => g.op('Gather', [x, g.int(0)], { axis: { i: 1 } });

function textClassifier(g: Graph, model: TextClassifier): void {
  const { config, embedding, encoder, head } = model;
  const { ids, given, segments } = textInputs(g, config);
  const { causal, dModel, numClasses } = config;
  const positions = positionsOf(g, ids);
  const x = embed(g, embedding, config, ids, positions, segments);
  const mask = causal ? seenBefore(g, ids, given, false).mask : seen(g, given);
  const { out } = stackOf(g, encoder, x, { mask, positions });
  g.output('logits', pooled(g, head, poolOf(g, model, out, given)), [B, numClasses]);
  g.output('last_hidden_state', out, [B, T, dModel]);
}

/** (B, T, C) to (B, C). */
function poolOf(g: Graph, { config, head }: TextClassifier, x: Value, given: Value): Value {
  const { pooling } = config;
  if (pooling === 'first') return firstOf(g, x);
  return g.within(head.path, () => {
    if (pooling === 'last') {
      const count = g.op('ReduceSum', [given, g.ints([1])], { keepdims: { i: 1 } });
      return g.op('GatherND', [x, g.op('Sub', [count, g.ints([1])])], { batch_dims: { i: 1 } });
    }
    const mask = g.op('Cast', [given], { to: { i: TYPE.float } });
    const sum = g.op('ReduceSum', [g.mul(x, g.unsqueeze(mask, 2)), g.ints([1])], { keepdims: { i: 0 } });
    return g.op('Div', [sum, g.op('ReduceSum', [mask, g.ints([1])], { keepdims: { i: 1 } })]);
  });
}

function encoderOfPair(g: Graph, { config, embedding, encoder }: Transformer): void {
  const { ids, given } = textInputs(g, { numSegments: 0 });
  const positions = positionsOf(g, ids);
  const x = embed(g, embedding, config, ids, positions);
  const { out } = stackOf(g, encoder, x, { mask: seen(g, given), positions });
  g.output('last_hidden_state', out, [B, T, config.dModel]);
}

/** The whole target so far; with `withPast` also what `decoder_with_past_model` goes on from. */
function decoderOfPair(g: Graph, model: Transformer, withPast: boolean): void {
  const { config, embedding, decoder } = model;
  const heads = headsOf(model);
  const given = g.input('encoder_attention_mask', TYPE.int64, [B, SOURCE]);
  const ids = g.input('input_ids', TYPE.int64, [B, T]);
  const of = g.input('encoder_hidden_states', TYPE.float, [B, SOURCE, config.dModel]);
  const { mask, places: own } = seenBefore(g, ids, null, false);
  const places = own();
  const x = embed(g, embedding, config, ids, places);
  const result = stackOf(g, decoder, x, { mask, positions: places, memory: { mask: seen(g, given), of } });
  g.output('logits', logitsOf(g, model, result.out), [B, T, config.vocabSize]);
  if (!withPast) return;
  givePresent(g, result.present, { ...heads, length: T }, 'decoder.');
  givePresent(g, result.memory, { ...heads, length: SOURCE }, 'encoder.');
}

/** The next positions, with keys and values of those before and of the encoder's output. */
function decoderWithPast(g: Graph, model: Transformer): void {
  const { config, embedding, decoder } = model;
  const heads = headsOf(model);
  const given = g.input('encoder_attention_mask', TYPE.int64, [B, SOURCE]);
  const ids = g.input('input_ids', TYPE.int64, [B, T]);
  const past = takePast(g, config.numDecoderLayers, { ...heads, length: P }, 'decoder.');
  const of = takePast(g, config.numDecoderLayers, { ...heads, length: SOURCE }, 'encoder.');
  const { mask, places: own } = seenBefore(g, ids, null, past[0][0]);
  const places = own();
  const x = embed(g, embedding, config, ids, places);
  const context = { mask, positions: places, past, memory: { mask: seen(g, given), of } };
  const { out, present } = stackOf(g, decoder, x, context);
  g.output('logits', logitsOf(g, model, out), [B, T, config.vocabSize]);
  givePresent(g, present, { ...heads, length: S }, 'decoder.');
}

/** Pixels (B, channels, height, width), as other programs have them; here a patch is rows of pixels, channels last. */
function vision(g: Graph, model: VisionTransformer): void {
  const { config, patches, classToken, positions, encoder, head } = model;
  const { imageSize, patchSize, channels, dModel, numClasses } = config;
  const side = imageSize / patchSize;
  const pixels = g.input('pixel_values', TYPE.float, [B, channels, imageSize, imageSize]);
  const apart = g.reshape(pixels, [0, channels, side, patchSize, side, patchSize]);
  const flat = g.reshape(g.transpose(apart, [0, 2, 4, 3, 5, 1]), [
    0,
    side * side,
    patchSize * patchSize * channels,
  ]);
  const count = g.op('Concat', [g.unsqueeze(g.size(pixels, 0), 0), g.ints([1, dModel])], { axis: { i: 0 } });
  const first = g.op('Expand', [g.parameter(classToken), count]);
  let x = g.op('Concat', [first, linear(g, patches, flat)], { axis: { i: 1 } });
  const places = g.unsqueeze(g.op('Range', [g.int(0), g.int(side * side + 1), g.int(1)]), 0);
  if (positions.table) x = g.add(x, g.rows(positions.table, SINUSOIDS, places));
  const { out } = stackOf(g, encoder, x, { mask: null, positions: places });
  g.output('logits', linear(g, head, firstOf(g, out)), [B, numClasses]);
}
