/**
 * @file `npm run crash-test -- [--kills 100] [--seed 1] [--only PATTERN]`: the real command line trains, and is killed with
 * SIGKILL again and again: at moments drawn from a seed, and on purpose inside the write of a checkpoint or of a model. After
 * every kill the checkpoint on disk must be whole and, byte for byte, that of a run that was never stopped; the file of
 * the model must be absent or whole, load, and be that run's model at this checkpoint or, after a death between the two
 * writes, at the one before. At the end hash, checkpoint, model and metrics must be equal to that run's.
 *
 * Whether a kill fell inside a write is read from the disk, not guessed: a checkpoint is written to a temporary file
 * that carries the process id, and is renamed when it is complete; so a temporary file of the dead process is a write
 * that was under way.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startCommand } from './crash-process.mjs';
import { allowedModels, built, referenceRun } from './crash-reference.mjs';
import { crashSituations } from './crash-situations.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const STEPS = 40;
const CHECKPOINT = 'checkpoint.safetensors';
const MODEL = 'model.safetensors';
/** At least this share of the kills has to fall inside the write of a checkpoint. */
const INSIDE = 0.3;

/**
 * A checkpoint of 3 or 4 MB every two small steps: much writing, little computing. The rate is so high that the
 * evaluation of step 30 stays the best: its weights lie in the checkpoint beside the last, and the model has them.
 */
const recipe = {
  model: { kind: 'causalLM', dModel: 96, numHeads: 2, numLayers: 2, dFF: 384, dropout: 0.1 },
  data: { kind: 'text', source: 'text.txt', batchSize: 2, seqLen: 8 },
  tokenizer: { kind: 'bpe', vocabSize: 280 },
  optimizer: { kind: 'adam', betas: [0.9, 0.98] },
  schedule: { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 5 },
  clipNorm: 1,
  accumulate: 2,
  steps: STEPS,
  checkpointEvery: 2,
  evalEvery: 3,
  samples: false,
  seed: 3,
};

/**
 * @param {{ kills: number, seed?: number, command?: string[], log?: (line: string) => void }} options
 * `command` is what runs the command line, for tests that run the sources
 */
