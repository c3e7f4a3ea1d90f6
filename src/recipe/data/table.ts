/** @file The table of data kinds. */
import type { DataKindName, DataRecipe } from '../data-recipe.js';
import { imagesKind } from './images.js';
import type { DataKind } from './kind.js';
import { moduleKind } from './module.js';
import { pairsKind } from './pairs.js';
import { labelledPairsKind, labelledTextsKind, maskedKind } from './rows.js';
import { textKind, tokensKind } from './text.js';

type Kinds = { [K in DataKindName]: DataKind<Extract<DataRecipe, { kind: K }>> };

/** Kinds of data by their names in recipes. */
export const dataKinds: Kinds = {
  text: textKind,
  pairs: pairsKind,
  labelledPairs: labelledPairsKind,
  labelledTexts: labelledTextsKind,
  masked: maskedKind,
  images: imagesKind,
  tokens: tokensKind,
  module: moduleKind,
};

/** The kind of a recipe's data. */
export function dataKind(data: DataRecipe): DataKind {
  return dataKinds[data.kind] as unknown as DataKind;
}
