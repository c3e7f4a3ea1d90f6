/** @file The table of data kinds. */
import type { DataKindName, DataRecipe } from '../data-recipe.js';
import { imagesKind } from './images.js';
import type { DataKind } from './kind.js';
import { labelledPairsKind, labelledTextsKind } from './labelled.js';
import { maskedKind } from './masked.js';
import { moduleKind } from './module.js';
import { pairsKind } from './pairs.js';

import { textKind, tokensKind } from './text.js';

const kinds = {
  text: textKind,
  pairs: pairsKind,
  labelledPairs: labelledPairsKind,
  labelledTexts: labelledTextsKind,
  masked: maskedKind,
  images: imagesKind,
  tokens: tokensKind,
  module: moduleKind,
} satisfies Record<DataKindName, unknown>;

/** Kinds of data by their names in recipes. What one of them has read, it alone opens. */
export const dataKinds = kinds as unknown as Readonly<Record<DataKindName, DataKind>>;

/** The kind of a recipe's data. */
export function dataKind({ kind }: Pick<DataRecipe, 'kind'>): DataKind {
  return dataKinds[kind];
}
