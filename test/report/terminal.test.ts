/** @file The tables printed to the terminal: complete, within the width, plain when asked. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderClaims, renderRuns } from '../../src/report/terminal.js';
import { largeResults } from './large-results.js';
import { mockResults } from './mock-results.js';

const plain = { color: false, width: 100 };

test('no line is wider than the terminal, and none than 100 columns', () => {
  for (const width of [44, 60, 80, 93, 94, 100, 240]) {
    for (const render of [renderClaims, renderRuns]) {
      for (const line of render(mockResults(), { color: false, width }).split('\n')) {
        assert.ok(
          [...line].length <= Math.min(width, 100),
          `${render.name} at ${width}: ${line.length}: ${line}`,
        );
      }
    }
  }
});

test('every claim stands with its verdict at any width', () => {
  for (const width of [44, 100]) {
    const text = renderClaims(mockResults(), { color: false, width });
    assert.is(text.match(/= expected/g)?.length, 6);
    assert.match(text, 'does not hold');
    assert.match(text, 'not tested');
    assert.match(
      text.replace(/\s+/g, ' '),
      'All 5 decided claims came out as expected: 4 hold, 1 does not hold; 1 is not tested.',
    );
  }
});

test('a changed verdict is marked and named in the summary', () => {
  const results = mockResults();
  results.claims[0]!.verdict = 'not decided';
  const text = renderClaims(results, plain);
  assert.match(text, '! expected');
  const summary =
    '4 of 4 decided claims came out as expected; 1 is not decided, 1 is not tested. Unexpected: post-needs-warmup (not decided, expected: holds).';
  assert.match(text.replace(/\s+/g, ' '), summary);
});

test('colour is on demand and changes nothing but colour', () => {
  for (const render of [renderClaims, renderRuns]) {
    const colored = render(mockResults(), { ...plain, color: true });
    assert.match(colored, '\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    assert.is(colored.replace(/\u001b\[\d+m/g, ''), render(mockResults(), plain));
    assert.not.match(render(mockResults(), plain), '\u001b');
  }
});

test('control characters of a result do not reach the terminal', () => {
  const hostile = '\u001b[2J\u0007\r\u009b31m';
  const results = mockResults({ hostile });
  for (const run of results.runs) run.label += hostile;
  for (const render of [renderClaims, renderRuns]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    assert.not.match(render(results, plain), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }
});

test('runs are one line each in a wide terminal', () => {
  const results = mockResults();
  const lines = renderRuns(results, plain).trimEnd().split('\n');
  assert.is(lines.length, results.runs.length + 2);
  assert.match(lines[5]!, /^Post-LN, no warm-up, maxLr 0\.002 +11 +failed +0\.03 +5\.8\d\d /);
});

test('missing values leave their cells empty', () => {
  const results = JSON.parse(JSON.stringify(mockResults()));
  results.runs[3].finalValidNll = null;
  results.runs[3].status = 'diverged';
  assert.match(renderRuns(results, plain), 'diverged');
});

test('sixty claims stand under their experiments, and a hundred and fifty runs in one line per arm', () => {
  for (const width of [44, 60, 80, 100]) {
    const claims = renderClaims(largeResults(), { color: false, width });
    assert.is(claims.match(/^== /gm)?.length, 5);
    const runs = renderRuns(largeResults(), { color: false, width });
    assert.match(runs.replace(/\s+/g, ' '), '150 runs in ');
    for (const line of `${claims}\n${runs}`.split('\n')) assert.ok(line.length <= width, `${width}: ${line}`);
  }
  const text = renderRuns(largeResults(), plain);
  assert.ok(text.split('\n').length < 150 / 2 + 10);
  assert.match(text, 'diverged');
});

test.run();
