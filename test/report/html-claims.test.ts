/** @file Claims and their verdicts on the report page and in the documents. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { largeResults } from './large-results.js';
import { mockResults } from './mock-results.js';

import { changed, claimCard, page, renderReport, textOf } from './report-page.js';

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

test('sixty claims stand under their experiments, runs under their kind', () => {
  const html = renderReport(largeResults());
  for (const name of ['theory', 'fig3', 'tuning', 'placements', 'multi30k']) {
    assert.is(html.match(new RegExp(`<section id="experiment-${name}"`, 'g'))?.length, 1, name);
    assert.is(html.match(new RegExp(`href="#experiment-${name}"`, 'g'))?.length, 2, 'in the contents twice');
  }
  assert.is(html.match(/<article class="claim/g)?.length, 60);
  assert.match(html, /<summary>30 runs of kind theory: \d+ diverged, \d+ trained<\/summary>/);
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
