/**
 * @file A page that the browser stops, to save power or memory, or because the phone was locked: it pauses by itself,
 * says where when it is back, and goes on when the reader wants it. A browser that only slows a hidden tab is no matter:
 * workers train on.
 */
import { notice } from './notices.js';
import type { LabView } from './view.js';

export function watchSleep(view: LabView): void {
  let stopped: LabView['run'] = null;
  document.addEventListener('freeze', () => {
    const { run } = view;
    if (run?.state !== 'running') return;
    stopped = run;
    run.pause();
  });
  document.addEventListener('resume', () => {
    const run = stopped;
    stopped = null;
    if (!run || run !== view.run || run.state !== 'paused') return;
    const text = `The browser stopped this page at step ${run.newest}. Nothing is lost.`;
    notice('stopped', text, [
      'Continue',
      () => {
        notice('stopped', null);
        if (view.run?.state === 'paused') view.run.run();
      },
    ]);
  });
}
