/**
 * @file What `npm run crash-test` tries after the kills of a training: SIGKILL, SIGTERM, SIGHUP and two Ctrl-C, each several
 * times at moments drawn from a seed, inside a long step, an evaluation, `fit`, an export over another, the write of a
 * large checkpoint, `reproduce` and `verify`. After each the right exit code, nothing half that is taken for whole, and a
 * command that goes on to the same bits.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { startCommand } from './crash-process.mjs';
import { allowedModels, built, referenceRun } from './crash-reference.mjs';

const SIGNALS = [['SIGKILL'], ['SIGTERM'], ['SIGHUP'], ['SIGINT', 'SIGINT']];
const CODES = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130 };

const CHECKPOINT = 'checkpoint.safetensors';
const RUN_FILES = [CHECKPOINT, 'model.safetensors', 'metrics.jsonl', 'tokenizer.json'];

const model = { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1 };
const lm = {
  model,
  data: { kind: 'text', source: 'text.txt', batchSize: 2, seqLen: 8 },
  tokenizer: { kind: 'bpe', vocabSize: 280 },
  optimizer: { kind: 'adam' },
  schedule: { kind: 'constant', maxLr: 0.003 },
  samples: false,
  seed: 3,
};

/** Recipes of trainings, and how often each signal is sent into one. */
const TRAININGS = {
  'a step that accumulates': { rounds: 3, recipe: { ...lm, accumulate: 500, steps: 3 } },
  'an evaluation': {
    rounds: 3,
    recipe: {
      ...lm,
      tokenizer: { kind: 'chars' },
      data: { ...lm.data, source: 'long.txt', validation: 0.9 },
      steps: 3,
      evalEvery: 1,
    },
  },
  'the write of a checkpoint of 40 MB': {
    rounds: 2,
    aimed: true,
    recipe: {
      ...lm,
      model: { ...model, dModel: 320, dFF: 1280, numLayers: 3 },
      steps: 4,
      checkpointEvery: 1,
    },
  },
};

/**
 * @param {{ folder: string, command: string[], random: () => number, log: (line: string) => void, rounds?: number, only?: RegExp }} options
 * `rounds` in place of every situation's own
 */
