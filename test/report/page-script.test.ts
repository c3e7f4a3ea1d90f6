/** @file The page's own script and style: type-checked, embedded as they are, free of what a report must not do. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as generated from '../../src/report/generated/uplot.js';

const source = (name: string) =>
  readFileSync(new URL(`../../src/report/page/${name}`, import.meta.url), 'utf8').trim();

test('page.js passes the strict type check', () => {
  const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
  const options = [
    ...[
      '--ignoreConfig',
      '--allowJs',
      '--checkJs',
      '--noEmit',
      '--strict',
      '--noUnusedLocals',
      '--skipLibCheck',
    ],
    ...['--target', 'es2022', '--lib', 'es2023,dom,dom.iterable', '--module', 'nodenext', '--types', 'node'],
  ];
  const file = new URL('../../src/report/page/page.js', import.meta.url).pathname;
  try {
    execFileSync(process.execPath, [join(dirname(compiler), 'bin', 'tsc'), ...options, file], {
      encoding: 'utf8',
    });
  } catch (error) {
    assert.unreachable((error as { stdout: string }).stdout);
  }
});

test('what is embedded is what stands in the sources', () => {
  assert.is(generated.pageScript, source('page.js'), 'run node scripts/embed-report.mjs');
  assert.is(generated.pageStyle, source('page.css'), 'run node scripts/embed-report.mjs');
  assert.match(generated.uplotScript, 'uPlot (v1.6.32)');
  assert.match(generated.uplotNotice, /^uPlot 1\.6\.32\. Copyright \(c\) \d+ Leon Sorokin\. MIT License/);
});

test('the script evaluates no text, writes no markup and opens no connection', () => {
  assert.not.match(
    generated.pageScript,
    /\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write/,
  );
  assert.not.match(
    generated.pageScript,
    /\bfetch\b|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\(['"]http/,
  );
});

test('both themes define the same colours', () => {
  const blocks = [...generated.pageStyle.matchAll(/\{\s*color-scheme: (light|dark);([^}]*)\}/g)];
  const names = blocks.map(([, , text]) => [...text!.matchAll(/--([\w-]+):/g)].map(([, name]) => name));
  assert.is(blocks.length, 3);
  assert.equal(names[1], names[0]);
  const values = (text: string) => text.replace(/\s+/g, ' ');
  assert.is(values(blocks[1]![2]!), values(blocks[2]![2]!), 'chosen dark is the dark of the system');
});

test('text reaches a contrast of 4.5 and lines one of 3, in both themes', () => {
  for (const [, scheme, text] of generated.pageStyle.matchAll(/\{\s*color-scheme: (light|dark);([^}]*)\}/g)) {
    const colors = Object.fromEntries([...text!.matchAll(/--([\w-]+): (#\w{6})/g)].map(([, k, v]) => [k, v]));
    const check = (front: string, back: string, least: number) => {
      const ratio = contrast(colors[front]!, colors[back]!);
      assert.ok(ratio >= least, `${scheme}: ${front} on ${back} is ${ratio.toFixed(2)}, below ${least}`);
    };
    for (const back of ['background', 'surface', 'raised']) {
      for (const front of ['text', 'quiet', 'accent', 'good', 'bad']) check(front, back, 4.5);
    }
    check('good', 'good-surface', 4.5);
    check('bad', 'bad-surface', 4.5);
    check('text', 'good-surface', 4.5);
    check('text', 'bad-surface', 4.5);
    for (const front of ['post', 'pre', 'peri', 'other']) check(front, 'surface', 3);
  }
});

/** WCAG's contrast ratio of two `#rrggbb` colours. */
function contrast(one: string, two: string): number {
  const luminance = (color: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [dark, light] = [luminance(one), luminance(two)].toSorted((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

test.run();
