/**
 * @file Models of others: folders of Hugging Face, and state dicts of PyTorch's own modules, in and out.
 * @module prenorm/interop
 */
export { type ExportONNXOptions, exportONNX } from './export-onnx.js';
export type { PretrainedOverrides } from './family.js';
export { type FromPretrainedOptions, fromPretrained, type PretrainedModel } from './pretrained.js';
export type { PretrainedFetcher, PretrainedFile, PretrainedSource } from './source.js';
export { type ToPretrainedOptions, toPretrained } from './to-pretrained.js';
export {
  decodeTorchSafetensors,
  fromTorchState,
  inferTorchConfig,
  loadTorchSafetensors,
  loadTorchState,
  saveTorchSafetensors,
  type TensorShapes,
  type TorchConfig,
  type TorchKind,
  type TorchOptions,
  type TorchState,
  toTorchState,
} from './torch.js';
