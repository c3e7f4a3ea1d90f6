/** Recorded figures: what the results hold, thinned; each beside a configuration that the Lab can train. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure } from '../../src/experiments/results.js';
import { decodeLab, encodeLab } from '../../src/lab/link.js';
import { recorded } from '../../web/lab/generated/recorded.js';
import { presetOf, presets } from '../../web/lab/presets.js';

const test = suite('lab: presets');
const { figures } = JSON.parse(readFileSync('docs/results/standard.json', 'utf8')) as { figures: Figure[] };

test('every preset has its recorded figure, and none is recorded without one', () => {
  assert.equal(
    presets.map(({ figure }) => figure),
    Object.keys(recorded),
  );
});

test('recorded lines are points of the results, to four digits, 200 at most, 60 KB together', () => {
  for (const [name, { series, title }] of Object.entries(recorded)) {
    const whole = figures.find(({ id }) => id === name) as Figure;
    assert.is(title, whole.title);
    assert.equal(
      series.map(({ label }) => label),
      whole.series.map(({ label }) => label),
    );
    for (const [at, { x, y }] of series.entries()) {
      const from = whole.series[at];
      assert.ok(x.length === y.length && x.length <= 200 && x.length > 0, name);
      assert.is(x[0], Number(from.x[0].toPrecision(4)));
      assert.is(x.at(-1), Number(from.x.at(-1)?.toPrecision(4)));
      for (const [point, value] of y.entries()) {
        const same = from.x.findIndex((place) => Number(place.toPrecision(4)) === x[point]);
        const wanted = from.y[same];
        assert.is(value, wanted === null ? null : Number(wanted.toPrecision(4)), `${name} at ${x[point]}`);
      }
    }
  }
  assert.ok(readFileSync('web/lab/generated/recorded.ts').length < 60_000);
});

test('the link of a preset opens, and finds its figure again, locked or not', () => {
  for (const preset of presets) {
    const lab = decodeLab(`#${preset.link}`);
    assert.is(presetOf(lab), preset);
    assert.is(presetOf({ ...lab, locked: ['all'] }), preset);
    assert.is(presetOf(decodeLab(encodeLab({ ...lab, steps: lab.steps + 1 }))), null);
  }
});

test.run();
