/**
 * @file A training as plain data: one recipe for the command line, a page's worker and experiments.
 * @module prenorm/recipe
 */
export { encodeSource } from '../generate/source.js';
export type { TokenizerLoader } from '../io/saved-tokenizer.js';
export type { TokenizerModule } from '../tokenizers/tokenizer-module.js';
export { checkRecipe, checkTrainingRecipe, hasSamples, recipeKeys } from './check.js';
export { type Content, contentHash, type Parts } from './data/content.js';
export type { ImageBatch, Images } from './data/images.js';
export { ImageBatches, pickImages } from './data/images.js';
export type { DataSizes, Example, HeldOutPart, OpenedData, ReadData } from './data/kind.js';
export { divideDocuments } from './data/masked.js';
export type { ModuleDataset } from './data/module.js';
export type { OpenedPairs, ReadPairs } from './data/pairs.js';
export type { OpenedText } from './data/text.js';
export type {
  DataKindName,
  DataRecipe,
  HoldOut,
  ImagesData,
  LabelColumn,
  LabelledPairsData,
  LabelledTextsData,
  MaskedData,
  ModuleData,
  PairsData,
  Plain,
  RowBounds,
  RowOrigin,
  TextContent,
  TextData,
  TextOrigin,
  TokensData,
} from './data-recipe.js';
export { type Decisive, decisive, readDecisive } from './decisive.js';
export { type ClassScores, heldOutScores } from './metrics.js';
export { encodeRun, storedData, storedRecipe } from './model-info.js';
export { buildModel, completeModel, type ModelStorage, type RecipeModel } from './models.js';
export { buildOptimizer } from './optimizers.js';
export {
  buildRun,
  openData,
  type PreparedRun,
  prepareRun,
  type RunSurroundings,
  readData,
  trainerOptions,
} from './prepare.js';
export {
  type GroupRecipe,
  type LoraTuning,
  type MetricName,
  type ModelKindName,
  type ModelRecipe,
  type OptimizerRecipe,
  type Recipe,
  type SamplesRecipe,
  type Selection,
  type Sized,
  seedsOf,
  type TokenizerRecipe,
  type TrainingRecipe,
} from './recipe.js';
export { type Rescaled, type RescaledRun, rescaledWeights } from './rescale.js';
export { noFiles, type PretrainedWeights, type Sources } from './sources.js';
export { readTokenizer, type TextCodec } from './tokenizers.js';
export { isVersion01, recipeOf01 } from './version-0.1.js';
