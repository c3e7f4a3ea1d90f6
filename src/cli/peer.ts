/** @file Packages that some commands work with and that do not come with this one: beside it, or where the command runs. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * The module of an optional package.
 * @throws what its import threw, where it is not installed
 */
export async function loadPeer<T>(name: string, from = process.cwd()): Promise<T> {
  return import(name).catch(() => importFrom(name, from));
}

/** A package of the folder that `npx` runs a command in, which is not the one that the command lies in. */
const importFrom = (name: string, folder: string) =>
  import(pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href);