export async function crashSituations({ folder, command, random, log, rounds, only = /./ }) {
  const count = { kills: 0, wrong: 0 };
  const run = (...args) => startCommand(command, folder, args);
  const wrong = (what) => {
    count.wrong++;
    log(`wrong: ${what}`);
  };
  const context = { folder, random, run, wrong, kill };
  writeFileSync(
    join(folder, 'text.txt'),
    Array.from({ length: 80 }, (_, i) => `line ${i} of a text, ${i * i}\n`).join(''),
  );
  writeFileSync(join(folder, 'long.txt'), 'abcdefgh'.repeat(2500));

  /** Sends signals one after the other, and says whether the process ended by them as it should. */
  async function kill(life, signals, what) {
    for (const signal of signals) {
      life.kill(signal);
      await pause(3);
    }
    const { code, signal, stderr } = await life.ended;
    if (code === 0) return false;
    count.kills++;
    const [first] = signals;
    // Before a command listens, and where nothing is saved, a signal does what it does to any program.
    if (signal !== first && (first === 'SIGKILL' || code !== CODES[first]))
      wrong(`${what}, ${first}: ended with ${signal ?? code}: ${stderr.slice(-300)}`);
    return true;
  }

  /** Name, rounds, and what makes ready and gives one trial. @type {[string, number, () => Promise<(signals: string[], what: string) => Promise<boolean>>][]} */
  const situations = [
    ...Object.entries(TRAININGS).map(
      ([name, one]) => /** @type {any} */ ([name, one.rounds, () => training(context, one)]),
    ),
    ['fit', 3, () => fitting(context)],
    ['an export over another', 3, () => exporting(context)],
    ['reproduce', 3, () => reproducing(context)],
    ['verify', 2, () => verifying(context)],
  ];
  for (const [name, own, prepare] of situations.filter(([name]) => only.test(name))) {
    const before = { ...count };
    const begun = performance.now();
    const once = await prepare();
    for (let round = 0; round < (rounds ?? own); round++) {
      for (const signals of SIGNALS) {
        // A life that ended before its kill is no kill.
        for (let tries = 5; tries > 0 && !(await once(signals, `${name}, round ${round}`)); tries--);
      }
    }
    const seconds = (performance.now() - begun) / 1000;
    log(
      `${name}: ${count.kills - before.kills} kills, ${count.wrong - before.wrong} wrong, ${seconds.toFixed(0)} s`,
    );
  }
  return count;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const isSame = (a, b) => (a && b ? Buffer.compare(a, b) === 0 : a === b);
const read = (...path) => (existsSync(join(...path)) ? new Uint8Array(readFileSync(join(...path))) : null);
const temporary = (path) => readdirSync(path).filter((name) => /\.tmp(\.old)?$/.test(name));

/** What stands in the folder of a training after a kill, and what it comes to when it goes on. */
async function aftermath({ folder, run, wrong }, what, out, { saved, whole, resume }) {
  const { decodeCheckpoint, loadModel } = await built('io/index.js');
  const path = join(folder, out);
  const checkpoint = read(path, CHECKPOINT);
  if (checkpoint) {
    try {
      const { step } = decodeCheckpoint(checkpoint, out);
      if (!isSame(checkpoint, saved.get(step)?.checkpoint))
        wrong(`${what}: another checkpoint at step ${step}`);
      const found = read(path, 'model.safetensors');
      if (found) await loadModel(found);
      // Between checkpoints a signal saves a step whose model comes with the next one.
      const earlier = [...saved.keys()].filter((at) => at <= step).map((at) => saved.get(at).model);
      const may = [
        ...earlier,
        saved.get(0).early,
        ...allowedModels(saved, { step: null, model: null }, step),
      ];
      if (!may.some((one) => isSame(found, one))) wrong(`${what}: another model at step ${step}`);
      const lines = (read(path, 'metrics.jsonl') ?? Buffer.from('')).length;
      if (step > 0 && lines === 0) wrong(`${what}: no line of ${step} steps`);
    } catch (error) {
      wrong(`${what}: ${error.message}`);
    }
  }
  const isBegun = checkpoint !== null || existsSync(join(path, 'tokenizer.json'));
  const { code, stderr } = await run(...resume(isBegun)).ended;
  if (code !== 0) wrong(`${what}: going on ends with ${code}: ${stderr.slice(-300)}`);
  for (const name of RUN_FILES)
    if (!isSame(read(path, name), read(folder, whole, name))) wrong(`${what}: another ${name} at the end`);
  if (temporary(path).length > 0) wrong(`${what}: ${temporary(path)} left behind`);
  rmSync(path, { recursive: true });
}

/** Kills at any moment between the first file of a run and its end; `aimed`: soon after a write has begun. */
async function killOnTheWay({ folder, random, kill }, life, out, signals, what, { span, aimed, first }) {
  const path = join(folder, out);
  mkdirSync(path, { recursive: true });
  if (aimed) await life.until(aWrite(path, 1 + Math.floor(random() * 6)));
  else await life.until(() => existsSync(join(path, first)));
  await pause(random() * span);
  return kill(life, signals, what);
}

/** Whether the nth write of a checkpoint or model has begun. */
function aWrite(path, nth) {
  const seen = new Set();
  const watcher = watch(path, (_, name) => {
    if (name?.endsWith('.tmp') && name.includes('.safetensors.')) seen.add(name);
  });
  return () => {
    const isThere = seen.size >= nth;
    if (isThere) watcher.close();
    return isThere;
  };
}

let numRuns = 0;
const newName = (what) => `${what}-${numRuns++}`;

async function training(context, { recipe, aimed = false }) {
  const { folder, run } = context;
  const name = `${newName('recipe')}.json`;
  writeFileSync(join(folder, name), JSON.stringify(recipe));
  const whole = newName('whole');
  const begun = performance.now();
  const { code, stderr } = await run('train', name, '--out', whole, '--json').ended;
  if (code !== 0) throw new Error(`the reference run failed: ${stderr}`);
  const span = aimed ? 60 : 0.9 * (performance.now() - begun);
  const stored = JSON.parse(readFileSync(join(folder, whole, 'config.json'), 'utf8')).recipe;
  const saved = await referenceRun(stored, folder, 1);
  return async (signals, what) => {
    const out = newName('run');
    const life = run('train', name, '--out', out, '--json');
    const killed = await killOnTheWay(context, life, out, signals, what, { span, aimed, first: CHECKPOINT });
    const resume = (isBegun) => ['train', name, '--out', out, '--json', ...(isBegun ? ['--resume'] : [])];
    await aftermath(context, what, out, { saved, whole, resume });
    return killed;
  };
}

async function fitting(context) {
  const { folder, run } = context;
  const args = (out) => ['fit', 'text.txt', '--steps', '60', '--out', out, '--json'];
  const whole = newName('whole');
  const begun = performance.now();
  const { code, stderr } = await run(...args(whole)).ended;
  if (code !== 0) throw new Error(`the reference run failed: ${stderr}`);
  const span = performance.now() - begun;
  const stored = JSON.parse(readFileSync(join(folder, whole, 'config.json'), 'utf8')).recipe;
  const saved = await referenceRun(stored, folder, 1);
  return async (signals, what) => {
    const out = newName('fitted');
    const life = run(...args(out));
    // From its start on: while it plans, there is nothing to go on with.
    await pause(context.random() * span);
    const killed = await context.kill(life, signals, what);
    mkdirSync(join(folder, out), { recursive: true });
    const resume = (isBegun) =>
      isBegun ? ['fit', 'text.txt', '--out', out, '--json', '--resume'] : args(out);
    await aftermath(context, what, out, { saved, whole, resume });
    return killed;
  };
}

async function exporting(context) {
  const { folder, run, random, wrong, kill } = context;
  const names = ['one', 'two'];
  const gpt2 = { positions: 'learned', embeddingScale: 1, activation: 'geluTanh' };
  const sizes = { ...lm, model: { ...model, ...gpt2, dModel: 256, dFF: 1024, numLayers: 3 }, steps: 1 };
  let span = 0;
  for (const [at, name] of names.entries()) {
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...sizes, seed: at + 1 }));
    await run('train', `${name}.json`, '--out', name, '--json').ended;
    const begun = performance.now();
    const { code, stderr } = await run('export', name, '--to', 'hf', '--out', `exports/${name}`).ended;
    if (code !== 0) throw new Error(`the reference export failed: ${stderr}`);
    span = performance.now() - begun;
  }
  const content = (path) =>
    Object.fromEntries(readdirSync(path).map((name) => [name, hashOf(join(path, name))]));
  const whole = names.map((name) => JSON.stringify(content(join(folder, 'exports', name))));
  const place = join(folder, 'exports', 'both');
  let turn = 0;
  return async (signals, what) => {
    const before = existsSync(place) ? JSON.stringify(content(place)) : null;
    const args = ['export', names[turn++ % 2], '--to', 'hf', '--out', 'exports/both', '--force'];
    const life = run(...args);
    if (random() < 0.5) await pause(random() * span);
    else {
      // Soon after it has begun to write.
      let isBegun = false;
      const watcher = watch(join(folder, 'exports'), () => {
        isBegun = true;
      });
      await life.until(() => isBegun);
      watcher.close();
      await pause(random() * 40);
    }
    const killed = await kill(life, signals, what);
    const after = existsSync(place) ? JSON.stringify(content(place)) : null;
    const old = temporary(join(folder, 'exports')).filter((name) => name.endsWith('.old'));
    if (after === null && before !== null) {
      if (old.length !== 1) wrong(`${what}: the export of before is gone`);
    } else if (after !== before && !whole.includes(String(after))) wrong(`${what}: half an export`);
    const { code, stderr } = await run(...args).ended;
    if (code !== 0) wrong(`${what}: the next export ends with ${code}: ${stderr}`);
    if (JSON.stringify(content(place)) !== whole[(turn - 1) % 2]) wrong(`${what}: another export at the end`);
    const left = readdirSync(join(folder, 'exports')).filter((name) => ![...names, 'both'].includes(name));
    if (left.length > 0) wrong(`${what}: ${left.join(', ')} left behind`);
    return killed;
  };
}

const hashOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** What must be equal of two results: all but times and the machine. */
function comparable(path) {
  const { claims, figures, runs } = JSON.parse(readFileSync(path, 'utf8'));
  return JSON.stringify([claims, figures, runs.map(({ seconds: _, ...rest }) => rest)]);
}

/** Runs of a second or less. */
const ONLY = [
  '--only',
  'law-jacobian',
  'law-relu',
  ...['post-d64', 'pre-d64', 'post-d512', 'pre-d512'].map((name) => `law-concentration-${name}`),
];

async function reproducing(context) {
  const { folder, run, random, wrong, kill } = context;
  const args = (out, ...more) => ['reproduce', ...ONLY, '--out', out, '--processes', '2', '--json', ...more];
  const begun = performance.now();
  const { code, stderr } = await run(...args('results')).ended;
  if (code !== 0 && code !== 1) throw new Error(`the reference results failed: ${stderr}`);
  const span = performance.now() - begun;
  const expected = comparable(join(folder, 'results/results.json'));
  return async (signals, what) => {
    const out = newName('results');
    const life = run(...args(out));
    await pause((0.1 + 0.85 * random()) * span);
    const children = life.children();
    const killed = await kill(life, signals, what);
    for (let waited = 0; children.some(isAlive) && waited < 3000; waited += 50) await pause(50);
    if (children.some(isAlive)) wrong(`${what}: a process goes on computing for nobody`);
    const records = join(folder, out, 'runs');
    for (const name of existsSync(records) ? readdirSync(records) : []) {
      if (name.startsWith('.')) continue;
      const { sha256, record } = JSON.parse(readFileSync(join(records, name), 'utf8'));
      const found = createHash('sha256').update(JSON.stringify(record)).digest('hex');
      if (found !== sha256) wrong(`${what}: half a record`);
    }
    if (killed && existsSync(join(folder, out, 'results.json'))) wrong(`${what}: results of a part`);
    const ended = await run(...args(out, '--resume')).ended;
    if (ended.code !== code) wrong(`${what}: going on ends with ${ended.code}: ${ended.stderr.slice(-300)}`);
    else if (comparable(join(folder, out, 'results.json')) !== expected) wrong(`${what}: other results`);
    if (temporary(join(folder, out)).length > 0) wrong(`${what}: leftovers`);
    return killed;
  };
}

/** Whether a process computes: one that nobody has asked after yet is dead all the same. */
function isAlive(pid) {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function verifying({ folder, run, random, wrong, kill }) {
  const path = join(folder, 'results/results.json');
  if (!existsSync(path)) await run('reproduce', ...ONLY, '--out', 'results', '--json').ended;
  const before = [hashOf(path), statSync(path).mtimeMs];
  const begun = performance.now();
  const { code, stdout } = await run('verify', path, '--json').ended;
  if (code !== 0) throw new Error(`the reference ends with ${code}: ${stdout}`);
  const span = performance.now() - begun;
  return async (signals, what) => {
    const life = run('verify', path, '--json');
    await pause((0.2 + 0.7 * random()) * span);
    const killed = await kill(life, signals, what);
    const { stdout: said } = await life.ended;
    if (killed && said !== '') wrong(`${what}: a verdict of a part`);
    const after = [hashOf(path), statSync(path).mtimeMs];
    if (String(after) !== String(before)) wrong(`${what}: the file is another`);
    return killed;
  };
}
