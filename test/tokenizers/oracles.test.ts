/**
 * Ids and texts of 2,000 lines against two other implementations: @huggingface/tokenizers, which runs here, and the Rust
 * library, whose answers are in test/fixtures/tokenizers (scripts/make-tokenizer-fixtures.py).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Oracle } from '@huggingface/tokenizers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tokenizerFrom } from '../../src/tokenizers/index.js';
import type { PretrainedTokenizer } from '../../src/tokenizers/pretrained-tokenizer.js';
import { mixedLines, oddLines } from './lines.mjs';

type Row = [ids: number[], text: string];

const folder = join(import.meta.dirname, '../fixtures/tokenizers');
const expected: Record<string, { sha256: string; odd: Row[] }> = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);
const lines = mixedLines(2000);
const test = suite('tokenizers: oracles');

const rowOf = (tokenizer: PretrainedTokenizer, line: string): Row => {
  const ids = Array.from(tokenizer.encode(line));
  return [ids, tokenizer.decode(ids)];
};

/**
 * Where the library in JavaScript is known to differ from the one in Rust: its digits are ASCII's, and
 * it has several parts of `small-pieces` otherwise or not at all. Elsewhere all lines are compared.
 */
const OTHERS: Readonly<Record<string, RegExp | null>> = {
  smollm2: /[^\P{N}0-9]/u,
  'small-pieces': null,
};

/** What the other library in JavaScript makes of lines. */
function oracleRows(json: object, lines: readonly string[]): Row[] {
  const oracle = new Oracle(json as never, { clean_up_tokenization_spaces: false } as never);
  return lines.map((line) => {
    const { ids } = oracle.encode(line);
    return [ids, ids.length === 0 ? '' : oracle.decode(ids, { skip_special_tokens: true })];
  });
}

function differences(lines: readonly string[], rows: readonly Row[], others: readonly Row[]): string[] {
  return rows.flatMap((row, i) =>
    JSON.stringify(row) === JSON.stringify(others[i])
      ? []
      : [`${JSON.stringify(lines[i])}: ${JSON.stringify(row)} is not ${JSON.stringify(others[i])}`],
  );
}

for (const name of Object.keys(expected)) {
  const json = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const tokenizer = tokenizerFrom({ 'tokenizer.json': JSON.stringify(json) });

  test(`${name}: 2,000 lines as the Rust library has them`, () => {
    const rows = JSON.stringify(lines.map((line) => rowOf(tokenizer, line)));
    assert.is(createHash('sha256').update(rows).digest('hex'), expected[name].sha256);
  });

  test(`${name}: odd lines as the Rust library has them`, () => {
    for (const [i, line] of oddLines.entries())
      assert.equal(rowOf(tokenizer, line), expected[name].odd[i], JSON.stringify(line));
  });

  const others = OTHERS[name];
  if (others === null) continue;
  test(`${name}: the lines as @huggingface/tokenizers has them`, () => {
    const same = lines.filter((line) => !others?.test(line));
    assert.ok(same.length > 1600);
    const rows = same.map((line) => rowOf(tokenizer, line));
    assert.equal(differences(same, rows, oracleRows(json, same)).slice(0, 5), []);
  });
}

test.run();
