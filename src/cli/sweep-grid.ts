/** @file The file of a grid as the runs that it stands for, each checked as a recipe. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, DataError } from '../errors.js';
import type { RecipeRun } from '../experiments/kinds/recipe.js';
import { isJsonObject } from '../json.js';
import { contentHash } from '../recipe/data/content.js';
import { checkRecipe, type Recipe } from '../recipe/index.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { labelOf, shortNames, sweptFields } from '../sweep/fields.js';
import { expandGrid, readGrid } from '../sweep/grid.js';
import type { SweptField } from '../sweep/results.js';
import { inConfig } from './errors.js';
import { readJson } from './files.js';
import { canonical } from './run-store.js';

/** A grid whose recipes are whole. */
export interface Sweep {
  /** Of its file. */
  name: string;
  /** Names in the recipes are relative to it. */
  folder: string;
  fields: SweptField[];
  runs: RecipeRun[];
  /** Runs that were left out because they are another one again. */
  twice: number;
}

/**
 * Reads a grid, JSON or a module, and makes its recipes.
 * @param arithmetic what was asked for on the command line, in place of the recipes'
 * @throws ConfigError, DataError
 */
export async function readSweep(path: string, arithmetic: Arithmetic | undefined): Promise<Sweep> {
  const value = /\.m?js$/.test(path) ? await fromModule(path) : await readJson(path);
  const { recipes, folder } = await inConfig(path, () => recipesOf(value, path));
  const fields = sweptFields(recipes);
  const short = shortNames(fields.map(({ name }) => name));
  const runs = new Map<string, RecipeRun>();
  for (const [i, given] of recipes.entries()) {
    const label = labelOf(given, fields, short);
    const where = `${path}: run ${i + 1} (${label})`;
    const checked = await inConfig(where, async () => checkRecipe(given, where));
    const recipe = lookedAfter(checked, arithmetic);
    const id = `recipe-${contentHash(canonical(recipe)).slice(0, 16)}`;
    if (!runs.has(id)) runs.set(id, { kind: 'recipe', id, label, recipe });
  }
  return {
    name: basename(path).replace(/\.(?:json|m?js)$/, ''),
    folder,
    fields,
    runs: [...runs.values()],
    twice: recipes.length - runs.size,
  };
}

/** What a sweep does unless the recipe says otherwise: a run that has diverged takes no more time. */
function lookedAfter(recipe: Recipe, arithmetic: Arithmetic | undefined): Recipe {
  const { stopOnDivergence = true } = recipe;
  return { ...recipe, stopOnDivergence, ...(arithmetic && { arithmetic }) };
}

async function recipesOf(value: unknown, path: string): Promise<{ recipes: object[]; folder: string }> {
  const folder = dirname(path);
  const file = readGrid(value, path);
  if ('recipes' in file) return { recipes: [...file.recipes], folder };
  const { recipe, grid } = file;
  if (typeof recipe !== 'string') return { recipes: expandGrid(recipe, grid, path), folder };
  const at = resolve(recipe) === recipe ? recipe : join(folder, recipe);
  const base = await readJson(at);
  if (isJsonObject(base)) return { recipes: expandGrid(base, grid, path), folder: dirname(at) };
  throw new ConfigError('must be a recipe, an object', { path: at, expected: 'an object', actual: base });
}

/** A grid that a module makes: its default export, or what that function returns. Only its JSON goes on from here. */
async function fromModule(path: string): Promise<unknown> {
  if (!existsSync(path)) throw new DataError('there is no such file', { path });
  let value: unknown;
  try {
    const loaded = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
    value = typeof loaded.default === 'function' ? await loaded.default() : loaded.default;
  } catch (cause) {
    throw new DataError(`the module of the grid failed: ${(cause as Error)?.message}`, { path, cause });
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new ConfigError('the grid is no plain data', {
      path,
      hint: 'export what JSON can say: objects, lists, texts and numbers',
      cause,
    });
  }
  if (text === undefined) {
    throw new ConfigError('the module has no default export', {
      path,
      expected: 'export default, an object, a list, or a function that returns one',
      hint: 'write export default { recipe: {…}, grid: {…} }',
    });
  }
  return JSON.parse(text);
}
