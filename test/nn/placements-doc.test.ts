/** @file The table of docs/placements.md says what the code does: names, final norms, initial values, keys. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { stackConfig } from '../../src/nn/config.js';
import {
  normPlacements,
  placementName,
  placements,
  resolveConfig,
  TransformerDecoder,
  TransformerEncoder,
} from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';

const test = suite('nn/placements-doc');
await init();

const text = readFileSync(new URL('../../docs/placements.md', import.meta.url), 'utf8');
const rows = text
  .slice(0, text.indexOf('The formulas are'))
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .slice(1)
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

const config = (normPlacement: (typeof normPlacements)[number]) => ({
  ...stackConfig(
    resolveConfig('test', { vocabSize: 5, dModel: 8, normPlacement, numHeads: 2, numLayers: 4, dFF: 12 }),
    4,
  ),
});

test('a row per placement, in the order of the code, with its name', () => {
  assert.equal(
    rows.map(([key, name]) => [key, name]),
    normPlacements.map((key) => [`\`${key}\``, placementName(key)]),
  );
});

test('the final norm is where the table says', () => {
  for (const [i, placement] of normPlacements.entries()) {
    const { norm } = new TransformerEncoder(config(placement));
    assert.is(rows[i][3].startsWith('yes'), norm !== null, placement);
  }
});

test('initial values are named where a placement has some of its own', () => {
  for (const [i, placement] of normPlacements.entries()) {
    const { initGain, gain, headGain } = placements[placement];
    assert.is(rows[i][4] !== '', Boolean(initGain || gain || headGain), placement);
    assert.is(/V, O, FFN/.test(rows[i][4]), initGain !== undefined, placement);
  }
});

test('every placement names its source', () => {
  for (const row of rows) assert.match(row[5], /20\d\d/);
});

test('every key of a parameter that PyTorch does not have is named', () => {
  const keys = new Set(
    normPlacements.flatMap((placement) =>
      new TransformerDecoder(config(placement)).layers.flatMap((layer) =>
        [...layer.namedParameters()].flatMap(([path]) =>
          path.split('.').filter((part) => /norm|gain/.test(part) && !/^norm\d$/.test(part)),
        ),
      ),
    ),
  );
  assert.ok(keys.has('ffn_norm') && keys.has('head_gain') && keys.has('gain3'));
  for (const key of keys) assert.ok(text.includes(`\`${key}\``), key);
  for (const key of ['qkNorm', 'residualInit', 'mixFraction', 'preFirst'])
    assert.ok(text.includes(`| \`${key}\` |`));
});

test.run();
