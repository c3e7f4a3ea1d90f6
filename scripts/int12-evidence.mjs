/**
 * Does training in int12 end where training in floats ends? node scripts/int12-evidence.mjs [--out DIR] [--only TASK …]
 * [--report].
 * Four tasks on the embedded data, five seeds, three arithmetics, as `prenorm train` does them, one long run with
 * its gradients compared, and that run's model tuned to another language by low-rank pairs. Resumable: what DIR holds is
 * gone on with. Writes docs/results/int12.json, and from it the table in docs/execution.md; --report only the table.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';

const RESULTS = 'docs/results/int12.json';
const TABLE = 'docs/execution.md';
const [BEGIN, END] = ['<!-- int12:start -->', '<!-- int12:end -->'];
const SEEDS = [1, 2, 3, 4, 5];
const ARITHMETICS = ['strict', 'int12', 'relaxed'];
/** The final loss is the mean over so many steps. */
const LAST = 50;
const FACTOR = 2;
const MOST = 0.01;

const adam = { kind: 'adam' };
const warmed = (maxLr, steps) => ({ kind: 'linearDecay', maxLr, warmupSteps: 50, totalSteps: steps });
const text = { kind: 'text', source: 'kjv', batchSize: 16, seqLen: 64, validation: 0.05 };
const languageModel = { kind: 'causalLM', numLayers: 3, dModel: 96, numHeads: 4, dFF: 384 };

const TASKS = {
  'character language model': {
    model: languageModel,
    data: text,
    steps: 600,
    maxLr: 0.002,
  },
  'translation, embedded De-En': {
    model: { kind: 'transformer', numLayers: 2, dModel: 96, numHeads: 4, dFF: 384, dropout: 0.1 },
    data: { kind: 'pairs', source: 'ui-de-en', maxTokens: 1000 },
    tokenizer: { kind: 'bpe', vocabSize: 2000 },
    steps: 600,
    maxLr: 0.002,
  },
  'masked language model': {
    model: { kind: 'maskedLM', numLayers: 3, dModel: 96, numHeads: 4, dFF: 384 },
    data: { kind: 'masked', source: 'kjv', batchSize: 16, maxLen: 64 },
    tokenizer: { kind: 'bpe', vocabSize: 2000 },
    steps: 600,
    maxLr: 0.002,
  },
  'vision Transformer on digits': {
    model: { kind: 'visionTransformer', numLayers: 4, dModel: 96, numHeads: 4, dFF: 384, patchSize: 2 },
    data: { kind: 'images', source: 'digits', batchSize: 64 },
    steps: 400,
    maxLr: 0.001,
  },
};
/** The German side of the embedded pairs, which the long run's English has not prepared it for. */
const TUNING = { name: 'tuning by pairs, to German', steps: 200 };
const LONG = { model: languageModel, data: text, steps: 10_000, maxLr: 0.002 };

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/int12' },
    only: { type: 'string', multiple: true },
    report: { type: 'boolean' },
  },
});

const recipeOf = ({ maxLr, steps, ...rest }) => ({
  ...rest,
  optimizer: adam,
  schedule: warmed(maxLr, steps),
  steps,
  checkpointEvery: 200,
});

/** Losses of a run, and what its gradients were beside strict ones. */
function train(name, task, arithmetic, seed, rest = []) {
  const folder = folderOf(name, arithmetic, seed);
  const path = `${folder}.json`;
  writeFileSync(path, JSON.stringify(recipeOf(task), null, 1));
  const { loss, lines } = carryOut(folder, ['train', path], arithmetic, seed, rest);
  return {
    loss,
    ...(rest.length > 0 && arithmetic !== 'strict' ? { gradients: lines('arithmetic.jsonl') } : {}),
  };
}

/** Loss of the long run's model, tuned. */
function tune(arithmetic, seed) {
  const text = join(options.out, 'german.txt');
  const german = gunzipSync(readFileSync('data/ui-de-en/train.tsv.gz'))
    .toString()
    .split('\n')
    .map((line) => line.split('\t')[0]);
  writeFileSync(text, german.join('\n'));
  const args = ['finetune', folderOf('long', 'strict', 1), text, '--steps', String(TUNING.steps)];
  return carryOut(folderOf('tuning', arithmetic, seed), args, arithmetic, seed).loss;
}

const folderOf = (name, arithmetic, seed) =>
  join(options.out, `${name.replaceAll(/\W+/g, '-')}-${arithmetic}-${seed}`);

