/** @file The report page as text: all of a result shown, all of it escaped, nothing loaded. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Results } from '../../src/experiments/results.js';
import { renderReport } from '../../src/report/html.js';
import { largeResults, mockResults } from './mock-results.js';

const page = renderReport(mockResults());

/** The page without its inline scripts and styles: what a reader is shown. */
function shown(html: string): string {
  return html.replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/g, '');
}

function textOf(html: string): string {
  return shown(html)
    .replace(/<math>.*?<annotation[^>]*>(.*?)<\/annotation><\/semantics><\/math>/g, '$1')
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ');
}

function claimRow(html: string, claim: string): string {
  const row = html.match(new RegExp(`<tr[^>]*id="claim-${claim}"[\\s\\S]*?</tr>`));
  assert.ok(row, `no row for ${claim}`);
  return textOf(row![0]);
}

function changed(change: (results: Results) => void): string {
  const results = mockResults();
  change(results);
  return renderReport(results);
}

test('every claim, figure and run is on the page', () => {
  const results = mockResults();
  const text = textOf(page);
  for (const claim of results.claims) {
    const row = claimRow(page, claim.claim);
    for (const part of [claim.figure, claim.metric, claim.verdict, claim.protocol, claim.command]) {
      assert.ok(row.includes(part), `${claim.claim}: ${part} is missing`);
    }
  }
  assert.is(page.match(/<figure\b/g)?.length, results.figures.length);
  for (const { title, caption } of results.figures)
    assert.ok(text.includes(title) && text.includes(caption), title);
  for (const run of results.runs) assert.ok(shown(page).includes(run.hash), run.id);
  for (const { name, value } of results.settings)
    assert.ok(text.includes(name) && text.includes(value), name);
  assert.ok(text.includes(results.kernelHash));
  assert.ok(text.includes('nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.4.3'));
});

test('medians and single seeds are both shown', () => {
  const html = changed(({ claims }) => {
    claims[0]!.seeds = [1, 2, 3];
    claims[0]!.perSeed = [0.11, 0.24, 0.13];
  });
  const row = claimRow(html, 'post-needs-warmup');
  for (const part of ['0.130', 'seed 1 0.110', 'seed 2 0.240', 'seed 3 0.130'])
    assert.ok(row.includes(part), part);
});

test('one changed value flips the verdict, the count and the mark', () => {
  assert.match(claimRow(page, 'post-needs-warmup'), / holds as expected/);
  assert.match(textOf(page), 'All 6 claims came out as expected.');
  const html = changed(({ claims }) => {
    claims[0]!.verdict = 'does not hold';
  });
  const row = claimRow(html, 'post-needs-warmup');
  assert.match(row, / does not hold unexpected expected: holds/);
  assert.match(
    textOf(html),
    '5 of 6 claims came out as expected; unexpected: post-needs-warmup (does not hold, expected: holds).',
  );
  assert.match(textOf(html), 'Claims as expected5 of 6');
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
  assert.is(html.match(/<\/script/g)?.length, 3, 'no script element is closed early');
});

test('every text field of a result survives as text', () => {
  const mark = '<i>"&\'';
  const results = poison(mockResults(), mark);
  assert.not.match(shown(renderReport(results)), mark);
});

test('the embedded data reads back as it was, whatever it holds', () => {
  const results = mockResults({ hostile: '</script><!--\u2028\u2029&amp;' });
  const element = renderReport(results).match(
    /<script type="application\/json" id="data">([\s\S]*?)<\/script>/,
  );
  assert.ok(element);
  assert.not.match(element![1]!, /[<>&\u2028\u2029]/);
  assert.equal(JSON.parse(element![1]!), { preset: results.preset, figures: results.figures });
});

test('nothing is loaded from anywhere', () => {
  const outside = [...shown(page).matchAll(/\s(src|href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]*)/g)];
  assert.ok(outside.length > 0);
  for (const [, name, value] of outside) assert.ok(value!.startsWith('#'), `${name}=${value}`);
  assert.not.match(shown(page), /<(link|iframe|object|embed|img|base)\b/);
  const style = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, text]) => text).join('');
  assert.not.match(style, /url\(|@import/);
  const policy = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]!;
  assert.match(policy, 'default-src &#39;none&#39;');
  assert.not.match(policy, /unsafe|https?:/);
});

