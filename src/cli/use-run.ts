/** @file `prenorm translate` and `generate`: texts from a trained run. */

import { ConfigError, DataError } from '../errors.js';
import { type GenerateOptions, generate as generateStream } from '../generate/index.js';
import { drained } from '../generate/search.js';
import { checkTranslateOptions, sentenceSteps } from '../generate/translate.js';
import { CausalLM, Transformer } from '../nn/index.js';
import { put, tell } from '../terminal/write.js';
import type { Tokenizer } from '../text/index.js';
import { decodeText } from '../utf8.js';
import { EXIT, firstGiven } from './errors.js';
import { readText } from './files.js';
import { noTokenizer, openRun, type TrainedRun, type UseOptions } from './open-run.js';
import { type EngineOptions, start } from './start.js';
import { print } from './train.js';

/** Options of every command that uses a run. */
export interface Common extends EngineOptions {
  json?: boolean;
}

/** How translations are searched for; what is left out is the library's default. */
export interface Decoding {
  beam?: number;
  lengthPenalty?: number;
}

/** @throws ConfigError for a length penalty where there is nothing to compare */
export function checkDecoding({ beam, lengthPenalty }: Decoding): void {
  if (beam !== 1 || lengthPenalty === undefined) return;
  throw new ConfigError('it compares the hypotheses of a beam, and --beam 1 has only one', {
    op: '--length-penalty',
    actual: lengthPenalty,
    hint: 'leave it out, or take a larger beam',
  });
}

export async function translate(
  folder: string,
  options: Common & Decoding & { input?: string; nBest?: number; maxNewTokens?: number },
): Promise<number> {
  checkDecoding(options);
  await start(options);
  const run = await openRun(folder);
  if (!(run.model instanceof Transformer)) {
    const { kind } = run;
    throw new ConfigError(`this run is a ${kind}, which does not translate`, {
      path: folder,
      ...(kind === 'causalLM' ? { hint: 'use `prenorm generate`' } : {}),
    });
  }
  const { path, lines } = await inputLines(options.input, 'translate', 'sentence');
  refuseColumns(lines, path);
  const translations = translationsOf(run, lines, options, path);
  const { nBest } = options;
  print(
    options,
    lines.map((source, i) => {
      const [best] = translations[i];
      return { source, translation: best.text, ...(nBest && { hypotheses: translations[i] }) };
    }),
    nBest
      ? translations.flatMap((all, i) => all.map((one) => nBestLine(i, one))).join('\n')
      : translations.map(([{ text }]) => text).join('\n'),
  );
  return EXIT.done;
}

/** A file of pairs is not what is translated: the tab and the right translation would be taken for source text. */
function refuseColumns(lines: readonly string[], path: string): void {
  const at = lines.findIndex((line) => line.includes('\t'));
  if (at < 0) return;
  const columns = lines[at].split('\t').length;
  throw new DataError(`line with ${columns} columns, a sentence a line is translated`, {
    path: `${path}:${at + 1}`,
    expected: 1,
    actual: columns,
    hint: 'give the source alone, e.g. cut -f1 FILE; `prenorm evaluate --input` takes source TAB target',
  });
}

/** Line, score, text. */
const nBestLine = (line: number, { text, score }: { text: string; score: number }): string =>
  `${line + 1}\t${score.toFixed(4)}\t${text}`;

/** One translation per line, so that both sides stay parallel: an empty line gives an empty one. */
export function translateLines(
  run: TrainedRun,
  lines: readonly string[],
  options: Decoding,
  onDone: (lines: number) => void,
): string[] {
  return translationsOf(run, lines, options, 'sentence', onDone).map(([{ text }]) => text);
}

