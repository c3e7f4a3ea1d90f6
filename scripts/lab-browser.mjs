/**
 * @file The Lab under hard conditions, in Chromium on Linux: `node --import tsx scripts/lab-browser.mjs [MINUTES [WIDTH]]`
 * trains four lanes of a width (64) for so long (30) and says how free the page is and what memory its processes hold;
 * `node --import tsx scripts/lab-browser.mjs --paint` opens the page from disk twenty times and says when it first paints;
 * `node --import tsx scripts/lab-browser.mjs --work` traces half a minute of four lanes and says how much of the processor the
 * page's own thread takes for its tasks and its drawings, which the load of a machine does not lengthen;
 * `node --import tsx scripts/lab-browser.mjs --quarter` holds the whole browser to a quarter of one processor (a cgroup,
 * which takes root) and says when one first sees the lower layers of Post-LN fade, with workers and without.
 * Ends with code 1 when a target is missed.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fadingOf } from '../src/lab/lesson.ts';
import { labPage } from '../src/lab/page.ts';
import { findBrowser, launch } from '../test/browser.ts';
import { measureFreedom } from '../test/browsers/page-measures.ts';

const FIRST_PAINT_MS = 300;
/** Of one drawing of everything, in processor time. */
const DRAW_MS = 8;
/** Until one sees that the lower layers fade. */
const SECONDS = { workers: 30, 'one thread': 60 };
const folder = mkdtempSync(join(tmpdir(), 'prenorm-lab-'));
const address = pathToFileURL(join(folder, 'lab.html')).href;
writeFileSync(join(folder, 'lab.html'), labPage('measured'));
try {
  if (process.argv[2] === '--quarter') await quarter();
  else if (process.argv[2] === '--paint') await paint();
  else if (process.argv[2] === '--work') await work();
  else await long(Number(process.argv[2] ?? 30), Number(process.argv[3] ?? 64));
} finally {
  rmSync(folder, { recursive: true });
}

/** @param {import('puppeteer-core').Page} page @param {string} link */
async function open(page, link) {
  await page.goto(`${address}#${link}`);
  await page.waitForFunction(() => /** @type {any} */ (window).lab?.run?.state === 'ready', {
    timeout: 300_000,
  });
}

/** @param {number} minutes @param {number} width */
async function long(minutes, width) {
  const browser = await launch('chromium');
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    // Large enough batches for the most steps that a link may ask for to last.
    await open(page, `1&n=10000&d=${width}&b=${width < 128 ? 32 : 8}`);
    // As a person's click does.
    await page.evaluate(() => /** @type {any} */ (window).lab.run.run());
    const pid = /** @type {number} */ (browser.process()?.pid);
    const rounds = Math.max(2, Math.round(minutes));
    const memory = [];
    let [longest, clicks, slowest] = [0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      const measured = await measureFreedom(page, (60 * minutes) / rounds);
      longest = Math.max(longest, measured.longest);
      slowest = Math.max(slowest, measured.percentile95);
      clicks += measured.clicks;
      const { total, said } = megabytes(pid);
      memory.push(total);
      const { step, state } = await page.evaluate(() => ({
        step: /** @type {any} */ (window).lab.run.newest,
        state: /** @type {any} */ (window).lab.run.state,
      }));
      if (state !== 'running') throw new Error(`the run is ${state} before its time`);
      console.log(
        `${(((round + 1) * minutes) / rounds).toFixed(1)} min: step ${step}, ${total} MB (${said}), ` +
          `longest task ${measured.longest || 'under 50'} ms (${measured.tasks} over 50), ` +
          `clicks 95 % within ${measured.percentile95.toFixed(1)} ms, load ${loadavg()[0].toFixed(1)}`,
      );
    }
    // What a run begins with is loaded in the first round.
    const growth = memory.at(-1) / memory[Math.min(1, memory.length - 1)];
    const good = longest <= 50 && slowest <= 100 && growth < 1.1;
    console.log(
      `${good ? 'ok' : 'FAIL'}: ${clicks} clicks, 95 % of every minute's within ${slowest.toFixed(1)} ms; ` +
        `longest task ${longest || 'under 50'} ms; memory ${memory[0]} to ${memory.at(-1)} MB`,
    );
    process.exitCode = good ? 0 : 1;
  } finally {
    await browser.close();
  }
}

