/**
 * @file Stacks of layers as nodes. What stands around a sub-layer is written by the placement's own formula
 * (src/nn/placements.ts), with values of the graph where it has variables otherwise.
 */
import type { Variable } from '../../autograd/variable.js';
import type { MultiHeadAttention } from '../../nn/attention.js';
import type { Algebra, Normed, Streams, Sublayer } from '../../nn/placements.js';
import type { TransformerDecoder, TransformerEncoder } from '../../nn/transformer.js';
import type { TransformerDecoderLayer, TransformerEncoderLayer } from '../../nn/transformer-layers.js';
import {
  crossAttention,
  type KeysAndValues,
  memoryOf,
  type SelfContext,
  selfAttention,
} from './attention.js';
import type { Graph, Value } from './graph.js';
import { feedForward, normOf } from './layers.js';

type Stack = TransformerEncoder | TransformerDecoder;
type Layer = TransformerEncoderLayer | TransformerDecoderLayer;

/** What the stack is told beside x. */
export interface StackContext {
  /** As in `SelfContext`. */
  mask: Value | null;
  /** Positions (B or 1, T) of x, for stacks with rotary ones. */
  positions: Value;
  /** Keys and values of the positions before, a pair a layer. */
  past?: readonly KeysAndValues[];
  /** Of a decoder: what it sees of the encoder. */
  memory?: {
    /** (B, 1, 1, S) */
    mask: Value;
    /** The encoder's output (B, S, C); or what was made of it before, a pair a layer. */
    of: Value | readonly KeysAndValues[];
  };
}

/** A stack's result (B, T, C), with the keys and values of every layer, and of the encoder's output. */
export interface StackResult {
  out: Value;
  present: KeysAndValues[];
  memory: KeysAndValues[];
}

export function stackOf(g: Graph, stack: Stack, x: Value, context: StackContext): StackResult {
  const streams: Streams<Value> = { layerInput: x, dual: null };
  const result: StackResult = { out: x, present: [], memory: [] };
  const algebra: Algebra<Value> = {
    add: (a, b) => g.add(a, b),
    mul: (a, b) => g.mul(a, b),
    scale: (a, factor) => g.scale(a, factor),
  };
  const angles = anglesOf(g, stack.layers[0].selfAttn, context.positions);
  stack.layers.forEach((layer: Layer, i) => {
    const own: SelfContext = { mask: context.mask, angles, past: context.past?.[i] ?? null };
    const branches: Record<Sublayer['kind'], (h: Value) => Value> = {
      attention: (h) => {
        const { out, present } = within(g, layer.selfAttn, () => selfAttention(g, layer.selfAttn, h, own));
        result.present.push(present);
        return out;
      },
      cross: (h) => {
        const { multiheadAttn } = layer as TransformerDecoderLayer;
        const { of, mask } = context.memory as NonNullable<StackContext['memory']>;
        return within(g, multiheadAttn, () => {
          const memory = typeof of === 'string' ? memoryOf(g, multiheadAttn, of) : of[i];
          result.memory.push(memory);
          return crossAttention(g, multiheadAttn, h, memory, mask);
        });
      },
      ffn: (h) => feedForward(g, layer.feedForward, h),
    };
    streams.layerInput = result.out;
    for (const sublayer of layer.sublayers) {
      const branch = branches[sublayer.kind];
      result.out = g.within(layer.path, () =>
        layer.placement.apply<Value>(
          result.out,
          (h, norm) => (norm ? norm.forward(branch(h)) : branch(h)),
          partsOf(g, sublayer),
          streams,
          algebra,
        ),
      );
    }
  });
  const { norm } = stack;
  if (!norm) return result;
  const { forward } = normOf(g, norm);
  result.out = streams.dual === null ? forward(result.out) : g.add(result.out, forward(streams.dual));
  return result;
}

const within = <T>(g: Graph, { path }: MultiHeadAttention, write: () => T): T => g.within(path, write);

function partsOf(g: Graph, sublayer: Sublayer): Sublayer<Normed<Value>, Value> {
  const { norm, normOut, gain } = sublayer;
  return {
    ...sublayer,
    norm: norm && normOf(g, norm),
    normOut: normOut && normOf(g, normOut),
    gain: gain && g.parameter(gain),
  };
}

/** Of the positions, for all layers: they have one table. */
function anglesOf(
  g: Graph,
  { angles, dModel, numHeads }: MultiHeadAttention,
  positions: Value,
): SelfContext['angles'] {
  if (!angles) return null;
  const half = dModel / numHeads / 2;
  const table = (first: number, name: string) => {
    const rows = g.op(
      'Gather',
      [g.floats(name, [angles.shape[0], half], () => columns(angles, first, half)), positions],
      {
        axis: { i: 0 },
      },
    );
    return g.unsqueeze(rows, 1);
  };
  return [table(0, 'rotary.cosines'), table(half, 'rotary.sines')];
}

function columns(table: Variable, first: number, count: number): Float32Array {
  const [rows, width] = table.shape;
  const values = table.storage.read(table.offset, table.size);
  return Float32Array.from(
    { length: rows * count },
    (_, i) => values[Math.floor(i / count) * width + first + (i % count)],
  );
}
