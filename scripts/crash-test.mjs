/**
 * @file `npm run crash-test -- [--kills 100] [--seed 1]`: the real command line trains, and is killed with SIGKILL
 * again and again: at moments drawn from a seed, and on purpose inside the write of a checkpoint. After every kill
 * the checkpoint on disk must be whole and on the path of a run that was never stopped; at the end hash, checkpoint
 * and metrics must be equal to that run's, byte for byte.
 *
 * Whether a kill fell inside a write is read from the disk, not guessed: a checkpoint is written to a temporary file
 * that carries the process id, and is renamed when it is complete; so a temporary file of the dead process is a write
 * that was under way.
 */
import { spawn } from 'node:child_process';
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

const root = resolve(fileURLToPath(import.meta.url), '../..');
const STEPS = 40;
/** At least this share of the kills has to fall inside a write. */
const INSIDE = 0.3;

/** A checkpoint of 2.9 MB every two small steps: much writing, little computing. */
const recipe = {
  model: { kind: 'causalLM', dModel: 96, numHeads: 2, numLayers: 2, dFF: 384, dropout: 0.1 },
  data: { kind: 'text', source: 'text.txt', batchSize: 2, seqLen: 8 },
  tokenizer: { kind: 'bpe', vocabSize: 280 },
  optimizer: { kind: 'adam', betas: [0.9, 0.98] },
  schedule: { kind: 'inverseSqrt', maxLr: 0.003, warmupSteps: 5 },
  clipNorm: 1,
  accumulate: 2,
  steps: STEPS,
  checkpointEvery: 2,
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
  const { decodeCheckpoint } = await import(pathToFileURL(join(root, 'dist/io/index.js')).href);
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-crash-'));
  const random = generator(seed);
  const count = { kills: 0, inside: 0, incomplete: 0, torn: 0, differing: 0, runs: 0 };
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
    const expected = { hash: JSON.parse(reference.stdout).hash, ...finished };
    const losses = decodeCheckpoint(finished.checkpoint, 'whole').tensors.get('losses').data;
    const writes = whole.writes.map(({ begin, end }) => end - begin).sort((a, b) => a - b);
    const typicalWrite = writes[writes.length >> 1] ?? 5;
    let span = whole.writes[Math.min(8, whole.writes.length - 1)].end;
    log(
      `reference: ${STEPS} steps, checkpoints of ${(finished.checkpoint.length / 1e6).toFixed(1)} MB, a write takes ${typicalWrite.toFixed(1)} ms`,
    );

    while (count.kills < kills) {
      const out = `run-${count.runs++}`;
      let seen = 0;
      for (let done = false; !done; ) {
        const has = (name) => existsSync(join(folder, out, name));
        const current = life(out, has('checkpoint.safetensors') || has('tokenizer.json'));
        if (count.kills < kills) {
          // More aimed kills while too few have hit a write.
          const aim = count.inside < 0.45 * (count.kills + 1) || random() < 0.3;
          // Some of them late, so that the moments around and after the rename are met too.
          const late = count.inside >= 0.4 * count.kills && random() < 0.5;
          const delay = random() * (late ? 3 : 1.1) * typicalWrite;
          if (aim) current.killInWrite(1 + Math.floor(random() * 3), delay);
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
        const half = left.find((name) => name.startsWith('.checkpoint.safetensors.'));
        if (half) {
          count.inside++;
          if (statSync(join(folder, out, half)).size < finished.checkpoint.length) count.incomplete++;
        }
        if (!has('checkpoint.safetensors')) {
          if (seen > 0) problem('torn', `${out}: the checkpoint is gone`);
          if (seen > 0) break;
          continue;
        }
        try {
          const bytes = new Uint8Array(readFileSync(join(folder, out, 'checkpoint.safetensors')));
          const saved = decodeCheckpoint(bytes, out);
          const own = saved.tensors.get('losses').data;
          if (saved.step < seen) problem('differing', `${out}: back from step ${seen} to ${saved.step}`);
          if (own.length !== saved.step || own.some((loss, i) => loss !== losses[i]))
            problem('differing', `${out}: other losses at step ${saved.step}`);
          seen = saved.step;
        } catch (error) {
          problem('torn', error.message);
          break; // nothing to go on from
        }
        if (done) {
          const actual = { hash: JSON.parse(stdout).hash, ...readRun(folder, out) };
          for (const key of Object.keys(expected)) {
            if (Buffer.compare(Buffer.from(actual[key]), Buffer.from(expected[key])) !== 0)
              problem('differing', `${out}: ${key} at the end`);
          }
          const strange = readdirSync(join(folder, out)).filter((name) => name.endsWith('.tmp'));
          if (strange.length > 0) problem('differing', `${out}: ${strange.join(', ')} left behind`);
        }
        if (signal === 'SIGKILL' && count.kills % 10 === 0) {
          log(`${count.kills} kills, ${count.inside} inside a write, step ${seen} of run ${count.runs}`);
        }
      }
      rmSync(join(folder, out), { recursive: true });
    }
    return count;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readRun(folder, out) {
  const read = (name) => new Uint8Array(readFileSync(join(folder, out, name)));
  return {
    checkpoint: read('checkpoint.safetensors'),
    metrics: read('metrics.jsonl'),
    tokenizer: read('tokenizer.json'),
  };
}

/** One process of the command line, with its checkpoint writes as the folder shows them. */
function startLife(command, folder, out, resume) {
  const path = join(folder, out);
  mkdirSync(path, { recursive: true });
  const writes = [];
  let open = null;
  let onWrite = () => {};
  let timer;
  const begun = performance.now();
  const watcher = watch(path, (_, name) => {
    const now = performance.now() - begun;
    if (!name?.includes('checkpoint.safetensors')) return;
    if (name.endsWith('.tmp') && name !== open?.name) {
      open = { name, begin: now, end: now };
      onWrite();
    } else if (!name.endsWith('.tmp') && open) {
      writes.push({ ...open, end: now });
      open = null;
    }
  });
  const args = ['train', 'c.json', '--out', out, '--json', ...(resume ? ['--resume'] : [])];
  const child = spawn(process.execPath, [...command, ...args], { cwd: folder });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      watcher.close();
      done({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid,
    writes,
    ended,
    killAfter(ms) {
      timer = setTimeout(() => child.kill('SIGKILL'), ms);
    },
    /** Kills `ms` after the nth write from now on has begun. */
    killInWrite(nth, ms) {
      onWrite = () => {
        if (--nth !== 0) return;
        // A timer is too coarse for a write of some milliseconds.
        const until = performance.now() + ms;
        while (performance.now() < until);
        child.kill('SIGKILL');
      };
    },
  };
}

/** Uniform in [0, 1): xorshift32. */
function generator(seed) {
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
    options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
  });
  const kills = Number(values.kills);
  const { inside, incomplete, torn, differing, runs } = await crashTest({
    kills,
    seed: Number(values.seed),
    log: console.log,
  });
  console.log(`${runs} runs; of the writes that were cut, ${incomplete} had not all their bytes yet`);
  console.log(`${kills} kills, ${inside} inside a write, ${torn} torn, ${differing} differing`);
  const tooFew = inside < INSIDE * kills;
  if (tooFew) console.log(`fewer than ${INSIDE * 100} % of the kills fell inside a write: nothing is shown`);
  process.exitCode = torn > 0 || differing > 0 || tooFew ? 1 : 0;
}