function carryOut(folder, command, arithmetic, seed, rest = []) {
  const begun = existsSync(join(folder, 'checkpoint.safetensors'));
  // A tuning goes on with the steps and the seed that it began with, and wants them said once.
  const args = [...command.slice(0, begun ? 3 : undefined), '--out', folder, '--arithmetic', arithmetic];
  if (!begun || command[0] === 'train') args.push('--seed', String(seed), ...rest);
  if (begun) args.push('--resume');
  // Node 20 has relaxed SIMD behind a flag.
  const flags = process.version.startsWith('v20.') ? ['--experimental-wasm-relaxed-simd'] : [];
  const { status } = spawnSync(process.execPath, [...flags, 'dist/cli/main.js', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status === 130 || status === 143) process.exit(status);
  if (status !== 0) throw new Error(`${folder} ended with ${status}`);
  const lines = (file) =>
    readFileSync(join(folder, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const last = lines('metrics.jsonl')
    .map(({ loss }) => loss)
    .slice(-LAST);
  return { loss: last.reduce((sum, loss) => sum + loss, 0) / last.length, lines };
}

function measure() {
  mkdirSync(options.out, { recursive: true });
  const results = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, 'utf8'))
    : { kind: 'prenorm-int12', last: LAST, tasks: {}, long: null };
  const wanted = (name) => !options.only || options.only.some((part) => name.includes(part));
  for (const [name, task] of Object.entries(TASKS).filter(([name]) => wanted(name))) {
    const losses = {};
    for (const arithmetic of ARITHMETICS) {
      losses[arithmetic] = SEEDS.map((seed) => train(name, task, arithmetic, seed).loss);
    }
    results.tasks[name] = { steps: task.steps, seeds: SEEDS, losses };
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  }
  if (wanted('long')) {
    const { loss, gradients } = train('long', LONG, 'int12', 1, ['--arithmetic-check', '1000']);
    const { loss: strict } = train('long', LONG, 'strict', 1);
    results.long = { steps: LONG.steps, strict, int12: loss, gradients };
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  }
  if (wanted(TUNING.name)) {
    const losses = {};
    for (const arithmetic of ARITHMETICS) losses[arithmetic] = SEEDS.map((seed) => tune(arithmetic, seed));
    results.tasks[TUNING.name] = { steps: TUNING.steps, seeds: SEEDS, losses };
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  }
  return results;
}

const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
const apart = (a, b) => mean(a.map((x, i) => Math.abs(x - b[i])));

function tableOf({ tasks, long, last }) {
  const rows = Object.entries(tasks).map(([name, { steps, losses }]) => {
    const { strict, int12, relaxed } = losses;
    const [own, control] = [apart(int12, strict), apart(relaxed, strict)];
    const signed = mean(int12) - mean(strict);
    const holds = own <= FACTOR * control && own <= MOST;
    const spread = Math.max(...strict) - Math.min(...strict);
    return `| ${[name, steps, mean(strict).toFixed(4), spread.toFixed(4), `${own.toPrecision(2)}, ${signed.toPrecision(2)}`, control.toPrecision(2), holds ? 'holds' : 'MISSED'].join(' | ')} |`;
  });
  const text = [
    `| task, five seeds | steps | final loss, strict | spread over seeds | mean of abs(int12 - strict), and signed | mean of abs(relaxed - strict) | at most ${FACTOR} times that, and ${MOST} |`,
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
    `The final loss is the mean of the last ${last} training losses, in nats per token (per image). The embedded data and recipes are in \`scripts/int12-evidence.mjs\`; \`node scripts/int12-evidence.mjs\` makes this table anew.`,
  ];
  if (long) {
    const percent = (part) => `${(100 * part).toPrecision(2)} %`;
    const { gradients } = long;
    const [first, final] = [gradients[0], gradients[gradients.length - 1]];
    text.push(
      '',
      `A run of ${long.steps.toLocaleString('en')} steps (the language model, seed 1) ends at ${long.int12.toFixed(4)} in int12, ${long.strict.toFixed(4)} in strict. Its gradients, of the same weights, batch and dropout, differ from strict ones by ${percent(first.median)} (median of the parameters) and at most ${percent(first.worst)} after ${first.step.toLocaleString('en')} steps, by ${percent(final.median)} and at most ${percent(final.worst)} after ${final.step.toLocaleString('en')}.`,
    );
  }
  return text.join('\n');
}

const results = options.report ? JSON.parse(readFileSync(RESULTS, 'utf8')) : measure();
const page = readFileSync(TABLE, 'utf8');
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`${TABLE} has no place for the table`);
writeFileSync(TABLE, `${page.slice(0, from + BEGIN.length)}\n${tableOf(results)}\n${page.slice(to)}`);
