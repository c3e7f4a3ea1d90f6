/**
 * @file What a reader has chosen stays when the page loads itself anew: theme, scroll position, opened tables, the lines
 * that are hidden and the part of a figure that is shown. A tab that is closed forgets it.
 */
import { type FigureView, figureOf } from '../figures/index.js';

interface Place {
  theme?: string;
  top: number;
  /** Figures whose tables are open. */
  open: string[];
  /** By figure. */
  views?: Record<string, FigureView>;
}

const key = `prenorm ${location.pathname}`;

function tables(): HTMLDetailsElement[] {
  return [...document.querySelectorAll<HTMLDetailsElement>('figure[id] > details')];
}

function hosts(): Element[] {
  return [...document.querySelectorAll('figure[id]')];
}

let kept: Place | undefined;

/** Takes the theme up before anything is drawn. */
export function restorePlace(): void {
  try {
    kept = JSON.parse(sessionStorage.getItem(key) ?? 'null') ?? undefined;
  } catch {
    // No storage, or not ours: then the page begins at its top, as a new one does.
  }
  if (kept?.theme === 'light' || kept?.theme === 'dark') document.documentElement.dataset.theme = kept.theme;
}

/** Takes up the rest, once the figures have their heights, and notes everything when the page goes. */
export function keepPlace(): void {
  if (kept) {
    for (const host of hosts()) {
      const view = kept.views?.[host.id];
      if (view) figureOf(host)?.restore(view);
    }
    for (const table of tables()) table.open = kept.open?.includes(table.parentElement?.id ?? '') === true;
    const isReload = performance
      .getEntriesByType('navigation')
      .some((entry) => (entry as PerformanceNavigationTiming).type === 'reload');
    if (isReload && Number.isFinite(kept.top)) {
      history.scrollRestoration = 'manual';
      const { top } = kept;
      // At once, not smoothly; and again when the tables have been filled.
      const scroll = () => scrollTo({ top, behavior: 'instant' });
      scroll();
      requestAnimationFrame(scroll);
    }
  }
  addEventListener('pagehide', () => {
    const { theme } = document.documentElement.dataset;
    const open = tables()
      .filter((table) => table.open)
      .map((table) => table.parentElement?.id ?? '');
    const views = Object.fromEntries(
      hosts().flatMap((host) => {
        const view = figureOf(host)?.view();
        return view && (view.zoom || view.hidden.length > 0) ? [[host.id, view]] : [];
      }),
    );
    const place: Place = { ...(theme && { theme }), top: scrollY, open, views };
    try {
      sessionStorage.setItem(key, JSON.stringify(place));
    } catch {}
  });
}
