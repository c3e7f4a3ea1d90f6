/** @file The tokens of both themes: the same names, the chosen dark is the dark of the system, contrasts of WCAG. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blocks, contrast } from './tokens.js';

test('both themes define the same colours', () => {
  assert.equal(
    blocks.map(({ scheme }) => scheme),
    ['light', 'dark', 'dark'],
  );
  const [light, chosen, preferred] = blocks;
  assert.ok(Object.keys(light!.colors).length > 45);
  assert.equal(Object.keys(chosen!.colors), Object.keys(light!.colors));
  assert.equal(chosen!.colors, preferred!.colors);
});

test('text reaches a contrast of 4.5 and marks one of 3, in both themes', () => {
  for (const { scheme, colors } of blocks) {
    const check = (front: string, back: string, least: number) => {
      const ratio = contrast(colors[front]!, colors[back]!);
      assert.ok(ratio >= least, `${scheme}: ${front} on ${back} is ${ratio.toFixed(2)}, below ${least}`);
    };
    for (const back of ['background', 'surface', 'raised']) {
      for (const front of ['text', 'quiet', 'accent', 'good', 'bad']) check(front, back, 4.5);
    }
    for (const tone of ['good', 'bad']) {
      check(tone, `${tone}-surface`, 4.5);
      check('text', `${tone}-surface`, 4.5);
    }
    check('on-accent', 'accent', 4.5);
    const marks = [1, 2, 3, 4, 5, 6].map((lane) => `lane-${lane}`);
    const more = [1, 2, 3, 4].map((one) => `more-${one}`);
    for (const front of [...marks, ...more, 'other', 'edge', 'stem']) check(front, 'surface', 3);
    for (let stop = 0; stop < 19; stop++) {
      check(stop <= 8 ? 'on-low' : stop <= 10 ? 'on-mid' : 'on-high', `g${stop}`, 4.5);
    }
  }
});

test('the scale of numbers goes evenly from the ground', () => {
  for (const { scheme, colors } of blocks) {
    const away = Array.from({ length: 19 }, (_, stop) => contrast(colors[`g${stop}`]!, colors.surface!));
    assert.equal(
      away,
      away.toSorted((a, b) => a - b),
      scheme,
    );
  }
});

test('the example page, which people copy with its folder, has the colours of the house', () => {
  const style = readFileSync(new URL('../../examples/browser/src/style.css', import.meta.url), 'utf8');
  const own = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, text]) =>
    [...text!.matchAll(/--([\w-]+): (#\w{6});/g)].map(([, key, value]) => [key!, value!] as const),
  );
  assert.is(own.length, 2);
  for (const [at, pairs] of own.entries()) {
    const { scheme, colors } = blocks[at]!;
    assert.ok(pairs.length > 12);
    for (const [key, value] of pairs) {
      assert.is(value, colors[key === 'field' ? 'edge' : key], `${scheme}: ${key}`);
    }
  }
});

test.run();
