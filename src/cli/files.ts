/** @file Reading data and writing results for the commands. */
import { readFileChecked, writeFileAtomic } from '../io/files-node.js';
import { parseJson } from '../json.js';
import { decodeText } from '../utf8.js';

export { makeFolder } from '../io/files-node.js';

export async function readText(path: string): Promise<string> {
  return decodeText(await readFileChecked(path), path);
}

export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), path);
}

export async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, new TextEncoder().encode(text));
}
