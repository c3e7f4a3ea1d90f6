/** @file What the marks of the stacks mean. */
import { element, svg } from '../figures/elements.js';

export function keyMarkup(): HTMLElement[] {
  const norm = svg(
    'svg',
    { width: 20, height: 14, viewBox: '0 0 20 14', 'aria-hidden': 'true' },
    svg('path', { class: 'stem', d: 'M9 0h2v14h-2z' }),
    svg('rect', { class: 'ln', x: 1, y: 5.5, width: 18, height: 2.8 }),
  );
  const stem = svg(
    'svg',
    { width: 26, height: 10, viewBox: '0 0 26 10', 'aria-hidden': 'true' },
    svg('path', { class: 'stem', d: 'M0 9.5L26 1V10H0Z' }),
  );
  const blocks = svg(
    'svg',
    { width: 16, height: 14, viewBox: '0 0 16 14', 'aria-hidden': 'true' },
    svg('rect', { class: 'blk g8', x: 0.5, y: 0.5, width: 15, height: 5.5, rx: 1 }),
    svg('rect', { class: 'blk g8', x: 0.5, y: 7.5, width: 15, height: 5.5, rx: 1 }),
  );
  const ramp = element('span', { class: 'ramp', 'aria-hidden': 'true' });
  return [
    element('span', {}, norm, 'norm'),
    element('span', {}, 'gradient 10⁻⁴', ramp, '3'),
    element('span', {}, stem, 'size of x'),
    element('span', {}, blocks, 'feed-forward over attention'),
    element('span', { class: 'read', id: 'read' }),
  ];
}
