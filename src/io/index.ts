export type { SlotName, Slots } from './browser-slots.js';
export { CheckpointStore, type CheckpointStoreOptions, type StoredCheckpoint } from './browser-storage.js';
export { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint-file.js';
export { decodeSafetensors, encodeSafetensors } from './safetensors.js';
export { sha256 } from './sha256.js';
export {
  decodeTorchSafetensors,
  fromTorchState,
  inferTorchConfig,
  loadTorchSafetensors,
  loadTorchState,
  saveTorchSafetensors,
  toTorchState,
} from './torch.js';