test('the policy names the scripts and styles by their hash', () => {
  const policy = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)![1]!;
  const inline = [...page.matchAll(/<(script(?: type="module")?|style)>([\s\S]*?)<\/(?:script|style)>/g)];
  assert.is(inline.length, 4);
  for (const [, , text] of inline) {
    assert.match(policy, `sha256-${createHash('sha256').update(text!).digest('base64')}`);
  }
  assert.not.match(shown(page), /\s(style|on\w+)=/, 'the policy would block inline attributes');
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

test('every figure has its values as a table', () => {
  const tables = [...page.matchAll(/<table class="data">[\s\S]*?<\/table>/g)].map(([table]) => table);
  const { figures } = mockResults();
  assert.is(tables.length, figures.length);
  figures.forEach((figure, index) => {
    const rows = new Set(figure.series.flatMap(({ x }) => x)).size + (figure.levels?.length ?? 0);
    assert.is(tables[index]!.match(/<tr>/g)!.length, rows + 1, figure.id);
  });
  assert.match(textOf(tables[3]!), 'none', 'a diverged run shows as a gap');
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
  assert.match(claimRow(html, 'post-needs-warmup'), /NaN .*diverged.*progress p .*seed 12 NaN/);
});

test('equal results give an equal page', () => {
  assert.is(renderReport(mockResults()), page);
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

test('sixty claims stand under their experiments, with the number of the paper', () => {
  const html = renderReport(largeResults());
  for (const name of ['theory', 'fig3', 'tuning', 'placements', 'multi30k']) {
    assert.is(html.match(new RegExp(`<h3 id="claims-${name}"`, 'g'))?.length, 1, name);
  }
  assert.match(html, 'href="#figures-tuning"');
  assert.is(html.match(/<tr[^>]*id="claim-/g)?.length, 60);
  const { claim, paper } = largeResults().claims[1]!;
  assert.is(paper, 'about 28.1 BLEU at lr 1e-3');
  assert.ok(claimRow(html, claim).includes(paper!));
  assert.match(html, '<summary>All 150 runs</summary>');
});

test('one changed value flips the verdict in the table of the documents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-standard-'));
  try {
    const file = join(folder, 'standard.json');
    const script = new URL('../../scripts/paper-results.mjs', import.meta.url).pathname;
    const row = (verdict: 'holds' | 'does not hold') => {
      const results = largeResults();
      results.claims[1]!.verdict = verdict;
      results.claims[1]!.statement = 'The one that changes';
      writeFileSync(file, JSON.stringify(results));
      const text = execFileSync(process.execPath, [script, '--standard', file, '--print'], {
        encoding: 'utf8',
      });
      assert.is(text.match(/^### Experiment /gm)?.length, 5);
      return text.split('\n').find((line) => line.includes('The one that changes'))!;
    };
    assert.match(row('holds'), /about 28\.1 BLEU.*\| holds \|/);
    assert.match(row('does not hold'), /about 28\.1 BLEU.*\| does not hold \|/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a heat map has its numbers in the cells and in a table, one scale for all', () => {
  const results = largeResults();
  const { panels } = results.figures.find(({ heatmap }) => heatmap)!.heatmap!;
  panels[1]!.values[2]![3] = 99.5;
  const html = renderReport(results);
  assert.is(html.match(/<g data-say="[^"]*maxLr 2e-3: 99\.5"/g)?.length, 1);
  assert.match(html, '<td>99.5</td>');
  const fills = [...html.matchAll(/data-say="[^"]*maxLr[^"]*: ([\d.]+)"[^>]*><rect[^>]*fill="(#\w+)"/g)];
  assert.is(fills.filter(([, , fill]) => fill === '#083e7a').length, 1, 'the one extreme takes the dark end');
  assert.match(html, /maxLr 4e-3: div\./);
});

test.run();
