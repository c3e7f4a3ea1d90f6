/** @file Reading data and writing results for the commands. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadKjv, loadUiDeEn, type PairSplits, parsePairs } from '../data/index.js';
import { DataError } from '../errors.js';
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

/** Sentence pairs by name: the embedded set, or a folder with train.tsv, valid.tsv and test.tsv. */
export async function loadSplits(name: string): Promise<PairSplits> {
  if (name === 'ui-de-en') return loadUiDeEn();
  const read = async (part: string) => {
    const path = join(name, `${part}.tsv`);
    if (!existsSync(path)) {
      throw new DataError('there is no such file', {
        path,
        hint: 'the data must be "ui-de-en" or a folder with train.tsv, valid.tsv and test.tsv, one pair a line, source TAB target',
      });
    }
    return parsePairs(await readText(path), path);
  };
  return { train: await read('train'), valid: await read('valid'), test: await read('test') };
}

/** Plain text by name: the embedded one, a file, or a folder with text.txt as `prenorm prepare` writes it. */
export async function loadText(name: string): Promise<string> {
  const inFolder = join(name, 'text.txt');
  const text = name === 'kjv' ? await loadKjv() : await readText(existsSync(inFolder) ? inFolder : name);
  if (text.trim() === '') {
    throw new DataError('the text is empty', { path: name, hint: 'give a file with some text in it' });
  }
  return text;
}
