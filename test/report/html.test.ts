/** @file The report page as text: all of a result shown, all of it escaped, nothing loaded. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Results } from '../../src/experiments/results.js';
import { renderReport as render } from '../../src/report/html.js';
import { largeResults } from './large-results.js';
import { mockResults } from './mock-results.js';

/** What the script and the style do is tested in browsers. */
const files = { script: 'document.title += "";', style: 'p { margin: 0 }', notice: 'uPlot' };
const renderReport = (results: Results, version?: string) => render(results, version, files);
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

function claimCard(html: string, claim: string): string {
  const card = html.match(new RegExp(`<article[^>]*id="claim-${claim}"[\\s\\S]*?</article>`));
  assert.ok(card, `no card for ${claim}`);
  return textOf(card![0]);
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

test('medians and single seeds are both shown', () => {
  const html = changed(({ claims }) => {
    claims[0]!.seeds = [1, 2, 3];
    claims[0]!.perSeed = [0.11, 0.24, 0.13];
  });
  const row = claimCard(html, 'post-needs-warmup');
  for (const part of ['0.130', 'seed measured 1 0.110 2 0.240 3 0.130']) assert.ok(row.includes(part), part);
});

test('one changed value flips the verdict, the count and the mark', () => {
  assert.match(claimCard(page, 'post-needs-warmup'), / holds as expected /);
  assert.match(
    textOf(page),
    'All 5 decided claims came out as expected: 4 hold, 1 does not hold; 1 is not tested.',
  );
  const html = changed(({ claims }) => {
    claims[0]!.verdict = 'does not hold';
  });
  assert.match(claimCard(html, 'post-needs-warmup'), / does not hold not as expected, which was: holds /);
  assert.match(
    textOf(html),
    '4 of 5 decided claims came out as expected; 1 is not tested. Unexpected: post-needs-warmup (does not hold, expected: holds). Of all, 3 hold, 2 do not hold, 1 is not tested.',
  );
  assert.match(
    textOf(html),
    /4 of 5 decided claims as expected\s+Of all 6, 3 hold, 2 do not hold, 1 is not tested\./,
  );
  assert.match(
    html,
    '<a href="#claim-post-needs-warmup">post-needs-warmup</a> does not hold; expected: holds',
  );
});

test('what holds and what is as expected are two things, and only what holds is green', () => {
  const badges = (html: string) =>
    [...html.matchAll(/<span class="badge (\w+)">([\w ]+)<\/span>/g)].map(([, tone, verdict]) => [
      verdict,
      tone,
    ]);
  const tones = new Map(badges(page) as [string, string][]);
  assert.equal([...tones].sort(), [
    ['does not hold', 'not'],
    ['holds', 'holds'],
    ['not decided', 'open'],
    ['not tested', 'open'],
  ]);
  for (const [verdict, tone] of badges(page)) assert.is(tone === 'holds', verdict === 'holds');
  assert.match(claimCard(page, 'post-profile-two-thirds'), / does not hold as expected /);
  assert.match(claimCard(page, 'equal-quality'), / not tested as expected /);
  const green = /var\(--good/;
  const css = readFileSync('web/report/page.css', 'utf8');
  const rules = [...css.matchAll(/([^{}]+)\{([^{}]*)\}/g)].filter(([, , body]) => green.test(body!));
  assert.equal(
    rules.map(([, selector]) => selector!.trim()),
    ['.badge.holds', '.status.trained'],
  );
});

test('arms that are expected to fail contradict nothing', () => {
  const { runs } = mockResults();
  const failed = runs.filter(({ status }) => status === 'failed').length;
  assert.ok(failed > 0);
  assert.match(
    textOf(page),
    `${failed} of ${runs.length} runs did not train, which contradicts nothing: every claim that rests on one of them came out as expected.`,
  );
  const html = changed(({ claims }) => {
    claims[0]!.verdict = 'not decided';
  });
  assert.match(
    textOf(html),
    `${failed} of ${runs.length} runs did not train; of 1 claim that rest on them, not as expected: post-needs-warmup.`,
  );
  assert.not.match(
    textOf(
      changed((results) => {
        results.runs = results.runs.filter(({ status }) => status === 'trained');
      }),
    ),
    'did not train',
  );
});

test('nothing is said to be given by nobody', () => {
  assert.not.match(textOf(page), /none given|not measured/);
  assert.not.match(claimCard(page, 'post-needs-warmup'), 'The paper&#39;s number');
  const results = largeResults();
  const { claim, paper } = results.claims[1]!;
  assert.match(claimCard(renderReport(results), claim), `The paper&#39;s number${paper}`);
});

test('a claim shows the numbers that its bar was held against, and an unexpected one which seeds fell where', () => {
  const html = renderReport(JSON.parse(readFileSync('docs/results/standard.json', 'utf8')));
  assert.match(
    claimCard(html, 'toy-pre-indifferent-6'),
    /Measured 0\.029 \(0\.0027 to 0\.038 over 3 seeds\) difference of the losses.*Seeds1 of 3 on the claimed side of the barWhyOn the claimed side of the bar is seed 43, on the other seeds 41 and 42\.\s*seed measured side of the bar 41 0\.038 other side 42 0\.029 other side 43 0\.0027 as claimed How it is judged/,
  );
  const order = claimCard(html, 'warmup-length-order');
  assert.match(order, 'difference of the gaps');
  assert.match(
    order,
    /NLL at 0\.001, short warm-up.*WhyNo seed is on the claimed side of the bar\.\s*seed difference/,
  );
  // What was expected keeps its seeds folded.
  assert.match(
    claimCard(html, 'post-needs-warmup'),
    /Seeds5 of 5 on the claimed side .*How it is judged.* 25 /,
  );
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
      /^At the maximal rate 0\.002, Post-LN without warm-up does not train \(6\.\d+; word frequencies alone give 5\.94\), Post-LN with warm-up trains \([\d.]+\),.* and .* trains \([\d.]+\)\.$/,
    );
    assert.ok(html.indexOf('<figure') < html.indexOf('<article'), 'a picture before the first claim');
    // One that comes out otherwise is said to.
    for (const run of results.runs)
      if (run.label === 'Post-LN, no warm-up, maxLr 0.002') run.status = 'trained';
    assert.match(textOf(renderReport(results)), 'Post-LN without warm-up trains (6.0');
  }
  const other = mockResults();
  other.figures = other.figures.slice(0, 2);
  assert.match(
    textOf(renderReport(other)),
    'Frobenius norm of the gradient of W2 in the last feed-forward sub-layer',
  );
});

