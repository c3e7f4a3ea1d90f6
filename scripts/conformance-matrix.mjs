/**
 * @file `npm run conformance`: the conformance run in every host this machine can offer, one line per cell; exit code 1
 * unless every cell gives the pinned hash.
 *
 * npm run conformance -- [--short | --full] [--only WORD…] [--list] [--jobs N] [--require-all]
 *   --short        fewer items in every cell
 *   --full         all items under emulation too, which takes minutes
 *   --only WORD…   cells whose name holds all the words; --list prints the names
 *   --require-all  a cell that is skipped (the reason is printed) counts as a failure
 *
 * Bun and WebKitGTK have Safari's engine. For Safari itself open build/web/conformance/index.html (docs/determinism.md).
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { register } from 'tsx/esm/api';
import { bun, deno, emulatedArm64, emulatedX64, NODE_LINES, nodeOf } from './conformance-hosts.mjs';

register();
const { answerOf } = await import('./conformance-browsers.mjs');
const { ISOLATION, serve } = await import('../test/browsers/static-server.ts');

const root = fileURLToPath(new URL('../', import.meta.url));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean' },
    full: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    list: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
    'require-all': { type: 'boolean' },
  },
});
const words = [...(flags.only ?? []), ...positionals];

if (!existsSync(join(root, 'dist/conformance/index.js'))) throw new Error('run `npm run build` first');
const { pinned, pinnedFor } = await import('../dist/conformance/index.js');
const all = Object.keys(pinned.items);
const hasReplay = await knowsReplay();
const NO_REPLAY = { skipped: 'this version has no option "replay"' };
/** Cells that would take minutes run these: every placement, optimizer family and search, but small. */
const SHORT = ['tokenizer', 'translation-post', 'translation-peri', 'vision'];
const EMULATED = [...SHORT, 'alternating', 'masked-lm', 'ops'];
const DEBUG = ['translation-peri', 'vision'];

const cells = makeCells().filter(({ name }) => words.every((word) => name.includes(word)));
if (cells.length === 0) throw new Error(`no cell is called ${words.join(' ')}`);
if (flags.list) for (const { name } of cells) console.log(name);
else process.exitCode = await runMatrix();

/** Whether this version's Trainer has the option `replay`; where it has not, its only way is the eager one. */
async function knowsReplay() {
  const { Trainer } = await import('../dist/fit/train.js');
  try {
    new Trainer(/** @type {any} */ ({ replay: false }));
    return true;
  } catch (error) {
    return !/"replay"/.test(error.message);
  }
}

