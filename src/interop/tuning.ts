/**
 * @file Fine-tuning in a few parameters: adapters of low rank on the projections of a model, their files as PEFT has them, and bases
 * that take half the memory.
 * @module prenorm/tuning
 */
export { storeInHalf } from '../nn/half.js';
export { attachedAdapter, LoraAdapter, type LoraConfig, type LoraOptions } from '../tuning/lora.js';
export { mergedState, type TuningModule } from '../tuning/merge.js';
export {
  type LoadAdapterOptions,
  loadAdapter,
  type SaveAdapterOptions,
  saveAdapter,
} from './adapter.js';
