/** @file The small pieces of the page that several sections use. */
import type { Verdict } from '../experiments/results.js';
import { html, type Markup } from './markup.js';

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