/** A cell: its name, the items it runs, and a function that gives { hashes }, { skipped } or { error }. */
function makeCells() {
  const list = [];
  const add = (name, items, run, arithmetic = 'strict') =>
    list.push({
      name: arithmetic === 'strict' ? name : `${name} ${arithmetic}`,
      items: flags.short ? items.filter((item) => SHORT.includes(item)) : items,
      run: (chosen) => run(chosen, arithmetic),
      arithmetic,
    });
  // Once more in int12, where threads, workers and builds could matter.
  const addBoth = (name, items, run) => {
    add(name, items, run);
    add(name, items, run, 'int12');
  };

  const nodes = [['node-20', () => [process.execPath]]];
  nodes[0][0] = `node-${process.versions.node.split('.')[0]}`;
  for (const version of NODE_LINES) {
    const name = `node-${version.split('.')[0]}`;
    if (name !== nodes[0][0]) nodes.push([name, () => nodeOf(version)]);
  }
  const replays = [
    ['eager', false],
    ['replay', true],
  ];
  for (const [node, command] of nodes) {
    for (const worker of [false, true]) {
      for (const threads of [1, 2, 3, 4]) {
        for (const [word, replay] of replays) {
          const name = `${node} ${worker ? 'worker' : 'main'} threads-${threads} ${word} inline`;
          const both = worker ? threads === 2 && replay : threads === 1 || (threads === 4 && replay);
          (both ? addBoth : add)(name, all, (items, arithmetic) =>
            runNode(command, { arithmetic, worker, threads, replay, items }),
          );
        }
      }
    }
    for (const threads of [1, 4]) {
      const wasm = join(root, 'build/kernels.wasm');
      add(`${node} main threads-${threads} external`, all, (items, arithmetic) =>
        runNode(command, { arithmetic, threads, wasm, items }),
      );
      const debug = join(root, 'build/kernels.debug.wasm');
      (threads === 1 ? addBoth : add)(`${node} main threads-${threads} debug`, DEBUG, (items, arithmetic) =>
        runNode(command, { arithmetic, threads, wasm: debug, items }),
      );
    }
  }

  for (const [host, command] of [
    ['deno', deno],
    ['bun', bun],
  ]) {
    for (const worker of [false, true])
      for (const threads of [1, 2, 4])
        addBoth(`${host} ${worker ? 'worker' : 'main'} threads-${threads} inline`, all, (items, arithmetic) =>
          runNode(command, { arithmetic, worker, threads, items }),
        );
    add(`${host} main threads-1 eager inline`, all, (items, arithmetic) =>
      runNode(command, { arithmetic, threads: 1, replay: false, items }),
    );
    const wasm = join(root, 'build/kernels.wasm');
    add(`${host} main threads-1 external`, all, (items, arithmetic) =>
      runNode(command, { arithmetic, threads: 1, wasm, items }),
    );
  }

  for (const browser of ['chromium', 'firefox', 'webkit']) {
    const page = (name, items, query, isolated = true) =>
      (query.int12 ? addBoth : add)(`${browser} ${name}`, items, (chosen, arithmetic) =>
        runBrowser(browser, isolated, { ...query, arithmetic }, chosen),
      );
    // Debian's WebKitGTK has no SharedArrayBuffer unless an environment variable asks for it.
    for (const threads of browser === 'webkit' ? [1] : [1, 2, 3, 4]) {
      for (const [word, replay] of replays) {
        page(`worker threads-${threads} ${word} inline`, all, {
          threads,
          replay,
          int12: threads <= 2 && replay,
        });
      }
    }
    page('page threads-1 inline', all, { where: 'page', threads: 1, int12: true });
    page('worker threads-1 inline not-isolated', all, { threads: 1 }, false);
    page('worker threads-1 external', all, { threads: 1, wasm: '/kernels.wasm' });
    page('worker threads-1 debug', DEBUG, { threads: 1, wasm: '/kernels.debug.wasm' });
  }

  const processors = [
    ['x86-64-nehalem', () => emulatedX64('Nehalem')],
    ['x86-64-haswell', () => emulatedX64('Haswell')],
    ['arm64', () => emulatedArm64()],
  ];
  for (const [processor, command] of processors)
    addBoth(`${processor} main threads-1 inline`, flags.full ? all : EMULATED, (items, arithmetic) =>
      runNode(command, { arithmetic, threads: 1, items }),
    );
  // Each processor chooses one of the two; the other one must give the same bits.
  for (const [processor, command] of [[`${process.arch} here`, () => [process.execPath]], processors[2]])
    for (const microKernel of ['dot', 'extmul'])
      add(
        `${processor} ${microKernel}`,
        SHORT,
        (items, arithmetic) => runNode(command, { arithmetic, microKernel, threads: 1, items }),
        'int12',
      );
  for (const [processor, command] of [
    [`${process.arch} here`, () => [process.execPath]],
    ...processors.slice(0, 1),
  ])
    add(
      processor,
      ['vision'],
      (items, arithmetic) => runNode(command, { arithmetic, threads: 1, items }),
      'relaxed',
    );
  return list;
}

async function runNode(command, options) {
  if (options.replay && !hasReplay) return NO_REPLAY;
  let program;
  try {
    program = command();
  } catch (error) {
    return { skipped: error.message };
  }
  // Node 20 has relaxed SIMD behind a flag.
  const flag = options.arithmetic === 'relaxed' && /^v2[0-2]\./.test(process.version);
  const child = [
    join(root, 'scripts/conformance-child.mjs'),
    JSON.stringify({ ...options, replay: hasReplay ? options.replay : undefined }),
  ];
  const args = [...program.slice(1), ...(flag ? ['--experimental-wasm-relaxed-simd'] : []), ...child];
  return new Promise((resolve) => {
    execFile(program[0], args, { maxBuffer: 1 << 24, timeout: 1_200_000 }, (error, stdout, stderr) => {
      if (error) resolve({ error: `${error.message.split('\n')[0]} ${stderr.trim().split('\n').pop()}` });
      else resolve(JSON.parse(stdout));
    });
  });
}

