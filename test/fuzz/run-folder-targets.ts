/** @file What commands write and read again: records of finished runs, lines of a training, headers of large checkpoints. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { runFault } from '../../src/cli/results-shape.js';
import { RunFolder } from '../../src/cli/run-folder.js';
import { RunLogs } from '../../src/cli/run-logs.js';
import { RunStore } from '../../src/cli/run-store.js';
import { CheckpointError, FormatError } from '../../src/errors.js';
import { makePreset, type RunRecord, type RunSpec } from '../../src/experiments/index.js';
import { stepWanted } from '../../src/io/model-path.js';
import { pathTools } from '../../src/io/path-tools.js';
import { damage, mutate, oddValue, pick, raw, serialize, type Tree, text, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { must, onlyLater, several, utf8 } from './nearly-right.js';
import { ownFolder } from './results-target.js';

/** The record of a finished run, sealed again or not. */
export function recordTarget(): FuzzTarget {
  const told: string[] = [];
  const store = new RunStore(ownFolder(), 'strict', (line) => told.push(line));
  const { runs } = JSON.parse(
    readFileSync(new URL('../../docs/results/quick.json', import.meta.url), 'utf8'),
  ) as { runs: RunRecord[] };
  const spec = makePreset('quick').runs.find(({ kind }) => kind === 'law') as RunSpec;
  const record = runs.find(({ config }) => config.kind === 'law') as RunRecord;
  let path: string;
  let stored: { key: string };
  return {
    name: 'record',
    async reset() {
      if (path) return;
      await store.write(spec, { ...record, id: spec.id, dataHash: await store.dataHash(spec) });
      path = join(store.folder, readdirSync(store.folder)[0]);
      stored = JSON.parse(readFileSync(path, 'utf8'));
      must((await store.read(spec))?.id === spec.id, 'the record is not found');
    },
    make(random) {
      const inner = serialize(several(treeOf(record), random));
      const sealed = (() => {
        try {
          return JSON.stringify(JSON.parse(inner));
        } catch {
          return inner;
        }
      })();
      const entries: [string, Tree][] = [
        ['key', text(stored.key)],
        ['sha256', text(createHash('sha256').update(sealed).digest('hex'))],
        ['record', raw(inner)],
      ];
      let tree: Tree = { kind: 'object', entries };
      if (random.nextInt(4) === 0) tree = mutate(tree, random);
      const bytes = utf8(serialize(tree));
      return random.nextInt(6) === 0 ? damage(bytes, random) : bytes;
    },
    async run(bytes) {
      writeFileSync(path, bytes);
      told.length = 0;
      const found = await store.read(spec);
      must((found === undefined) === told.length > 0, 'what is passed over is told, and nothing else');
      if (!found) throw new FormatError(told[0]);
      must(runFault(JSON.parse(JSON.stringify(found))) === undefined, 'a record of other kinds is taken');
    },
  };
}

const LINES: Record<'metrics' | 'gradients' | 'samples' | 'speed', (step: number) => object> = {
  metrics: (step) => ({ step, lr: 0.01, loss: 5 - step / 10, gradNorm: 1, tokens: 64, validNll: 5 }),
  gradients: (step) => ({ step, norms: { 'encoder.layers.0': 0.5, embedding: 1 } }),
  samples: (step) => ({ step, prompt: 'the', text: ' quick \u00fc', reference: 'brown' }),
  speed: (step) => ({ step, seconds: 0.5, tokensPerSecond: 128 }),
};

