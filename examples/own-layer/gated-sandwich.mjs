// A norm placement of one's own: Peri-LN with a learned gate per branch that starts at 0.
//
//   h = x + a · LN(attention(LN(x)))
//   y = h + b · LN(ffn(LN(h)))
//
// With a = b = 0 the layer is the identity, whatever the depth (as in ReZero), and each branch is let in by as
// much as training wants. The output norm keeps the size of what is let in under control (as in Peri-LN).
import { add, mul, Parameter, tensor } from 'prenorm';
import {
  Embedding,
  FeedForward,
  initializeModel,
  LayerNorm,
  Linear,
  Module,
  MultiHeadAttention,
  Positions,
} from 'prenorm/nn';
import { zLoss } from './z-loss.mjs';

/** x + gate · LN(f(LN(x))): one residual branch. */
class GatedSandwich extends Module {
  constructor(dModel) {
    super();
    this.normIn = new LayerNorm(dModel);
    this.normOut = new LayerNorm(dModel);
    this.gate = new Parameter([1], 'normBias'); // role: starts at 0 under every initialisation
  }

  forward(x, f) {
    return add(x, mul(this.gate, this.normOut.forward(f(this.normIn.forward(x)))));
  }
}

export class GatedLayer extends Module {
  constructor({ dModel, numHeads, dFF }) {
    super();
    this.selfAttn = new MultiHeadAttention(dModel, numHeads);
    this.feedForward = new FeedForward(dModel, dFF, 'gelu');
    this.attention = new GatedSandwich(dModel);
    this.ffn = new GatedSandwich(dModel);
  }

  /** x (B, T, C) to (B, T, C). */
  forward(x) {
    const h = this.attention.forward(x, (v) => this.selfAttn.forward(v, { causal: true }));
    return this.ffn.forward(h, (v) => this.feedForward.forward(v));
  }
}

/** A language model of such layers. With `loss(batch, options)` it is all a Trainer needs. */
export class GatedLM extends Module {
  constructor({ vocabSize, dModel, numHeads, dFF, numLayers, maxSeqLen, zWeight = 1e-3, seed = 0 }) {
    super();
    this.zWeight = zWeight;
    this.tokens = new Embedding(vocabSize, dModel);
    this.positions = new Positions('learned', maxSeqLen, dModel);
    this.layers = Array.from({ length: numLayers }, () => new GatedLayer({ dModel, numHeads, dFF }));
    this.norm = new LayerNorm(dModel);
    this.head = new Linear(dModel, vocabSize, { bias: false });
    this.assignPaths();
    initializeModel(this, 'paper', seed);
  }

  /** Logits (B, T, vocabSize). */
  forward({ ids, batchSize, seqLen }) {
    let x = this.positions.forward(this.tokens.forward(tensor(ids, { shape: [batchSize, seqLen] })));
    for (const layer of this.layers) x = layer.forward(x);
    return this.head.forward(this.norm.forward(x));
  }

  loss(batch, options = {}) {
    const targets = tensor(batch.targets, { shape: [batch.batchSize, batch.seqLen] });
    return zLoss(this.forward(batch), targets, { ...options, weight: this.zWeight });
  }
}
