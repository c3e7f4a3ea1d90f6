/**
 * @file Rows about models that are run, not trained, beside onnxruntime-web: a text is read at once, and continued token
 * by token with a cache. Theirs is the graph that `exportONNX` writes of ours; it is timed only when it says the same.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntime } from '../dist/index.js';
import { exportONNX } from '../dist/interop/index.js';
import { bench } from '../scripts/built-bench.mjs';
import { clockOf } from './rival-rows.mjs';
import { startAll, takeTurns } from './turns.mjs';

const { buildLm, decoderShapes, lmBatch, makeRow, missingRow, watch } = bench;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const RIVAL = 'onnxruntime-web';
/** A logit, ours against theirs; of a text whose tokens differ the sum is another whole number. */
const AGREE = 1e-3;
const TASKS = [
  { task: 'read', says: 'logits', of: ({ promptTokens }) => `${promptTokens} tokens read`, per: () => 1 },
  {
    task: 'continue',
    says: 'sums of texts',
    of: ({ promptTokens, newTokens }) => `a token of ${newTokens} after ${promptTokens}`,
    per: ({ newTokens }) => newTokens,
  },
];

export async function measureRivalModels(plan, wanted, folder, builds) {
  if (!wanted.includes('onnxruntime')) return [];
  const rows = [];
  const names = Object.keys(decoderShapes);
  for (const name of plan.quick ? names.slice(0, 1) : names) {
    for (const kind of TASKS) {
      const sizes = { promptTokens: kind.task === 'read' ? 128 : 16, newTokens: 64 };
      const path = await writeDecoder(name, sizes, folder);
      const title = `${name}, ${kind.of(sizes)}`;
      const work = { title, numbers: kind.says, tolerance: () => AGREE };
      const found = await startAll(plan, candidates(kind.task), path, work);
      const watched = watch();
      try {
        await takeTurns(plan, found, title);
      } finally {
        for (const { engine } of found) engine?.stop();
      }
      for (const { rival, label, engine } of found) {
        if (engine && rival !== 'prenorm') builds[`${RIVAL}, models, ${label}`] = engine.build;
      }
      rows.push(...rowsOf(title, found, kind.per(sizes), watched()));
    }
  }
  return rows;
}

/** NAME.json says what to do, beside the graph. */
async function writeDecoder(name, { promptTokens, newTokens }, folder) {
  const shape = decoderShapes[name];
  const model = buildLm(/** @type {any} */ (await createRuntime()), shape).eval();
  const graph = join(folder, `${name}.onnx`);
  writeFileSync(graph, (await exportONNX(/** @type {any} */ (model))).get('onnx/model.onnx') ?? '');
  const path = join(folder, `${name}.json`);
  const prompt = [...lmBatch({ ...shape, seqLen: promptTokens }).ids];
  writeFileSync(path, JSON.stringify({ shape, prompt, newTokens, graph }));
  return path;
}

const candidates = (task) =>
  ['prenorm', 'onnx'].flatMap((rival) =>
    [1, 2].map((threads) => ({
      rival,
      label: threads === 1 ? '1 thread' : '2 threads',
      threads,
      start: [process.execPath, (path) => [here(`engines/lm-${rival}.mjs`), path, `${threads}`, task]],
    })),
  );

/** Milliseconds of each, and how much faster ours is than theirs on as many threads. */
function rowsOf(title, found, per, conditions) {
  const ours = found.filter(({ rival }) => rival === 'prenorm');
  const base = { unit: 'ms', conditions };
  const nameOf = ({ label }) => `${title}, Prenorm, ${label}`;
  const timesOf = (entry) => entry[clockOf(entry)];
  return ours.flatMap((mine) => {
    const theirs = found.find(({ rival, threads }) => rival === 'onnx' && threads === mine.threads);
    const name = `${title} beside ${RIVAL}, ${mine.label}`;
    const problem = mine.problem ?? theirs.problem;
    const rounds = [...timesOf(theirs).keys()].filter((round) => timesOf(mine).has(round));
    const own = [...timesOf(mine).values()].map((ms) => ms / per);
    const rows = [];
    if (own.length > 0)
      rows.push(
        makeRow({ ...base, name: nameOf(mine), better: 'lower', samples: own, note: mine.engine.build }),
      );
    if (problem !== null || rounds.length === 0) {
      const note = problem ?? 'every round was disturbed';
      rows.push(missingRow({ ...base, name, better: 'higher', reference: nameOf(mine), note }));
    } else {
      rows.push(
        makeRow({
          ...base,
          name,
          better: 'higher',
          reference: nameOf(mine),
          samples: rounds.map((round) => timesOf(theirs).get(round) / per),
          shares: rounds.map((round) => timesOf(theirs).get(round) / timesOf(mine).get(round)),
          note: theirs.engine.build,
        }),
      );
    }
    return rows;
  });
}
