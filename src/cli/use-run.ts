/** @file `prenorm translate` and `generate`: texts from a trained run. */

import { ConfigError, DataError } from '../errors.js';
import { translateAll } from '../experiments/index.js';
import { lmStepper, sample } from '../generate/index.js';
import { CausalLM, Transformer } from '../nn/index.js';
import { encodeSource } from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import { decodeText } from '../utf8.js';
import { EXIT, note } from './errors.js';
import { readText } from './files.js';
import { RunFolder, type TrainedRun } from './run-folder.js';
import { type EngineOptions, start } from './start.js';
import { print } from './train.js';

/** Options of every command that uses a run. */
export interface Common extends EngineOptions {
  json?: boolean;
}

/** How translations are searched for. */
export interface Decoding {
  beam: number;
  lengthPenalty: number;
}

export async function translate(
  folder: string,
  options: Common & Decoding & { input?: string },
): Promise<number> {
  await start(options);
  const run = await new RunFolder(folder).open();
  if (!(run.model instanceof Transformer)) {
    const { kind } = run.recipe.model;
    throw new ConfigError(`this run is a ${kind}, which does not translate`, {
      path: folder,
      ...(kind === 'causalLM' ? { hint: 'use `prenorm generate`' } : {}),
    });
  }
  const path = options.input ?? 'standard input';
  const text = options.input === undefined ? await readStdin() : await readText(options.input);
  if (text.trim() === '') {
    throw new DataError('there is nothing to translate', { path, hint: 'give one sentence a line' });
  }
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const translations = translateLines(run, lines, options, path);
  print(
    options,
    lines.map((source, i) => ({ source, translation: translations[i] })),
    translations.join('\n'),
  );
  return EXIT.done;
}

/** One translation per line, so that both sides stay parallel: an empty line gives an empty one. */
export function translateLines(
  run: TrainedRun,
  lines: readonly string[],
  options: Decoding,
  path?: string,
): string[] {
  const model = run.model as Transformer;
  const tokenizer = run.tokenizer as Tokenizer;
  const { maxSeqLen } = model.config;
  const full = [...lines.keys()].filter((i) => lines[i].trim() !== '');
  const sources = full.map((i) => {
    const ids = encodeSource(tokenizer, lines[i]);
    if (ids.length <= maxSeqLen) return ids;
    throw new DataError(
      `a sentence of ${ids.length} tokens is longer than the model's maxSeqLen ${maxSeqLen}`,
      {
        path: path && `${path}:${i + 1}`,
        expected: maxSeqLen,
        actual: ids.length,
        hint: 'split it',
      },
    );
  });
  const { beam: beamSize, lengthPenalty } = options;
  const found = translateAll(model, sources, tokenizer, { beamSize, lengthPenalty });
  const out = lines.map(() => '');
  full.forEach((line, i) => {
    // A line break inside a translation would shift all that follow.
    out[line] = found[i].replace(/[\r\n]+/g, ' ');
  });
  return out;
}

export async function generate(
  folder: string,
  options: Common & { prompt: string; length: number; temperature: number; topK?: number; seed?: number },
): Promise<number> {
  await start(options);
  const { model, tokenizer, recipe } = await new RunFolder(folder).open();
  if (!(model instanceof CausalLM) || !tokenizer) {
    const { kind } = recipe.model;
    throw new ConfigError(
      `this run is a ${kind}${tokenizer ? '' : ' without a tokenizer'}, which does not continue a text`,
      {
        path: folder,
        ...(kind === 'transformer' ? { hint: 'use `prenorm translate`' } : {}),
      },
    );
  }
  const { prompt, temperature, topK, seed = 0 } = options;
  const { maxSeqLen } = model.config;
  const ids = tokenizer.encode(prompt);
  if (ids.length === 0) {
    throw new DataError('the prompt is empty', { op: '--prompt', hint: 'give a character at least' });
  }
  if (ids.length >= maxSeqLen) {
    throw new DataError(
      `the prompt has ${ids.length} tokens, the model holds ${maxSeqLen} with what it generates`,
      {
        op: '--prompt',
        expected: maxSeqLen - 1,
        actual: ids.length,
        hint: 'shorten the prompt',
      },
    );
  }
  const length = Math.min(options.length, maxSeqLen - ids.length);
  if (length < options.length)
    note(`${length} tokens of ${options.length}: the model holds ${maxSeqLen} in all`);
  const continued = sample(lmStepper(model, 1), { prompt: ids, length, seed, temperature, topK });
  const continuation = tokenizer.decode(continued);
  print(options, { prompt, continuation, tokens: continued.length }, prompt + continuation);
  return EXIT.done;
}

async function readStdin(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('one sentence a line, Ctrl-D at the end:\n');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return decodeText(new Uint8Array(Buffer.concat(chunks)), 'standard input');
}
