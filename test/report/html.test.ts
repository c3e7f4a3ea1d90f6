import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Results } from '../../src/experiments/results.js';
import { mockResults } from './mock-results.js';

import { changed, claimCard, drawnFigures, page, renderReport, shown, textOf } from './report-page.js';

test('every claim, figure and run is on the page', () => {
  const results = mockResults();
  const text = textOf(page);
  for (const claim of results.claims) {
    const card = claimCard(page, claim.claim);
    const shown = claim.perSeed.length > 0 ? claim.metric : claim.reason!;
    for (const part of [claim.figure, shown, claim.verdict, claim.protocol, claim.command]) {
      assert.ok(card.includes(part), `${claim.claim}: ${part} is missing`);
    }
  }
  assert.is(page.match(/<figure\b/g)?.length, 1 + results.figures.length, 'and the first of all');
  for (const { title, caption } of results.figures)
    assert.ok(text.includes(title) && text.includes(caption), title);
  for (const run of results.runs) assert.ok(shown(page).includes(run.hash), run.id);
  for (const { name, value } of results.settings)
    assert.ok(text.includes(name) && text.includes(value), name);
  assert.ok(text.includes(results.kernelHash));
  assert.ok(text.includes('nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3'));
});

test('the first figure and its sentence are read off the results', () => {
  for (const name of ['quick', 'standard']) {
    const results: Results = JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8'));
    const html = renderReport(results);
    const [first] = drawnFigures(html);
    assert.is(first!.id, 'headline');
    const recorded = results.figures
      .filter(({ id }) => id.startsWith('valid-nll'))
      .flatMap(({ series }) => series);
    assert.is(first!.series.length, name === 'quick' ? 3 : 4);
    for (const { label, x, y } of first!.series)
      assert.equal(
        [x, y],
        (({ x, y }) => [x, y])(recorded.find((one) => one.label === `${label}, maxLr 0.002`)!),
      );
    const sentence = textOf(html.match(/<strong class="sentence">[\s\S]*?<\/strong>/)![0]);
    assert.match(
      sentence,
      /^At the maximal rate 0\.002, Post-LN without warm-up does not train \([56]\.\d+; word frequencies alone give 5\.94\), Post-LN with warm-up trains \([\d.]+\),.* and .* trains \([\d.]+\)\.$/,
    );
    assert.ok(html.indexOf('<figure') < html.indexOf('<article'), 'a picture before the first claim');
    // One that comes out otherwise is said to.
    for (const run of results.runs)
      if (run.label === 'Post-LN, no warm-up, maxLr 0.002') run.status = 'trained';
    assert.match(textOf(renderReport(results)), /Post-LN without warm-up trains \([56]\.\d/);
  }
  const other = mockResults();
  other.figures = other.figures.slice(0, 2);
  assert.match(
    textOf(renderReport(other)),
    'Frobenius norm of the gradient of W2 in the last feed-forward sub-layer',
  );
});

test('a run over its budget is said to be', () => {
  assert.match(textOf(page), 'It took 4 min 41 s, within the budget of 5 min.');
  const html = changed((results) => {
    results.seconds = 342;
  });
  assert.match(
    textOf(html),
    'It took 5 min 42 s, which is 42 s over the budget of 5 min; no steps were cut.',
  );
});

test('text of a result is escaped wherever it stands', () => {
  const hostile = '</script><img src=x onerror=alert(1)>"\'&\u2028';
  const html = renderReport(mockResults({ hostile }));
  assert.not.match(html, '<img');
  assert.not.match(shown(html), '<script>alert');
  assert.match(html, '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
  assert.match(html, '&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
  assert.is(html.match(/<\/script/g)?.length, 2, 'no script element is closed early');
});

test('every text field of a result survives as text', () => {
  const mark = '<i>"&\'';
  const results = poison(mockResults(), mark);
  assert.not.match(shown(renderReport(results)), mark);
});

test('the embedded data reads back as it was, whatever it holds', () => {
  const results = mockResults({ hostile: '</script><!--\u2028\u2029&amp;' });
  assert.equal(drawnFigures(renderReport(results)).slice(1), results.figures);
});

test('nothing is loaded from anywhere', () => {
  const outside = [...shown(page).matchAll(/\s(src|href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]*)/g)];
  assert.ok(outside.length > 0);
  for (const [, name, value] of outside) assert.ok(value!.startsWith('#'), `${name}=${value}`);
  assert.not.match(shown(page), /<(link|iframe|object|embed|img|base)\b/);
  const policy = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]!;
  assert.match(policy, 'default-src &#39;none&#39;');
  assert.not.match(policy, /unsafe|https?:/);
});

test('no attribute holds style or script, which the policy would block', () => {
  assert.not.match(shown(page), /\s(style|on\w+)=/);
});

test('headings go down one level at a time and ids are unique', () => {
  const levels = [...shown(page).matchAll(/<h([1-6])\b/g)].map(([, level]) => Number(level));
  assert.is(levels[0], 1);
  assert.is(levels.filter((level) => level === 1).length, 1);
  levels.reduce((before, level) => {
    assert.ok(level <= before + 1, `h${level} after h${before}`);
    return level;
  });
  const ids = [...shown(page).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!);
  assert.is(new Set(ids).size, ids.length);
  for (const [, target] of shown(page).matchAll(/\s(?:aria-labelledby|aria-describedby|href)="#?([^"]*)"/g)) {
    assert.ok(ids.includes(target!), `no element ${target}`);
  }
});

