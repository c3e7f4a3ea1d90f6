/** @file What is measured at the example page: how free it is while it trains, how it fares in a hidden tab, what axe says. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'puppeteer-core';
import { stepOf } from './example-page.js';

const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds wrong with the page as it is: contrasts, names, roles, order. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: scan } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await scan.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
  });
}

/** Milliseconds of the longest task (0: none over 50) and of clicks, from the input to its handler and the next frame. */
export async function measureFreedom(
  page: Page,
  seconds: number,
): Promise<{ longest: number; tasks: number; percentile95: number; clicks: number }> {
  await page.evaluate(() => {
    const host = globalThis as unknown as {
      seen?: { longest: number; tasks: number; delays: number[] };
    };
    const isFirst = host.seen === undefined;
    host.seen ??= { longest: 0, tasks: 0, delays: [] };
    const { seen } = host;
    Object.assign(seen, { longest: 0, tasks: 0, delays: [] });
    if (!isFirst) return;
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        seen.longest = Math.max(seen.longest, duration);
        seen.tasks++;
      }
    }).observe({ type: 'longtask' });
    document.querySelector('h1')?.addEventListener('click', (event) => {
      requestAnimationFrame(() => seen.delays.push(performance.now() - event.timeStamp));
    });
  });
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await page.click('h1');
    await wait(0.15);
  }
  const { longest, tasks, delays } = await page.evaluate(
    () => (globalThis as unknown as { seen: { longest: number; tasks: number; delays: number[] } }).seen,
  );
  delays.sort((a, b) => a - b);
  return {
    longest,
    tasks,
    percentile95: delays[Math.floor(delays.length * 0.95)] ?? Number.NaN,
    clicks: delays.length,
  };
}

/** Chromium holds back the timers of a tab once it has been hidden for so many seconds (a person's: 300). */
export const holdTimersBackAfter = (seconds: number): string[] => [
  `--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/${seconds}`,
];

/**
 * Steps per second of a page that trains, while it is shown and while another tab is in front of it; the latter is
 * measured after it has been hidden for `settle` seconds. The page is shown again in the end.
 */
export async function measureHidden(
  page: Page,
  { shown, settle, hidden }: { shown: number; settle: number; hidden: number },
): Promise<{ shownRate: number; hiddenRate: number; ticks: number; wasHidden: boolean }> {
  await page.evaluate(() => {
    const host = globalThis as unknown as { ticks: number; shownAgain: boolean };
    host.ticks = 0;
    host.shownAgain = false;
    setInterval(() => host.ticks++, 100);
    document.addEventListener('visibilitychange', () => {
      host.shownAgain ||= !document.hidden;
    });
  });
  const look = async () => {
    const [step, ticks, isHidden] = await page.evaluate(() => {
      const { ticks, shownAgain } = globalThis as unknown as { ticks: number; shownAgain: boolean };
      const text = document.getElementById('status')?.textContent ?? '';
      return [Number(/[Ss]tep (\d+)/.exec(text)?.[1] ?? 0), ticks, document.hidden && !shownAgain] as const;
    });
    return { step, ticks, isHidden, time: performance.now() };
  };
  const rate = async (seconds: number) => {
    const from = await look();
    await wait(seconds);
    const to = await look();
    return {
      steps: ((to.step - from.step) * 1000) / (to.time - from.time),
      ticks: to.ticks - from.ticks,
      isHidden: from.isHidden && to.isHidden,
    };
  };
  const before = await rate(shown);
  const other = await page.browserContext().newPage();
  await other.goto('about:blank');
  await other.bringToFront();
  await page.waitForFunction(() => document.hidden, { polling: 100 });
  await wait(settle);
  const during = await rate(hidden);
  await page.bringToFront();
  await other.close();
  await page.waitForFunction(() => !document.hidden, { polling: 100 });
  return {
    shownRate: before.steps,
    hiddenRate: during.steps,
    ticks: during.ticks,
    wasHidden: !before.isHidden && during.isHidden,
  };
}

/** What the chart says, once it has been drawn up to the step that the status says. */
export async function chartedStep(page: Page): Promise<number> {
  const step = await stepOf(page);
  await page.waitForFunction(
    (n) => {
      const label = document.getElementById('chart')?.getAttribute('aria-label') ?? '';
      return Number(/step (\d+)/.exec(label)?.[1] ?? 0) >= n;
    },
    { timeout: 10_000, polling: 50 },
    step,
  );
  return step;
}