test('claims stand folded under the figure that shows them', () => {
  const html = renderReport(JSON.parse(readFileSync('docs/results/standard.json', 'utf8')));
  const shown = html.split(/<div class="shown[^>]*>/).slice(1);
  const under = (title: string) => shown.find((text) => textOf(text).includes(title))!;
  assert.match(
    under('Gradient of the last feed-forward W2 at initialisation: toy encoder'),
    'id="claim-post-gradient-flat"',
  );
  assert.match(under('Final validation NLL over rate and warm-up'), 'id="claim-pre-needs-less-tuning"');
  assert.is(html.match(/<article class="claim/g)?.length, 65);
  for (const [, open, body] of html.matchAll(
    /<details class="claims"( open)?>([\s\S]*?)<\/article>\n<\/details>/g,
  ))
    assert.is(
      open !== undefined,
      body!.includes('class="claim unexpected"'),
      'open where something is unexpected',
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

/** The figures as the page's script reads them. */
function drawnFigures(html: string): Results['figures'] {
  const element = html.match(/<script type="application\/json" id="figures"[^>]*>([\s\S]*?)<\/script>/);
  assert.ok(element);
  assert.not.match(element![1]!, /[<>&\u2028\u2029]/);
  return JSON.parse(element![1]!);
}

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

test('sixty claims stand under their experiments, runs under their kind', () => {
  const html = renderReport(largeResults());
  for (const name of ['theory', 'fig3', 'tuning', 'placements', 'multi30k']) {
    assert.is(html.match(new RegExp(`<section id="experiment-${name}"`, 'g'))?.length, 1, name);
    assert.is(html.match(new RegExp(`href="#experiment-${name}"`, 'g'))?.length, 2, 'in the contents twice');
  }
  assert.is(html.match(/<article class="claim/g)?.length, 60);
  assert.match(html, /<summary>30 runs of kind theory: \d+ diverged, \d+ trained<\/summary>/);
});

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

test.run();
