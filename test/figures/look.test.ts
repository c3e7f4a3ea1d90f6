/** @file No two lines of a figure look the same, in either theme, and all are seen. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure, Results, Series } from '../../src/experiments/results.js';
import { lineData } from '../../web/figures/line-data.js';
import { looksOf, Palette } from '../../web/figures/look.js';
import { lossFigure } from './mock-figures.js';
import { contrast, tokensOf } from './tokens.js';

const themes = (['light', 'dark'] as const).map((scheme) => [scheme, tokensOf(scheme)] as const);

/** What tells a line apart: a smoothed one has no markers. */
function signs(figure: Figure, palette: Palette, tokens: Record<string, string>): string[] {
  const { windows } = lineData(figure);
  return looksOf(figure.series, palette, tokens).map(({ color, dash, shape }, at) =>
    [color, dash.join(' '), windows[at]! > 1 ? '' : (shape ?? 'none')].join('|'),
  );
}

function checkApart(figure: Figure, palette: Palette): void {
  for (const [scheme, tokens] of themes) {
    const found = new Map<string, string>();
    for (const [at, sign] of signs(figure, palette, tokens).entries()) {
      const { label } = figure.series[at]!;
      assert.not.ok(found.has(sign), `${figure.id}, ${scheme}: "${label}" looks like "${found.get(sign)}"`);
      found.set(sign, label);
      const ratio = contrast(sign.split('|')[0]!, tokens.surface!);
      assert.ok(ratio >= 3, `${figure.id}, ${scheme}: "${label}" has a contrast of ${ratio.toFixed(2)}`);
    }
  }
}

for (const name of ['quick', 'standard']) {
  test(`every line of ${name}.json has a look and a name of its own`, () => {
    const { figures }: Results = JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8'));
    const palette = new Palette(figures);
    let lines = 0;
    for (const figure of figures) {
      checkApart(figure, palette);
      const labels = figure.series.map(({ label }) => label);
      assert.equal([...new Set(labels)], labels, figure.id);
      lines += labels.length;
    }
    assert.ok(lines > 50, `${lines} lines`);
  });
}

test('so has each of 24 arms of one placement, and each of 12 runs compared, smoothed or not', () => {
  const arms = (count: number, about: (at: number) => Partial<Series>): Figure => ({
    ...lossFigure(),
    series: Array.from({ length: count }, (_, at) => ({
      ...lossFigure().series[0]!,
      label: `arm ${at}`,
      ...about(at),
    })),
  });
  const ofOne = { ...arms(24, (at) => ({ placement: 'post', dashed: at >= 12 })), smooth: false };
  checkApart(ofOne, new Palette([ofOne]));
  for (const smooth of [true, false]) {
    const runs = { ...arms(12, (at) => ({ placement: `runs/${at}` })), smooth };
    checkApart(runs, new Palette([runs]));
  }
});

test.run();
