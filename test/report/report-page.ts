/** A report made of results, and what a reader is shown of it. */

import * as assert from 'uvu/assert';
import type { Results } from '../../src/experiments/results.js';
import { renderReport as render } from '../../src/report/html.js';
import { mockResults } from './mock-results.js';

/** What the script and the style do is tested in browsers. */
const files = { script: 'document.title += "";', style: 'p { margin: 0 }', notice: 'uPlot' };
export const renderReport = (results: Results, version?: string) => render(results, version, files);
export const page = renderReport(mockResults());

/** The page without its inline scripts and styles: what a reader is shown. */
export function shown(html: string): string {
  return html.replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/g, '');
}

export function textOf(html: string): string {
  return shown(html)
    .replace(/<math>.*?<annotation[^>]*>(.*?)<\/annotation><\/semantics><\/math>/g, '$1')
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ');
}

export function claimCard(html: string, claim: string): string {
  const card = html.match(new RegExp(`<article[^>]*id="claim-${claim}"[\\s\\S]*?</article>`));
  assert.ok(card, `no card for ${claim}`);
  return textOf(card![0]);
}

export function changed(change: (results: Results) => void): string {
  const results = mockResults();
  change(results);
  return renderReport(results);
}

/** The figures as the page's script reads them. */
export function drawnFigures(html: string): Results['figures'] {
  const element = html.match(/<script type="application\/json" id="figures"[^>]*>([\s\S]*?)<\/script>/);
  assert.ok(element);
  assert.not.match(element![1]!, /[<>&\u2028\u2029]/);
  return JSON.parse(element![1]!);
}