async function runBrowser(name, isolated, query, items) {
  const { replay, int12: _, ...rest } = query;
  if (replay && !hasReplay) return NO_REPLAY;
  const search = new URLSearchParams({
    ...rest,
    ...(replay === undefined || !hasReplay ? {} : { replay: replay ? 'on' : 'off' }),
    items: items.join(),
  });
  const { url, server } = await serve(join(root, 'build'), isolated ? ISOLATION : {});
  try {
    const { skipped, verdict, threads, rows } = await answerOf(
      name,
      `${url}/web/conformance/index.html?${search}`,
    );
    if (skipped) return { skipped };
    if (/could not run/.test(verdict)) return { error: verdict };
    if (Number.parseInt(threads, 10) !== query.threads) return { skipped: `threads: ${threads}` };
    return { hashes: Object.fromEntries(rows.map(([item, hash]) => [item, hash.split(' ')[0]])) };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function attempt(cell) {
  return cell.run(cell.items).catch((error) => ({ error: error.message }));
}

async function runMatrix() {
  if (cells.some(({ name }) => /chromium|firefox|webkit/.test(name)))
    execFileSync(process.execPath, ['scripts/build-conformance-page.mjs', '--quiet'], { cwd: root });
  console.log(`pinned total ${pinned.total}, in int12 ${pinned.int12.total}`);
  const counts = { same: 0, different: 0, skipped: 0 };
  const relaxed = new Map();
  const queue = [...cells];
  const lane = async () => {
    for (let cell = queue.shift(); cell; cell = queue.shift()) {
      const begun = performance.now();
      let outcome = await attempt(cell);
      // A browser that did not come up says nothing about bits. Bits that differ are not asked for again.
      if (outcome.error !== undefined) {
        console.log(`again     ${cell.name.padEnd(48)} ${outcome.error}`);
        outcome = await attempt(cell);
      }
      report(cell, outcome, (performance.now() - begun) / 1000, counts, relaxed);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(flags.jobs)) }, lane));
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.same} cells with the pinned hash, ${counts.different} without${skipped}`);
  if (relaxed.size > 1) {
    const differ = new Set(relaxed.values()).size > 1;
    console.log(
      `the relaxed build ${differ ? 'differs' : 'DOES NOT DIFFER'} between ${[...relaxed.keys()].join(' and ')}`,
    );
  }
  return counts.different > 0 || (flags['require-all'] && counts.skipped > 0) ? 1 : 0;
}

function report({ name, items, arithmetic }, outcome, seconds, counts, relaxed) {
  const line = (word, text) =>
    console.log(`${word.padEnd(9)} ${name.padEnd(48)} ${text} (${seconds.toFixed(1)} s)`);
  if (outcome.skipped !== undefined) {
    counts.skipped++;
    line('skipped', outcome.skipped);
    return;
  }
  if (outcome.error !== undefined) {
    counts.different++;
    line('ERROR', outcome.error);
    return;
  }
  const pins = pinnedFor(arithmetic);
  const wrong = items.filter((item) => outcome.hashes[item] !== pins.items[item]);
  if (arithmetic === 'relaxed') {
    relaxed.set(name.replace(' relaxed', ''), outcome.hashes[items[0]]);
    line(
      'relaxed',
      `${items[0]} ${outcome.hashes[items[0]]}: ${wrong.length > 0 ? 'not as pinned' : 'as pinned'}`,
    );
    return;
  }
  if (wrong.length > 0) {
    counts.different++;
    line('DIFFERENT', `${wrong.map((item) => `${item} ${outcome.hashes[item]}`).join(', ')}`);
    return;
  }
  counts.same++;
  // The total is a hash over all items: where all are as pinned, it is the pinned one.
  line('same', items.length === all.length ? pins.total : `${items.length} of ${all.length} items as pinned`);
}
