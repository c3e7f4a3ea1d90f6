import type { Recipe } from '../../src/recipe/index.js';

export const tinyRecipe: Recipe;
export function tinyTraining(base: string): Promise<Record<string, string>>;