/** The files of a training's steps, as a kill, a disk or an editor may leave them: the run goes on whatever they hold. */
export function linesTarget(): FuzzTarget {
  const { files } = new RunFolder(ownFolder());
  const names = Object.keys(LINES) as (keyof typeof LINES)[];
  const STEP = 5;
  return {
    name: 'lines',
    make(random) {
      // Which file, then what it holds.
      const which = random.nextInt(names.length);
      const lines = Array.from({ length: STEP + 2 }, (_, i) => serialize(treeOf(LINES[names[which]](i + 1))));
      for (let n = random.nextInt(4); n > 0; n--) {
        const at = random.nextInt(lines.length);
        const line = treeOf(LINES[names[which]](at + 1));
        lines[at] = random.nextInt(8) === 0 ? serialize(oddValue(random)) : serialize(mutate(line, random));
      }
      const whole = utf8(lines.join('\n') + pick(random, ['\n', '', '\r\n', '\n\n']));
      return Uint8Array.of(which, ...(random.nextInt(3) === 0 ? damage(whole, random) : whole));
    },
    async run(bytes) {
      for (const name of names)
        writeFileSync(
          files[name],
          [1, 2, 3, 4, 5].map((i) => `${JSON.stringify(LINES[name](i))}\n`).join(''),
        );
      const name = names[bytes[0] % names.length];
      writeFileSync(files[name], bytes.subarray(1));
      const told: string[] = [];
      const logs = await RunLogs.open(files, STEP, (line) => told.push(line));
      logs.append(
        { step: STEP + 1, lr: 0.1, loss: 1, gradNorm: 1, tokens: 9, gradNorms: { a: 1 } } as never,
        1,
      );
      logs.close();
      for (const one of names.filter((name) => existsSync(files[name]))) {
        const lines = readFileSync(files[one], 'utf8').split('\n');
        must(lines.pop() === '', `${one}: the last line has no end`);
        for (const line of lines)
          must(JSON.parse(line).step <= STEP + 1, `${one}: a step that is not there yet`);
      }
      must(readFileSync(files.metrics, 'utf8').includes('"step":6'), 'the next step is missing');
      if (told.length > 0) throw new FormatError(told[0]);
    },
  };
}

/** Headers that speak of more than 2 GiB, in files that have as many bytes and take no room. */
export function headerTarget(): FuzzTarget {
  const path = join(ownFolder(), 'large.safetensors');
  const GIB = 2 ** 30;
  const ends = [2 * GIB - 4, 2 * GIB, 2 * GIB + 4, 4 * GIB - 4, 4 * GIB, 4 * GIB + 4, 5 * GIB];
  return {
    name: 'large-header',
    make(random) {
      const end = pick(random, ends);
      const cut = 4 * random.nextInt(end / 4);
      const metadata = {
        format: 'prenorm-checkpoint',
        version: '1',
        step: '7',
        extra: JSON.stringify({ best: { weights: pick(random, [null, 'best']), top: { step: 3 } } }),
      };
      const tensors = {
        a: { dtype: 'F32', shape: [cut / 4], data_offsets: [0, cut] },
        b: { dtype: 'F32', shape: [(end - cut) / 4], data_offsets: [cut, end] },
      };
      const header = utf8(serialize(several(treeOf({ __metadata__: metadata, ...tensors }), random)));
      const head = new Uint8Array(16 + header.length);
      const view = new DataView(head.buffer);
      const odd = [2 ** 31, 2 ** 32, 2 ** 32 + header.length, 2 ** 53, 0, header.length - 1];
      const length = random.nextInt(8) === 0 ? pick(random, odd) : header.length;
      // How long the file is comes first: a case is its bytes.
      const size = 8 + header.length + end + (random.nextInt(8) === 0 ? pick(random, [-1, 1, -4, -end]) : 0);
      view.setFloat64(0, size, true);
      view.setBigUint64(8, BigInt(length), true);
      head.set(header, 16);
      return random.nextInt(8) === 0 ? damage(head, random) : head;
    },
    async run(bytes) {
      if (bytes.length < 8) return;
      const size = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
      const file = openSync(path, 'w');
      writeSync(file, bytes.subarray(8));
      if (Number.isSafeInteger(size) && size >= 0 && size < 8 * GIB) ftruncateSync(file, size);
      closeSync(file);
      await onlyLater([CheckpointError, FormatError], async () => {
        const step = await stepWanted(fs as never, path, pathTools);
        must(step === null || Number.isSafeInteger(step), 'a step that is no number');
      });
    },
  };
}