export async function crashTest({
  kills,
  seed = 1,
  command = [join(root, 'dist/cli/main.js')],
  log = () => {},
}) {
  const { decodeCheckpoint, loadModel } = await built('io/index.js');
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-crash-'));
  const random = generator(seed);
  const count = {
    kills: 0,
    inside: 0,
    insideModel: 0,
    incomplete: 0,
    behind: 0,
    torn: 0,
    differing: 0,
    runs: 0,
  };
  const problem = (kind, what) => {
    count[kind]++;
    log(`${kind}: ${what}`);
  };
  try {
    writeFileSync(
      join(folder, 'text.txt'),
      Array.from({ length: 80 }, (_, i) => `line ${i} of a text, ${i * i}\n`).join(''),
    );
    writeFileSync(join(folder, 'c.json'), JSON.stringify(recipe));
    const life = (out, resume) => startLife(command, folder, out, resume);

    // The run that is never stopped; it also tells how long a start, a step and a write take.
    const whole = life('whole', false);
    const reference = await whole.ended;
    if (reference.code !== 0) throw new Error(`the reference run failed: ${reference.stderr}`);
    const finished = readRun(folder, 'whole');
    const expected = { hash: JSON.parse(reference.stdout).hash, ...finished.files };
    const saved = await referenceRun(finished.recipe, folder);
    for (const key of ['checkpoint', 'model']) {
      if (!isSame(finished.files[key], saved.get(STEPS)[key]))
        throw new Error(`the ${key} of the command is not that of the library`);
    }
    const writes = whole.writes.map(({ begin, end }) => end - begin).sort((a, b) => a - b);
    const typicalWrite = writes[writes.length >> 1] ?? 5;
    let span = whole.writes[Math.min(8, whole.writes.length - 1)].end;
    log(
      `reference: ${STEPS} steps, checkpoints of ${(finished.files.checkpoint.length / 1e6).toFixed(1)} MB, a write takes ${typicalWrite.toFixed(1)} ms`,
    );

    while (count.kills < kills) {
      const out = `run-${count.runs++}`;
      /** What the last life left. */
      /** @type {{ step: number | null, model: Uint8Array | null }} */
      let begun = { step: null, model: null };
      for (let done = false; !done; ) {
        const has = (name) => existsSync(join(folder, out, name));
        const current = life(out, has(CHECKPOINT) || has('tokenizer.json'));
        if (count.kills < kills) {
          // More aimed kills while too few have hit a write.
          const aim = count.inside < 0.45 * (count.kills + 1) || random() < 0.3;
          // Some of them late, so that the moments around and after the rename are met too.
          const late = count.inside >= 0.4 * count.kills && random() < 0.5;
          const delay = random() * (late ? 3 : 1.1) * typicalWrite;
          const file = random() < 0.25 ? MODEL : CHECKPOINT;
          if (aim) current.killInWrite(file, 1 + Math.floor(random() * 3), delay);
          else current.killAfter(random() * span);
        }
        const born = performance.now();
        const { code, signal, stdout, stderr } = await current.ended;
        if (signal === 'SIGKILL') count.kills++;
        else if (code !== 0) throw new Error(`life of ${out} ended with ${code}: ${stderr}`);
        done = code === 0;
        // A machine that became faster would end every life before its kill.
        if (done) span = Math.min(span, 0.8 * (performance.now() - born));

        const left = readdirSync(join(folder, out)).filter(
          (name) => name.endsWith('.tmp') && name.includes(`-${current.pid}-`),
        );
        const read = (name) => (has(name) ? new Uint8Array(readFileSync(join(folder, out, name))) : null);
        const checkpoint = read(CHECKPOINT);
        const model = read(MODEL);
        const partOf = (file) => left.find((name) => name.startsWith(`.${file}.`));
        const half = partOf(CHECKPOINT) ?? partOf(MODEL);
        if (half) count[half === partOf(CHECKPOINT) ? 'inside' : 'insideModel']++;
        if (!checkpoint) {
          if (begun.step !== null || model) problem('torn', `${out}: the checkpoint is gone`);
          if (begun.step !== null) break;
          continue;
        }
        try {
          const { step } = decodeCheckpoint(checkpoint, out);
          if (begun.step !== null && step < begun.step)
            problem('differing', `${out}: back from step ${begun.step} to ${step}`);
          if (!isSame(checkpoint, saved.get(step)?.checkpoint))
            problem('differing', `${out}: another checkpoint at step ${step}`);
          if (half && statSync(join(folder, out, half)).size < wholeSize(saved, half, step))
            count.incomplete++;
          if (model) await loadModel(model, { path: `${out}: ${MODEL}` });
          if (!allowedModels(saved, begun, step).some((one) => isSame(model, one)))
            problem('differing', `${out}: ${model ? 'another' : 'no'} model at step ${step}`);
          if (!isSame(model, saved.get(step).model)) count.behind++;
          begun = { step, model };
        } catch (error) {
          problem('torn', error.message);
          break; // nothing to go on from
        }
        if (done) {
          const actual = { hash: JSON.parse(stdout).hash, ...readRun(folder, out).files };
          for (const key of Object.keys(expected)) {
            if (!isSame(Buffer.from(actual[key]), Buffer.from(expected[key])))
              problem('differing', `${out}: ${key} at the end`);
          }
          const strange = readdirSync(join(folder, out)).filter((name) => name.endsWith('.tmp'));
          if (strange.length > 0) problem('differing', `${out}: ${strange.join(', ')} left behind`);
        }
        if (signal === 'SIGKILL' && count.kills % 10 === 0) {
          log(
            `${count.kills} kills, ${count.inside} inside a checkpoint, step ${begun.step} of run ${count.runs}`,
          );
        }
      }
      rmSync(join(folder, out), { recursive: true });
    }
    return count;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether both are the same bytes, or both no file. */
function isSame(a, b) {
  return a && b ? Buffer.compare(a, b) === 0 : a === b;
}

/** Bytes of the file that a write would have become, whose life left the checkpoint of this step. */
function wholeSize(saved, name, step) {
  if (name.startsWith('.model.')) return saved.get(step).model.length;
  return (saved.get(step + recipe.checkpointEvery) ?? saved.get(step)).checkpoint.length;
}

function readRun(folder, out) {
  const read = (name) => new Uint8Array(readFileSync(join(folder, out, name)));
  const files = {
    checkpoint: read(CHECKPOINT),
    model: read(MODEL),
    metrics: read('metrics.jsonl'),
    tokenizer: read('tokenizer.json'),
  };
  // As the command filled it in.
  const { recipe: complete } = JSON.parse(readFileSync(join(folder, out, 'config.json'), 'utf8'));
  return { files, recipe: complete };
}

/** One process of the command line, with its writes of checkpoints as the folder shows them. */
function startLife(command, folder, out, resume) {
  const path = join(folder, out);
  mkdirSync(path, { recursive: true });
  const writes = [];
  /** @type {{ name: string, begin: number, end: number } | null} */
  let open = null;
  /** @type {string | null} */
  let openModel = null;
  /** @type {(file: string) => void} */
  let onWrite = () => {};
  let timer;
  const begun = performance.now();
  const watcher = watch(path, (_, name) => {
    const now = performance.now() - begun;
    // A program that writes it in place is met in its write too.
    const isNew = name?.endsWith('.tmp') ? name !== openModel : openModel === null;
    if (name?.includes(MODEL) && isNew) {
      if (name.endsWith('.tmp')) openModel = name;
      onWrite(MODEL);
    }
    if (!name?.includes(CHECKPOINT)) return;
    if (name.endsWith('.tmp') && name !== open?.name) {
      open = { name, begin: now, end: now };
      onWrite(CHECKPOINT);
    } else if (!name.endsWith('.tmp') && open) {
      writes.push({ ...open, end: now });
      open = null;
    }
  });
  const args = ['train', 'c.json', '--out', out, '--json', ...(resume ? ['--resume'] : [])];
  const child = startCommand(command, folder, args);
  const ended = child.ended.finally(() => {
    clearTimeout(timer);
    watcher.close();
  });
  return {
    pid: child.pid,
    writes,
    ended,
    killAfter(ms) {
      timer = setTimeout(() => child.kill('SIGKILL'), ms);
    },
    /** Kills `ms` after the nth write of the file from now on has begun. */
    killInWrite(file, nth, ms) {
      onWrite = (written) => {
        if (written !== file || --nth !== 0) return;
        // A timer is too coarse for a write of some milliseconds.
        const until = performance.now() + ms;
        while (performance.now() < until);
        child.kill('SIGKILL');
      };
    },
  };
}

/** Uniform in [0, 1): xorshift32. */
export function generator(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      // Situations of crash-situations.mjs.
      only: { type: 'string', default: '.' },
    },
  });
  const kills = Number(values.kills);
  const { inside, insideModel, incomplete, behind, torn, differing, runs } = await crashTest({
    kills,
    seed: Number(values.seed),
    log: console.log,
  });
  console.log(`${runs} runs; of the writes that were cut, ${incomplete} had not all their bytes yet`);
  console.log(
    `${insideModel} kills inside the write of a model; ${behind} left the model of an earlier checkpoint`,
  );
  console.log(
    `${kills} kills, ${inside} inside the write of a checkpoint, ${torn} torn, ${differing} differing`,
  );
  const tooFew = inside < INSIDE * kills;
  if (tooFew)
    console.log(`fewer than ${INSIDE * 100} % of the kills fell inside a checkpoint: nothing is shown`);
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-crash-'));
  const situations = await crashSituations({
    folder,
    command: [join(root, 'dist/cli/main.js')],
    random: generator(Number(values.seed)),
    log: console.log,
    only: new RegExp(values.only),
  });
  rmSync(folder, { recursive: true, force: true });
  console.log(`${situations.kills} kills in other situations, ${situations.wrong} wrong`);
  process.exitCode = torn > 0 || differing > 0 || tooFew || situations.wrong > 0 ? 1 : 0;
}
