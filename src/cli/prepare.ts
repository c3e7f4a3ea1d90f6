/** @file `prenorm prepare`: one's own text, checked and cleaned, as a folder that training and the presets read. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkValue } from '../checks.js';
import { type DropCount, DropReport, type Leak } from '../data/index.js';
import { separatorRule } from '../data/labelled-pairs.js';
import { ConfigError, DataError } from '../errors.js';
import { put } from '../terminal/write.js';
import { trainBPE, UNICODE_VERSION } from '../text/index.js';
import { EXIT } from './errors.js';
import { writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import {
  limits,
  type PartReport,
  type Prepared,
  type PrepareOptions,
  prepareTable,
  prepareText,
} from './prepare-data.js';
import { parts } from './prepare-input.js';
import { start } from './start.js';

/** What prepare.json says. */
interface PrepareReport {
  kind: PrepareOptions['kind'];
  /** The kind of data that a recipe finds in the folder. */
  dataKind: Prepared['dataKind'];
  inputs: string[];
  options: Record<string, unknown>;
  unicode: string;
  files: Record<string, PartReport>;
  dropped: DropCount[];
  /** What each part that is measured on shares with those before it; none for text, which is split later. */
  leaks: Leak[];
}

export async function prepare(inputs: readonly string[], options: PrepareOptions): Promise<number> {
  await start(options);
  const release = await holdFolder(options.out);
  try {
    return await prepareInto(inputs, options);
  } finally {
    release();
  }
}

async function prepareInto(inputs: readonly string[], options: PrepareOptions): Promise<number> {
  const target = ['prepare.json', 'text.txt', ...parts.map((part) => `${part}.tsv`)]
    .map((name) => join(options.out, name))
    .find((path) => existsSync(path));
  if (target) {
    throw new DataError('the folder holds prepared data already', {
      path: target,
      hint: 'remove it, or choose another --out',
    });
  }
  checkOptions(options);
  const report = new DropReport();
  const make = options.kind === 'text' ? prepareText : prepareTable;
  const prepared = await make(inputs, options, report);
  const { vocabSize } = options;
  const tokenizer = vocabSize === undefined ? undefined : trainBPE(prepared.training, { vocabSize });
  const summary: PrepareReport = {
    kind: options.kind,
    dataKind: prepared.dataKind,
    inputs: [...inputs],
    options: settings(options, prepared.languages),
    unicode: UNICODE_VERSION,
    files: Object.fromEntries(
      Object.entries(prepared.files).map(([name, { text: content, report: own }]) => {
        return [name, { ...own, sha256: createHash('sha256').update(content).digest('hex') }];
      }),
    ),
    dropped: report.list(),
    leaks: prepared.leaks,
  };

  // Everything that can be refused has been; the account comes last, and says that the folder is whole.
  if (tokenizer) await writeText(join(options.out, 'tokenizer.json'), JSON.stringify(tokenizer));
  for (const [name, { text: content }] of Object.entries(prepared.files)) {
    await writeText(join(options.out, name), content);
  }
  await writeText(join(options.out, 'prepare.json'), `${JSON.stringify(summary, null, 1)}\n`);
  put(options.json ? `${JSON.stringify(summary)}\n` : describe(summary, options, tokenizer?.vocabSize));
  return EXIT.done;
}

function checkOptions(options: PrepareOptions): void {
  const { kind, columns, header, dedupe, languages, test, maxRatio, labelSeparator } = options;
  const refuse = (option: string, only: string): void => {
    throw new ConfigError(`--${option} is for ${only}`, { op: 'prepare', actual: option });
  };
  const table = { columns, header, dedupe };
  for (const [option, value] of Object.entries(table)) {
    if (kind === 'text' && value) refuse(option, '--kind pairs and labelled');
  }
  if (kind !== 'pairs' && languages) refuse('languages', '--kind pairs');
  if (kind !== 'pairs' && test) refuse('test', '--kind pairs');
  if (kind !== 'pairs' && maxRatio !== undefined) refuse('max-ratio', '--kind pairs');
  if (kind !== 'labelled' && labelSeparator !== undefined) refuse('label-separator', '--kind labelled');
  if (labelSeparator !== undefined) {
    checkValue('prepare', '--label-separator', labelSeparator, separatorRule);
  }
  const wanted = kind === 'pairs' ? [2] : [2, 3];
  if (columns && !wanted.includes(columns.length)) {
    const named = kind === 'pairs' ? 'source,target' : 'text,label or text,text,label';
    throw new ConfigError(
      `--columns must name ${wanted.join(' or ')} columns (${named}), got ${columns.length}`,
      { op: 'prepare', expected: wanted, actual: columns },
    );
  }
}

function settings(options: PrepareOptions, languages: Prepared['languages']): Record<string, unknown> {
  const { tokenize = false, lowercase: lower = false, dedupe = false, header = false } = options;
  const { vocabSize, columns, labelSeparator } = options;
  const { maxWords, maxRatio } = limits(options);
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    ...(languages ? { languages } : {}),
    tokenize,
    lowercase: lower,
    ...(dedupe ? { dedupe } : {}),
    maxWords: finite(maxWords),
    maxRatio: finite(maxRatio),
    ...(columns ? { columns } : {}),
    ...(header ? { header } : {}),
    ...(labelSeparator === undefined ? {} : { labelSeparator }),
    ...(vocabSize === undefined ? {} : { vocabSize }),
  };
}

function describe(summary: PrepareReport, options: PrepareOptions, vocabSize: number | undefined): string {
  const lines = Object.entries(summary.files).map(
    ([name, { kept, from }]) => `${name.padEnd(10)} ${String(kept).padStart(9)} lines  from ${from}`,
  );
  for (const { reason, count, first } of summary.dropped) {
    lines.push(
      `left out   ${String(count).padStart(9)} ${reason}: ${first.join(', ')}${count > first.length ? ', …' : ''}`,
    );
  }
  for (const { part, seenIn, same, sameSource, first } of summary.leaks) {
    const both = [
      ...(same > 0 ? [`${same} of ${part} stand in ${seenIn} too`] : []),
      ...(sameSource > 0 ? [`${sameSource} of ${part} have a source that stands in ${seenIn}`] : []),
    ];
    if (both.length === 0) continue;
    const more = same + sameSource > first.length ? ', …' : '';
    lines.push(`leak       ${both.join(', ')}: ${first.join(', ')}${more}`);
  }
  const { languages } = summary.options as { languages?: string[] };
  if (languages) lines.push(`source ${languages[0]}, target ${languages[1]} (--languages changes it)`);
  if (vocabSize !== undefined) lines.push(`tokenizer.json: joint BPE of ${vocabSize}`);
  const { labelSeparator } = options;
  const separated =
    labelSeparator === undefined ? '' : `, "labelSeparator": ${JSON.stringify(labelSeparator)}`;
  const recipe = `"data": { "kind": "${summary.dataKind}", "source": "${options.out}"${separated} } in a recipe`;
  const use = options.kind === 'pairs' ? `${recipe}, or prenorm reproduce --data ${options.out}` : recipe;
  return `${lines.join('\n')}\n${use}\n`;
}
