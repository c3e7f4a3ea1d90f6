/**
 * @file Rows about models that are run, not trained, beside PyTorch and onnxruntime-web: texts are read at once, and continued
 * token by token with a cache. onnxruntime has the graph that `exportONNX` writes of ours, PyTorch the same weights. Who
 * does not say the same is not timed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntime } from '../dist/index.js';
import { exportONNX } from '../dist/interop/index.js';
import { bench } from '../scripts/built-bench.mjs';
import { writeWeights } from './model-file.mjs';
import { clockOf } from './rival-rows.mjs';
import { PYTHON, torchAbsent } from './torch.mjs';
import { startAll, takeTurns } from './turns.mjs';

const { buildLm, decoderShapes, lmBatch, makeRow, missingRow, targets, watch } = bench;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TITLES = { pytorch: 'PyTorch', onnxruntime: 'onnxruntime-web' };
/** A logit, ours against theirs; of a text whose tokens differ the sum is another whole number. */
const AGREE = 1e-3;
/** Our own int12 rounds operands to 12 bits, and may so come to another text. */
const AGREE_INT12 = { read: 1e-2, continue: Infinity };
const NEW_TOKENS = 64;

/** What is done, with its name and the tokens that one time is divided by. */
const TASKS = [
  { task: 'read', batch: 1, length: 256, title: '256 tokens read', tokens: 1 },
  { task: 'continue', batch: 1, length: 16, title: 'a token', tokens: NEW_TOKENS },
  { task: 'continue', batch: 8, length: 16, title: 'a token of 8 texts', tokens: NEW_TOKENS },
];

export async function measureRivalModels(plan, wanted, folder, builds) {
  const chosen = wanted.filter((name) => name in TITLES);
  if (chosen.length === 0) return [];
  const rows = [];
  const names = Object.keys(decoderShapes);
  for (const name of plan.quick ? names.slice(0, 1) : names) {
    for (const kind of plan.quick ? TASKS.slice(0, 2) : TASKS) {
      const path = await writeDecoder(name, kind, folder);
      const title = `${name}, ${kind.title}`;
      const numbers = kind.task === 'read' ? 'logits' : 'sums of texts';
      const tolerance = (rival) => (rival === 'int12' ? AGREE_INT12[kind.task] : AGREE);
      const found = await startAll(plan, candidates(chosen, kind.task), path, { title, numbers, tolerance });
      const watched = watch();
      try {
        await takeTurns(plan, found, title);
      } finally {
        for (const { engine } of found) engine?.stop();
      }
      for (const { rival, label, engine } of found) {
        if (engine && rival in TITLES) builds[`${TITLES[rival]}, models, ${label}`] = engine.build;
      }
      rows.push(...rowsOf(name, kind, found, watched()));
    }
  }
  return rows;
}

/** NAME.json says what to do, beside the weights and the graph. */
async function writeDecoder(name, { batch, length }, folder) {
  const shape = decoderShapes[name];
  const model = buildLm(/** @type {any} */ (await createRuntime()), shape).eval();
  const graph = join(folder, `${name}.onnx`);
  writeFileSync(graph, (await exportONNX(/** @type {any} */ (model))).get('onnx/model.onnx') ?? '');
  const { ids } = lmBatch({ ...shape, batchSize: batch, seqLen: length });
  const prompts = Array.from({ length: batch }, (_, b) => [...ids.subarray(b * length, (b + 1) * length)]);
  return writeWeights(name, folder, model, shape, { prompts, newTokens: NEW_TOKENS, graph });
}

function candidates(chosen, task) {
  const each = (rival, make, labels = ['1 thread', '2 threads']) =>
    labels.map((label, i) => ({ rival, label, threads: i === 0 ? 1 : 2, ...make(i === 0 ? 1 : 2) }));
  const node = (file, ...rest) => ({
    start: [process.execPath, (path) => [here(`engines/${file}`), path, ...rest]],
  });
  const ours = (arithmetic) => (threads) => node('lm-prenorm.mjs', `${threads}`, task, arithmetic);
  const list = [
    ...each('prenorm', ours('strict')),
    ...each('int12', ours('int12'), ['1 thread, int12', '2 threads, int12']),
  ];
  if (chosen.includes('pytorch')) {
    const absent = torchAbsent();
    const torch = (threads) => ({
      absent,
      start: [PYTHON, (path) => [here('pytorch_lm.py'), path, `${threads}`, task]],
      // Its default lets idle threads spin, which is slow as soon as anything else runs.
      env: { OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}`, OMP_WAIT_POLICY: 'passive' },
    });
    list.push(...each('pytorch', torch));
  }
  if (chosen.includes('onnxruntime'))
    list.push(...each('onnxruntime', (threads) => node('lm-onnx.mjs', `${threads}`, task)));
  return list;
}

/** Milliseconds of each of ours, and how much faster it is than a rival on as many threads. */
function rowsOf(name, { task, batch, title, tokens }, found, conditions) {
  const base = { unit: 'ms', conditions };
  const nameOf = ({ label }) => `${name}, ${title}, Prenorm, ${label}`;
  const timesOf = (entry) => entry[clockOf(entry)];
  const rows = [];
  for (const mine of found.filter(({ rival }) => !(rival in TITLES))) {
    const samples = [...timesOf(mine).values()].map((ms) => ms / tokens);
    const note = mine.engine?.build ?? mine.problem;
    const own = { ...base, name: nameOf(mine), better: /** @type {const} */ ('lower'), note };
    rows.push(samples.length > 0 ? makeRow({ ...own, samples }) : missingRow(own));
    for (const theirs of found.filter(({ rival, threads }) => rival in TITLES && threads === mine.threads)) {
      const target =
        theirs.rival === 'pytorch' && mine.threads === 1
          ? targets.decoding[mine.rival][task === 'read' ? 'read' : batch === 1 ? 'token' : 'tokens']?.[name]
          : undefined;
      const row = {
        ...base,
        name: `${name}, ${title}${mine.rival === 'int12' ? ', int12' : ''} beside ${TITLES[theirs.rival]}, ${theirs.label}`,
        better: /** @type {const} */ ('higher'),
        reference: nameOf(mine),
        target,
      };
      const rounds = [...timesOf(theirs).keys()].filter((round) => timesOf(mine).has(round));
      const problem = mine.problem ?? theirs.problem;
      if (problem !== null || rounds.length === 0) {
        const missing = missingRow({ ...row, note: problem ?? 'every round was disturbed' });
        rows.push(theirs.absent ? { ...missing, met: null } : missing);
        continue;
      }
      rows.push(
        makeRow({
          ...row,
          samples: rounds.map((round) => timesOf(theirs).get(round) / tokens),
          shares: rounds.map((round) => timesOf(theirs).get(round) / timesOf(mine).get(round)),
          note: theirs.engine.build,
        }),
      );
    }
  }
  return rows;
}
