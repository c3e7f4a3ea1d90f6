/** @file The small pieces of the page that several sections use. */
import type { Verdict } from '../experiments/results.js';
import { type Content, html, type Markup } from './markup.js';

/** Text in which the names of placements are not broken at their hyphen. */
export function prose(text: string): Content {
  return text
    .split(/\b((?:Post|Pre|Peri)-LN\b)/)
    .map((part, index) => (index % 2 ? html`<span class="whole">${part}</span>` : part));
}

export function placementClass(placement: string): string {
  return placement === 'post' || placement === 'pre' || placement === 'peri' ? placement : 'other';
}

const verdictClass: Record<Verdict, string> = {
  holds: 'holds',
  'does not hold': 'not',
  'not decided': 'open',
  'not tested': 'open',
};

export function badge(verdict: Verdict): Markup {
  return html`<span class="badge ${verdictClass[verdict] ?? 'open'}">${verdict}</span>`;
}
