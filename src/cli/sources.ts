/** @file Names in recipes as files: relative to the folder of the recipe. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readFileChecked } from '../io/files-node.js';
import type { Sources } from '../recipe/index.js';

/** Names relative to a folder. */
export function fileSources(folder: string): Sources {
  return {
    canRead: true,
    // Stays relative where it was: the paths end in messages.
    resolve: (name) => (resolve(name) === name ? name : join(folder, name)),
    exists: existsSync,
    read: (path) => readFileChecked(path),
    moduleUrl: (name) => (/^[a-z]+:/.test(name) ? name : pathToFileURL(resolve(folder, name)).href),
    join,
    pretrained: async (...asked) => (await import('./pretrained-folder.js')).pretrainedWeights(...asked),
  };
}

/** Names relative to the working folder. */
export const workingFolder: Sources = fileSources('.');
