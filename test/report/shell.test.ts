/** @file The document around every page: what its policy allows, what it escapes, and where its links lead. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Figure } from '../../src/experiments/results.js';
import { figureMarkup } from '../../src/report/figure-markup.js';
import { html } from '../../src/report/markup.js';
import { type PageParts, renderPage } from '../../src/report/shell.js';

const hostile = '</script><img src=x onerror=alert(1)>"\'&\u2028';
const figure: Figure = {
  id: hostile,
  title: `Loss${hostile}`,
  caption: `Post-LN over steps${hostile}`,
  figure: hostile,
  xLabel: 'step',
  yLabel: 'loss',
  xScale: 'linear',
  yScale: 'linear',
  series: [{ label: hostile, placement: 'post', x: [0, 1], y: [2, null] }],
};
const files = {
  script: 'document.title += " drawn";',
  style: 'p { color: red }',
  notice: 'uPlot <1>. MIT License',
};
const parts: PageParts = {
  title: `A page${hostile}`,
  maker: `reproduce${hostile}`,
  version: `1.0${hostile}`,
  sections: [
    { id: 'first', title: `First${hostile}`, parts: [{ id: 'within', title: 'Within' }] },
    { id: 'second', title: 'Second' },
  ],
  main: html`<h1 id="first">${hostile}</h1><p id="within"></p><p id="second"></p>${figureMarkup(figure, { index: 0 })}`,
  source: `Drawn from a file${hostile}.`,
  figures: [figure],
  files,
};
const page = renderPage(parts);

test('text is escaped wherever it stands', () => {
  assert.not.match(page, '<img');
  assert.is(page.match(/<\/script/g)?.length, 2, 'no script element is closed early');
  assert.match(page, '&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
  assert.match(page, 'uPlot &lt;1&gt;. MIT License');
});

test('the figures read back as they were', () => {
  const [, text] = /<script type="application\/json" id="figures"[^>]*>([\s\S]*?)<\/script>/.exec(page)!;
  assert.not.match(text!, /[<>&\u2028\u2029]/);
  assert.equal(JSON.parse(text!), [figure]);
});

test('the policy allows the page its own script and style by their hash, and nothing else', () => {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
  const hash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
  assert.match(policy, /^default-src &#39;none&#39;; /);
  assert.match(policy, `script-src &#39;${hash(files.script)}&#39;;`);
  assert.match(policy, `style-src &#39;${hash(files.style)}&#39;;`);
  assert.not.match(policy, /unsafe|https?:|\*/);
});

test('bar and contents lead to what is there', () => {
  const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!);
  assert.is(new Set(ids).size, ids.length);
  const targets = [...page.matchAll(/\shref="#([^"]*)"/g)].map(([, target]) => target!);
  assert.equal(targets, ['main', 'first', 'second', 'first', 'within', 'second']);
  for (const target of targets) assert.ok(ids.includes(target), `no element ${target}`);
});

test('files that would end their element are refused', () => {
  for (const text of ['let a = "</script>";', '/* <!-- */', '</STYLE>']) {
    assert.throws(() => renderPage({ ...parts, files: { ...files, script: text } }), /would end its element/);
    assert.throws(() => renderPage({ ...parts, files: { ...files, style: text } }), /would end its element/);
  }
});

test('a figure has its place, its heading at the level asked for and its caption', () => {
  const markup = figureMarkup(
    { ...figure, title: 'Loss', figure: 'Fig. 3' },
    { index: 4, level: 2, caption: 'Said here.' },
  ).text;
  assert.match(
    markup,
    '<figure class="figure" id="figure-5" data-figure="4" aria-labelledby="figure-5-title">',
  );
  assert.match(
    markup,
    '<h2 id="figure-5-title">Loss <span class="tag">Fig. 3</span></h2><div class="tools"></div>',
  );
  assert.match(markup, '<figcaption id="figure-5-caption">Said here.</figcaption>');
});

test.run();
