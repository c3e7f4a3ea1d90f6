/** @file Where names in a recipe lead: to files of the command line, and to nothing in a page. */
import { ConfigError } from '../errors.js';
import type { ModelRecipe } from './recipe.js';

/** Where names in a recipe lead. A page has embedded data only, unless it brings an implementation. */
export interface Sources {
  /** Whether there are files at all. */
  readonly canRead: boolean;
  /** An absolute name for one of the recipe. */
  resolve(name: string): string;
  /** Whether a resolved name, or a file in it, is there. */
  exists(path: string): boolean;
  /** The bytes of a file by its resolved name. */
  read(path: string): Promise<Uint8Array>;
  /** The address of a module. */
  moduleUrl(name: string): string;
  /** The file `name` in the folder `path`. */
  join(path: string, name: string): string;
  /**
   * What a model of others is, by its resolved name, with matrices rounded to `dtype`; null for any other file. Default: there
   * are none.
   */
  pretrained?(
    path: string,
    kind: ModelRecipe['kind'],
    dtype?: 'f16' | 'bf16',
  ): Promise<PretrainedWeights | null>;
}

/** A model of others to begin from. */
export interface PretrainedWeights {
  /** Its weights, as safetensors with names of ours. */
  bytes: Uint8Array;
  /** Its options, as far as the wanted kind of model has them. */
  options: Readonly<Record<string, unknown>>;
}

/** No files: embedded data have names, all else must stand in the recipe. */
export const noFiles: Sources = {
  canRead: false,
  resolve: (name) => name,
  exists: () => false,
  moduleUrl: (name) => name,
  join: (path, name) => `${path}/${name}`,
  async read(path) {
    throw new ConfigError('there are no files here', {
      path,
      hint: 'use the name of embedded data, or put the content itself into the recipe (data.text)',
    });
  },
};
