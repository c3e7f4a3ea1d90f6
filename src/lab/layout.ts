/** @file Where each number of a step stands in its row: one row of float64 a step, the same in every host. */

/** One block of a layer: attention, attention over the encoder's output, or the feed-forward. */
export type BlockName = 'attention' | 'cross' | 'ffn';

/** A layer of a stack. */
export interface ShapeLayer {
  stack: 'encoder' | 'decoder';
  /** From 1. */
  number: number;
  /** In the order they run. */
  blocks: readonly BlockName[];
}

/** What a lane's rows are about. */
export interface LaneShape {
  /** From the lowest up, the encoder's first. */
  layers: readonly ShapeLayer[];
  /** dModel */
  width: number;
  heads: number;
  vocabSize: number;
  parameters: number;
}

/** Places in a row; lists have a place for each block, or each layer. */
export interface RowLayout {
  loss: 0;
  rate: 1;
  /** Joint norm of all gradients. */
  gradient: 2;
  /** How far this update moved the logits of the sentence watched: ||new - old|| / ||old||. */
  effect: 3;
  /** First place of ||dL/dW|| of each block: of W_O of attention, of W2 of the feed-forward. */
  gradients: number;
  /** First place of ||update|| / ||weight|| of the same matrices. */
  updates: number;
  /** First place of ||x||² / d that leaves each layer. */
  leaving: number;
  /** The same in front of the layer's last norm, which is what the theory speaks of. */
  hidden: number;
  /** ||x||² / d that enters each stack. */
  entering: number;
  /** Numbers in a row. */
  width: number;
  blocks: number;
  layers: number;
}

const SCALARS = 4;

export function layoutOf({ layers }: Pick<LaneShape, 'layers'>): RowLayout {
  const blocks = layers.reduce((sum, layer) => sum + layer.blocks.length, 0);
  const updates = SCALARS + blocks;
  const leaving = updates + blocks;
  const hidden = leaving + layers.length;
  const entering = hidden + layers.length;
  const stacks = new Set(layers.map(({ stack }) => stack)).size;
  return {
    loss: 0,
    rate: 1,
    gradient: 2,
    effect: 3,
    gradients: SCALARS,
    updates,
    leaving,
    hidden,
    entering,
    width: entering + stacks,
    blocks,
    layers: layers.length,
  };
}

/** What is kept every ten steps: attention of a sentence, and what the model writes. */
export interface Snapshot {
  step: number;
  /** One for each attention of `attentions`, of each layer: (heads, queries, keys). */
  attention: readonly Float32Array[];
  texts: readonly WrittenText[];
}

/** What the model made of a prompt. */
export interface WrittenText {
  prompt: string;
  text: string;
  reference?: string;
}

/** Which attention a part of a snapshot is. */
export interface AttentionPlace {
  stack: 'encoder' | 'decoder' | 'cross';
  /** From 1. */
  layer: number;
  queries: readonly string[];
  keys: readonly string[];
}

export const SNAPSHOT_EVERY = 10;