/** Of each line, best first. A line break inside a translation would shift all that follow. */
function translationsOf(
  run: TrainedRun,
  lines: readonly string[],
  {
    beam: beamSize,
    lengthPenalty,
    nBest,
    maxNewTokens,
  }: Decoding & { nBest?: number; maxNewTokens?: number },
  path: string,
  onDone?: (lines: number) => void,
): { text: string; score: number }[][] {
  const model = run.model as Transformer;
  const options = { beamSize, lengthPenalty, nBest, maxNewTokens };
  checkTranslateOptions(options);
  const name = (i: number) => `${path}:${i + 1}`;
  const steps = sentenceSteps(model, run.tokenizer as Tokenizer, lines, options, name, onDone);
  return drained(steps).map(({ hypotheses }) => {
    const shown = hypotheses.map(({ text, score }) => ({ text: text.replace(/[\r\n]+/g, ' '), score }));
    return shown.length > 0 ? shown : [{ text: '', score: 0 }];
  });
}

interface Continuing extends UseOptions, Omit<GenerateOptions, 'signal' | 'seed'> {
  seed?: number;
  /** Default: what comes on standard input; in a terminal, line by line. */
  prompt?: string;
  length: number;
}

/** @throws ConfigError for what narrows a choice where nothing is drawn */
function checkDrawing({ temperature, topK, topP, minP }: Continuing): void {
  if (temperature !== 0) return;
  const narrowing = { '--top-k': topK, '--top-p': topP, '--min-p': minP };
  const op = firstGiven(narrowing);
  if (!op) return;
  throw new ConfigError('it narrows what is drawn from, and --temperature 0 takes the likeliest token', {
    op,
    actual: narrowing[op],
    hint: 'leave it out, or give a temperature above 0',
  });
}

export async function generate(folder: string, options: Common & Continuing): Promise<number> {
  checkDrawing(options);
  await start(options);
  const run = await openRun(folder, options);
  const { model, tokenizer, kind } = run;
  if (!(model instanceof CausalLM)) {
    throw new ConfigError(`this run is a ${kind}, which does not continue a text`, {
      path: folder,
      ...(kind === 'transformer' ? { hint: 'use `prenorm translate`' } : {}),
    });
  }
  if (!tokenizer) throw noTokenizer(run, folder, 'a text cannot be continued');
  const { json, length, maxNewTokens = length } = options;
  const { temperature, topK, topP, minP, repetitionPenalty, stop, seed } = options;
  const how = { maxNewTokens, temperature, topK, topP, minP, repetitionPenalty, stop, seed };
  const converses = options.prompt === undefined && process.stdin.isTTY && process.stdout.isTTY;
  if (converses && !json) return (await import('./converse.js')).converse(model, tokenizer, how);
  const prompt = options.prompt ?? (await readStdin('text')).replace(/\r?\n$/, '');
  const pieces = generateStream(model, tokenizer, prompt, how);
  const live = !json && process.stdout.isTTY === true;
  if (live) put(prompt);
  let step = await pieces.next();
  for (; !step.done; step = await pieces.next()) if (live) put(step.value);
  const { text, ids, reason } = step.value;
  if (live) put('\n');
  else print(options, { prompt, continuation: text, tokens: ids.length, reason }, prompt + text);
  return EXIT.done;
}

/**
 * The lines of a file, or of standard input, and what messages call it; `unit` is what a line is.
 * @throws DataError when there is nothing in it
 */
export async function inputLines(
  input: string | undefined,
  verb: 'translate' | 'classify',
  unit: 'sentence' | 'text',
): Promise<{ path: string; lines: string[] }> {
  const path = input ?? 'standard input';
  const text = input === undefined ? await readStdin(unit) : await readText(input);
  if (text.trim() === '') {
    throw new DataError(`there is nothing to ${verb}`, { path, hint: `give one ${unit} a line` });
  }
  return { path, lines: text.replace(/\r?\n$/, '').split(/\r?\n/) };
}

/** All of standard input; `unit` is for who sits in front of it. */
async function readStdin(unit: 'sentence' | 'text'): Promise<string> {
  if (process.stdin.isTTY) tell(`one ${unit} a line, Ctrl-D at the end:\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return decodeText(new Uint8Array(Buffer.concat(chunks)), 'standard input');
}