/** Of a process and all that come from it; what several share is shared out among them. @param {number} root */
function megabytes(root) {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const all = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const tree = new Set([root]);
  for (let before = 0; before < tree.size; ) {
    before = tree.size;
    for (const [pid, parent] of all) if (tree.has(parent)) tree.add(pid);
  }
  /** @type {Record<string, number>} */
  const parts = {};
  for (const pid of tree) {
    try {
      const [, own] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
      const [, type = 'browser'] = /--type=([\w-]+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? [];
      parts[type] = (parts[type] ?? 0) + Number(own ?? 0) / 1024;
    } catch {
      // It has ended since it was listed.
    }
  }
  const total = Math.round(Object.values(parts).reduce((sum, part) => sum + part, 0));
  const said = Object.entries(parts).map(([type, part]) => `${type} ${Math.round(part)}`);
  return { total, said: said.join(', ') };
}

async function paint() {
  const browser = await launch('chromium');
  try {
    const times = [];
    for (let round = 0; round < 20; round++) {
      const page = await browser.newPage();
      await page.goto(address);
      const first = await page.waitForFunction(
        () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      );
      times.push(/** @type {number} */ (await first.jsonValue()));
      await page.close();
    }
    times.sort((a, b) => a - b);
    const [median, slow] = [times[10], times[18]];
    const good = slow < FIRST_PAINT_MS;
    console.log(
      `${good ? 'ok' : 'FAIL'}: first paint from disk ${median.toFixed(0)} ms (median), ` +
        `95 % within ${slow.toFixed(0)} ms (target ${FIRST_PAINT_MS} ms), load ${loadavg()[0].toFixed(1)}`,
    );
    process.exitCode = good ? 0 : 1;
  } finally {
    await browser.close();
  }
}

async function work() {
  const browser = await launch('chromium');
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    await open(page, '1&n=10000');
    await page.evaluate(() => /** @type {any} */ (window).lab.run.run());
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const path = join(folder, 'trace.json');
    await page.tracing.start({ path, categories: ['toplevel', 'devtools.timeline'] });
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    await page.tracing.stop();
    /** @type {{ name: string, ph: string, pid: number, tid: number, tdur?: number, args: any }[]} */
    const events = JSON.parse(readFileSync(path, 'utf8')).traceEvents;
    const threads = events.filter(
      ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
    );
    // The page's own: the one whose timers draw.
    const drawings = threads.map(({ pid, tid }) =>
      events.filter((one) => one.pid === pid && one.tid === tid && one.name === 'TimerFire'),
    );
    const at = drawings.reduce((best, all, place) => (all.length > drawings[best].length ? place : best), 0);
    const { pid, tid } = threads[at];
    const milliseconds = (/** @type {typeof events} */ all) =>
      all.map(({ tdur = 0 }) => tdur / 1000).sort((a, b) => a - b);
    const draws = milliseconds(drawings[at]);
    const tasks = milliseconds(
      events.filter(
        (one) => one.pid === pid && one.tid === tid && /RunTask$/.test(one.name) && one.ph === 'X',
      ),
    );
    const [longest, slowDraw] = [tasks.at(-1) ?? 0, draws[Math.floor(0.95 * draws.length)]];
    const share = tasks.reduce((sum, one) => sum + one, 0) / 300;
    const good = longest < 50 && slowDraw < DRAW_MS;
    console.log(
      `${good ? 'ok' : 'FAIL'}: in processor time, the longest of ${tasks.length} tasks ${longest.toFixed(1)} ms, ` +
        `95 % of ${draws.length} drawings within ${slowDraw.toFixed(1)} ms (target ${DRAW_MS}), ` +
        `${share.toFixed(1)} % of one processor in all, load ${loadavg()[0].toFixed(1)}`,
    );
    process.exitCode = good ? 0 : 1;
  } finally {
    await browser.close();
  }
}

async function quarter() {
  // Version 2 of cgroups, or version 1 with its controllers in folders of their own.
  const old = existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  const group = `/sys/fs/cgroup/${old ? 'cpu/' : ''}prenorm-lab-${process.pid}`;
  mkdirSync(group);
  /** Microseconds of a processor in each tenth of a second; null is no limit. @param {number | null} quota */
  const hold = (quota) =>
    old
      ? writeFileSync(`${group}/cpu.cfs_quota_us`, String(quota ?? -1))
      : writeFileSync(`${group}/cpu.max`, `${quota ?? 'max'} 100000`);
  const program = join(folder, 'held-back-chromium');
  writeFileSync(
    program,
    `#!/bin/sh\necho $$ > ${group}/cgroup.procs\nexec ${findBrowser('chromium')} "$@"\n`,
  );
  chmodSync(program, 0o755);
  try {
    for (const [kind, limit] of Object.entries(SECONDS)) {
      hold(null);
      const browser = await launch('chromium', program);
      const page = await browser.newPage();
      if (kind === 'one thread')
        await page.evaluateOnNewDocument(() => Reflect.deleteProperty(window, 'Worker'));
      await open(page, '');
      hold(25_000);
      const started = performance.now();
      await page.evaluate(() => /** @type {any} */ (window).lab.run.run());
      const seen = await firstDifference(page, started);
      const good = seen <= limit;
      console.log(
        `${good ? 'ok' : 'FAIL'}: ${kind}, a quarter of one processor: seen after ${seen.toFixed(1)} s (target ${limit} s)`,
      );
      if (!good) process.exitCode = 1;
      hold(null);
      await browser.close();
    }
    console.log(
      readFileSync(`${group}/cpu.stat`, 'utf8')
        .split('\n')
        .filter((line) => /throttled/.test(line))
        .join(', '),
    );
  } finally {
    rmdirSync(group);
  }
}

/** Seconds until a layer of lane 1 has lost its gradient, by what the lesson calls so. */
async function firstDifference(page, started) {
  for (;;) {
    const lane = await page.evaluate(() => {
      const { history } = /** @type {any} */ (window).lab.run.lanes[0];
      const rows = Array.from({ length: history.steps + 1 }, (_, step) => [...history.row(step)]);
      return { shape: history.beginning.shape, layout: history.layout, rows };
    });
    const { shape, layout, rows } = lane;
    const history = {
      beginning: { shape, references: { nothing: 0, frequencies: 0 } },
      layout,
      steps: rows.length - 1,
      row: (/** @type {number} */ step) => Float64Array.from(rows[step]),
    };
    if (fadingOf(history)?.layer) return (performance.now() - started) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
