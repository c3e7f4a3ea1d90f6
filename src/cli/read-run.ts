/** @file The folder of a run as `prenorm compare` reads it: recipe, what its steps measured, and what it was judged on. */
import { existsSync, statSync } from 'node:fs';
import { ConfigError, DataError } from '../errors.js';
import { decodeCheckpoint } from '../io/index.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { contentHash, storedRecipe } from '../recipe/index.js';
import type { ComparedRun, RunIdentity } from '../report/compare-runs.js';
import { RunHistory } from '../report/run-history.js';
import { readText } from './files.js';
import { RunFolder } from './run-folder.js';

/**
 * Reads a run; one that is training right now is read as it stands.
 * @throws DataError or ConfigError for what is no folder of a run, or has no step yet; CheckpointError for a checkpoint
 * that is not whole
 */
export async function readRun(path: string): Promise<Omit<ComparedRun, 'page'>> {
  const hint = 'give the folder that `prenorm train` or `fit` wrote (its --out)';
  if (!existsSync(path)) throw new DataError('there is no such folder', { path, hint });
  if (!statSync(path).isDirectory()) {
    throw new ConfigError('this is a file; runs are compared by their folders', { path, hint });
  }
  const folder = new RunFolder(path);
  for (const file of [folder.files.config, folder.files.checkpoint]) {
    if (!existsSync(file))
      throw new DataError('there is no such file, so this is no run', { path: file, hint });
  }
  const { recipe } = await folder.readConfig();
  const history = await readHistory(folder);
  if (history.step === 0) {
    throw new DataError('the run has no step yet', {
      path,
      hint: 'wait for its first step, or leave it out',
    });
  }
  return { name: path, recipe: storedRecipe(recipe), history, identity: await identityOf(folder) };
}

async function readHistory({ files }: RunFolder): Promise<RunHistory> {
  const history = new RunHistory();
  for (const [path, take] of [
    [files.metrics, (line: unknown) => history.addMetrics(line)],
    [files.speed, (line: unknown) => history.addSpeed(line)],
  ] as const) {
    if (!existsSync(path)) continue;
    const lines = (await readText(path)).split('\n');
    // What is behind the last line end is being written, or was cut short.
    for (const [at, text] of lines.slice(0, -1).entries()) take(parsed(text, `${path}:${at + 1}`));
  }
  return history;
}

function parsed(text: string, path: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    throw new DataError('the line is no JSON', {
      path,
      hint: '`prenorm train --resume` makes the file whole again, or take a copy of the folder',
      cause,
    });
  }
}

/** What the checkpoint says of its data: only it knows content by its hash. */
async function identityOf(folder: RunFolder): Promise<RunIdentity> {
  const { checkpoint } = folder.files;
  const { config } = decodeCheckpoint(await folder.checkpoint(), checkpoint);
  const { data, tokenizer, task, dataSha256 } = (isJsonObject(config) ? config : {}) as Record<
    string,
    unknown
  >;
  if (isJsonObject(data) && typeof data.kind === 'string' && typeof data.sha256 === 'string') {
    const { kind, sha256, ...dataKeys } = data;
    return {
      kind,
      dataHash: sha256,
      isOld: false,
      dataKeys,
      tokenizerHash: typeof tokenizer === 'string' ? tokenizer : null,
    };
  }
  if ((task === 'lm' || task === 'translation') && typeof dataSha256 === 'string') {
    const own = await folder.tokenizer();
    return {
      kind: task === 'lm' ? 'text' : 'pairs',
      dataHash: dataSha256,
      isOld: true,
      dataKeys: task === 'lm' ? {} : { onTooLong: 'error' },
      tokenizerHash: own?.toJSON ? contentHash(own.toJSON()) : null,
    };
  }
  throw new ConfigError('the checkpoint does not say which data its run has', {
    path: checkpoint,
    hint: 'compare folders that `prenorm train` or `fit` wrote',
  });
}