test('results without claims, figures, runs or seeds still make a page', () => {
  const html = changed((results) => {
    results.claims = [];
    results.figures = [];
    results.runs = [];
    results.settings = [];
  });
  assert.match(textOf(html), 'No claim was judged in this run.');
  assert.not.match(html, /<figure\b|class="runs"/);
});

test('values that JSON turned into null are shown as NaN', () => {
  const html = renderReport(
    JSON.parse(
      JSON.stringify(
        (() => {
          const results = mockResults();
          results.claims[0]!.perSeed[1] = Number.NaN;
          results.runs[4]!.finalValidNll = Number.NaN;
          return results;
        })(),
      ),
    ),
  );
  assert.match(
    claimCard(html, 'post-needs-warmup'),
    /NaN \(.*1 diverged over 3 seeds\) progress p .*seed measured .*12 NaN/,
  );
});

test('equal results give an equal page', () => {
  assert.is(renderReport(mockResults()), page);
});

test('the footer names the version of the results and the one that draws', () => {
  const html = renderReport(mockResults(), '7.8.9');
  assert.match(html, 'Results of Prenorm 0.1.0, drawn by Prenorm 7.8.9.');
  assert.match(html, 'content="prenorm 7.8.9"');
});

/** Every string longer than a word gets the mark, so that each place where text is written is tried. */
function poison<T>(value: T, mark: string): T {
  if (typeof value === 'string') return (value + mark) as T;
  if (Array.isArray(value)) return value.map((entry) => poison(entry, mark)) as T;
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, poison(entry, mark)])) as T;
  }
  return value;
}

test('a column of runs that none of its kind fills is left out', () => {
  const tables = [...page.matchAll(/<table class="runs">([\s\S]*?)<\/table>/g)].map(([, text]) => text!);
  assert.is(tables.length, 2);
  const [initial, trained] = tables as [string, string];
  assert.not.match(initial, /BLEU|Loops|NLL/);
  assert.match(trained, /BLEU[\s\S]*Loops/);
});

test('formulas are set as formulas', () => {
  assert.match(page, /<math display="block">.*<mfrac>/);
  assert.match(claimCard(page, 'post-profile-two-thirds'), '(2/3)^((L-l)/2)');
  assert.match(page, '<annotation encoding="text/plain">(2/3)^((L-l)/2)</annotation>');
  const standard = renderReport(JSON.parse(readFileSync('docs/results/standard.json', 'utf8')));
  const rest = standard
    .replace(/<(script|style|math)\b[^>]*>[\s\S]*?<\/\1>/g, '')
    .match(/.{20}(?:sqrt\(|\|\||\^|²).{20}/g);
  assert.equal(rest, null, 'no typed formula is left');
});

test('curves with more points than columns are thinned, and the page says so', () => {
  const results = mockResults();
  const x = Array.from({ length: 50_000 }, (_, at) => at);
  const series = {
    label: 'long',
    placement: 'post',
    x,
    y: x.map((at) => (at === 31_234 ? 99 : Math.sin(at))),
  };
  results.figures[0] = { ...results.figures[0]!, series: [series] };
  const html = renderReport(results);
  const [, drawn] = drawnFigures(html);
  const { x: kept, y } = drawn!.series[0]!;
  assert.ok(kept.length <= 4 * 1600 && kept.length > 1600);
  assert.equal(
    y,
    kept.map((at) => series.y[at]),
  );
  assert.ok(y.includes(99), 'a peak of one point is kept');
  assert.match(textOf(html), `keeps ${kept.length} of 50000: in each column`);
  assert.not.match(textOf(page), 'of curves with more points');
});

test.run();
