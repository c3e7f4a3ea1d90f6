/** @file What the entry `prenorm` has as `io`: everything but whole models, which the entry `prenorm/io` adds. */
export type { SlotName, Slots } from './browser-slots.js';
export { CheckpointStore, type CheckpointStoreOptions, type StoredCheckpoint } from './browser-storage.js';
export {
  type Checkpoint,
  type CheckpointContent,
  decodeCheckpoint,
  encodeCheckpoint,
  type Json,
} from './checkpoint-file.js';
export {
  type DecodedSafetensors,
  type DecodedTensor,
  decodeSafetensors,
  encodeSafetensors,
  type TensorData,
  type TensorEntry,
} from './safetensors.js';
export { sha256 } from './sha256.js';
