/** @file Whether the data that somebody names are those that a run learns from. */
import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { readRecipe } from './run-folder.js';

/** The run goes on with its own data: other data would be ignored. A link to the same file is the same. */
export async function refuseOtherData(input: string, path: string): Promise<void> {
  const { recipe, sources } = await readRecipe(path);
  const { source } = recipe.data as { source?: string };
  const own = source === undefined ? 'what stands in the recipe' : resolve(sources.resolve(source));
  const real = (name: string): string => (existsSync(name) ? realpathSync(name) : name);
  // Embedded data have a name and no file.
  if (source === input && !existsSync(input)) return;
  if (source !== undefined && real(resolve(input)) === real(own)) return;
  throw new ConfigError('the run learns from other data than those given with --resume', {
    path: input,
    expected: own,
    actual: resolve(input),
    hint: `its data are ${own}: give these, or begin another run with another --out; data that have moved are named by data.source of ${path}`,
  });
}
