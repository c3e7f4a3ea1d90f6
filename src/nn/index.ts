/**
 * @file Modules and models: layers, norms, placements, initialisations, Transformers.
 * @module prenorm/nn
 */
export { type CachePlace, KeyValueCache, type SharedMemory } from '../autograd/ops/key-value-cache.js';
export { type AdminReport, profileAdmin } from './admin.js';
export { type AnomalyContext, locateNonFinite } from './anomaly.js';
export {
  type AttentionMask,
  type AttentionParts,
  MultiHeadAttention,
  type QueryKeyL2,
} from './attention.js';
export type { StepInputs } from './batch-tensor.js';
export { type ModelConfig, type ModelOptions, resolveConfig } from './config.js';
export { OutputProjection, TokenEmbedding } from './embeddings.js';
export { type InitScheme, initializeModel, initSchemes, randomNormal } from './init.js';
export {
  Dropout,
  Embedding,
  FeedForward,
  type LayerBias,
  LayerNorm,
  Linear,
  type Norm,
  RMSNorm,
} from './layers.js';
export {
  MaskedLM,
  type MaskedLMConfig,
  type MaskedLMHead,
  type MaskedLMInput,
  type MaskedLMOptions,
} from './masked-lm.js';
export { type LibraryModel, type ModelKind, type ModelOfKind, modelKind } from './model-kinds.js';
export { CausalLM, type ForwardOptions, type LmInput, type PairInput, Transformer } from './models.js';
export { Module, type StateDict } from './module.js';
export { DyT, makeNorm, type NormKind, ScaleNorm } from './norms.js';
export { type NormPlacement, normPlacements, placementName } from './placement-names.js';
export {
  type Algebra,
  type Branch,
  type Normed,
  type Place,
  type Placement,
  placements,
  type Streams,
  type Sublayer,
  type SublayerKinds,
} from './placements.js';
export type { PooledHead } from './pooled-head.js';
export { type PositionKind, Positions, sinusoids } from './positions.js';
export { recompute } from './recompute.js';
export {
  type LinearRopeScaling,
  type Llama3RopeScaling,
  type RopeScaling,
  type RotaryPositions,
  rotaryTable,
} from './rotary-table.js';
export type { ModelSummary, ModuleSummary } from './summary.js';
export {
  type ClassifierPart,
  type PairClassInput,
  PairClassifier,
  type PairClassifierConfig,
  type PairClassifierOptions,
  type Pooling,
  type TextClassInput,
  TextClassifier,
  type TextClassifierConfig,
  type TextClassifierOptions,
} from './text-classifier.js';
export { type StackConfig, TransformerDecoder, TransformerEncoder } from './transformer.js';
export {
  type LayerConfig,
  type LayerPosition,
  type QkNorm,
  type Trace,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from './transformer-layers.js';
export {
  type ImageInput,
  type ImageShape,
  VisionTransformer,
  type VisionTransformerConfig,
  type VisionTransformerOptions,
} from './vision-transformer.js';
