/**
 * @file The document around every page: policy, top bar, contents, footer, and the figures' data for the script. A
 * page is one file that loads nothing: its script and style are inline and named by hash in the
 * Content-Security-Policy, which forbids everything else.
 */
import { createHash } from 'node:crypto';
import type { Figure } from '../experiments/results.js';
import { type Content, embedJson, html, type Markup, raw } from './markup.js';
import type { PageFiles } from './page-files.js';

export interface PageSection {
  /** Id of the element it leads to. */
  id: string;
  /** What the contents call it. */
  title: string;
  /** Sections within it: in the contents of a phone, not in the bar. */
  parts?: readonly PageSection[];
}

/** A section with what stands in it. */
export interface FilledSection extends PageSection {
  body: Content;
}

/** A section under its heading. */
export function sectionMarkup({ id, title, body }: FilledSection): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`;
}

export interface PageParts {
  /** Title of the document. */
  title: string;
  /** What made the page, e.g. `reproduce`: stands beside the name of the package. */
  maker: string;
  /** Version of the package. */
  version: string;
  /** Where the bar and the contents lead. */
  sections: readonly PageSection[];
  /** All between bar and footer; begins with its `<h1>`. */
  main: Content;
  /** Where the page comes from; the notice of others' code is added. */
  source: Content;
  /** In the order of their `data-figure`. */
  figures: readonly Figure[];
  /** First part of the names of saved files. */
  name?: string;
  /** Stands under saved pictures. */
  credit?: string;
  files: PageFiles;
}

/** The whole page as text; works from `file://` without a network. */
export function renderPage({
  title,
  maker,
  version,
  sections,
  main,
  source,
  figures,
  name = 'prenorm',
  credit = `prenorm ${maker}`,
  files,
}: PageParts): string {
  for (const text of [files.script, files.style]) refuseBreakout(text);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(files)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="prenorm ${version}">
<title>${title}</title>
<style>${raw(files.style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div class="bar">
<p class="brand">prenorm <span>${maker}</span></p>
<nav class="wide" aria-label="Sections">${links(sections)}</nav>
<details class="menu"><summary>Contents</summary><nav aria-label="Contents">${links(sections, true)}</nav></details>
<button type="button" id="theme" hidden>Dark theme</button>
</div>
</header>
<main id="main" tabindex="-1">
${main}</main>
<footer><p>${source}${files.notice ? html` Figures: ${files.notice}` : ''}</p></footer>
<p id="announce" class="unseen" role="status"></p>
<script type="application/json" id="figures" data-name="${name}" data-source="${credit}">${embedJson(figures)}</script>
<script type="module">${raw(files.script)}</script>
</body>
</html>
`.text;
}

function links(sections: readonly PageSection[], withParts = false): Markup {
  return html`<ul>${sections.map(
    ({ id, title, parts = [] }) =>
      html`<li><a href="#${id}">${title}</a>${withParts && parts.length > 0 ? links(parts) : ''}</li>`,
  )}</ul>`;
}

function policyOf({ script, style }: PageFiles): string {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** The files are the package's own; this holds whatever a bundler of later does. */
function refuseBreakout(text: string): void {
  if (/<\/(script|style)|<!--/i.test(text))
    throw new Error('a file of the page holds text that would end its element');
}
