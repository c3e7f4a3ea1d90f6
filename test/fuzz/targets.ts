/** @file Every parser of files from outside, each with inputs that are nearly right. */
import { createHash } from 'node:crypto';
import { type PairBatch, parsePairs, TextWindows } from '../../src/data/index.js';
import { CheckpointError, FormatError, MemoryError, NumericError } from '../../src/errors.js';
import { loadTorchSafetensors, saveTorchSafetensors } from '../../src/interop/torch.js';
import { modelFrom } from '../../src/io/load-model.js';
import { saveModel } from '../../src/io/model-file.js';
import { decodeSafetensors, encodeSafetensors, readSafetensorsHeader } from '../../src/io/safetensors.js';
import { parseJson } from '../../src/json.js';
import { CausalLM } from '../../src/nn/models.js';
import type { StateDict } from '../../src/nn/module.js';
import { TextClassifier } from '../../src/nn/text-classifier.js';
import type { RandomStream } from '../../src/random.js';
import { buildRun, checkRecipe, noFiles, openData, type Sources } from '../../src/recipe/index.js';
import { createRuntime } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { Tokenizer, trainBPE } from '../../src/text/index.js';
import { loadCheckpointWeights, Trainer } from '../../src/train/index.js';
import { decodeText } from '../../src/utf8.js';
import { lm, text as sampleText, translation } from '../cli/corpus.js';
import { translationTrainer, translator } from '../train/setup.js';
import { damage, mutate, pick, serialize, type Tree, text, treeOf } from './json-tree.js';
import { type FuzzTarget, withDeadline } from './loop.js';
import { jsonFile, must, only, onlyLater, safetensorsFile, several, utf8 } from './nearly-right.js';
import { pretrainedTargets } from './pretrained-targets.js';
import { tokenizerTargets } from './tokenizer-targets.js';

const dtypes: [string, number][] = [
  ...([
    ['F32', 4],
    ['F64', 8],
    ['F16', 2],
    ['BF16', 2],
    ['I64', 8],
    ['U8', 1],
    ['BOOL', 1],
  ] as [string, number][]),
  ...([
    ['F8_E4M3', 1],
    ['__proto__', 4],
  ] as [string, number][]),
];

const safetensors: FuzzTarget = {
  name: 'safetensors',
  make(random) {
    const entries: [string, Tree][] = [];
    if (random.nextInt(2) === 0) entries.push(['__metadata__', treeOf({ format: 'pt', note: '{"a":1}' })]);
    let offset = 0;
    for (let n = random.nextInt(5); n > 0; n--) {
      const [dtype, size] = dtypes[random.nextInt(random.nextInt(4) === 0 ? dtypes.length : 7)];
      const shape = Array.from({ length: random.nextInt(4) }, () => random.nextInt(4));
      const bytes = shape.reduce((a, b) => a * b, size);
      entries.push([
        pick(random, ['w', 'b', 'a.b', '', 'ü']) + n,
        treeOf({ dtype, shape, data_offsets: [offset, offset + bytes] }),
      ]);
      offset += bytes;
    }
    const data = Uint8Array.from({ length: offset }, () => random.nextInt(256));
    return safetensorsFile(serialize(several({ kind: 'object', entries }, random)), data, random);
  },
  run(bytes) {
    only([FormatError], () => {
      const { tensors, metadata } = decodeSafetensors(bytes, 'x');
      must(Object.getPrototypeOf(metadata) === null, 'metadata has a prototype');
      const again = decodeSafetensors(encodeSafetensors(tensors, metadata), 'y');
      must(again.tensors.size === tensors.size, 'tensors were lost');
      for (const [name, { data }] of tensors) {
        must(Buffer.compare(bytesOf(data), bytesOf(again.tensors.get(name)?.data)) === 0, 'values changed');
      }
    });
  },
};

function bytesOf(data: ArrayBufferView | undefined): Buffer {
  return data ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.alloc(0);
}

/** A header's tensors may change type, name, order and shape and still add up. */
function reshuffle(tree: Tree & { kind: 'object' }, random: RandomStream): void {
  const at = random.nextInt(tree.entries.length);
  const [name, value] = tree.entries[at];
  if (name === '__metadata__' || value.kind !== 'object') return;
  const set = (key: string, item: Tree) => {
    value.entries = value.entries.map(([k, v]) => [k, k === key ? item : v]);
  };
  const other = pick(random, tree.entries);
  switch (random.nextInt(5)) {
    case 0:
      set('dtype', text(pick(random, ['I32', 'U32', 'F32', 'I64', 'F64'])));
      break;
    case 1:
      tree.entries[at][0] =
        `${name.slice(0, name.indexOf('.') + 1)}${pick(random, ['__proto__', 'm', 'x', ''])}`;
      break;
    case 2:
      if (other[0] !== '__metadata__') {
        tree.entries[at] = [other[0], value];
        other[0] = name;
      }
      break;
    case 3:
      set('shape', treeOf([random.nextInt(40), random.nextInt(40)]));
      break;
    default:
      tree.entries.splice(at, 1);
  }
}

const KINDS = [Float32Array, Float64Array, Int32Array, Uint8Array, BigInt64Array, BigUint64Array] as const;

/** A whole file in which one tensor has another type, name, shape or length: everything adds up, nothing fits. */
function rebuilt(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(bytes, 'baseline');
  const names = [...tensors.keys()];
  const name = pick(random, names);
  const { shape, data } = tensors.get(name)!;
  const prefix = name.slice(0, name.indexOf('.') + 1);
  switch (random.nextInt(5)) {
    case 0:
      tensors.set(name, { dtype: '', shape, data: new KINDS[random.nextInt(KINDS.length)](data.length) });
      break;
    case 1:
      tensors.set(prefix + pick(random, ['__proto__', 'x', '', 'constructor']), { dtype: '', shape, data });
      break;
    case 2:
      tensors.set(pick(random, names), { dtype: '', shape, data });
      break;
    case 3:
      tensors.set(name, { dtype: '', shape: [...shape].reverse(), data });
      break;
    default: {
      const count = random.nextInt(2 * data.length + 2);
      tensors.set(name, { dtype: '', shape: [count], data: new Float32Array(count) });
    }
  }
  if (random.nextInt(6) === 0) tensors.delete(name);
  return encodeSafetensors(tensors, metadata);
}

/** Trains a little, so that moments, losses and a position in the data are there to be damaged. */
function checkpointTarget(): FuzzTarget {
  let trainer: Trainer<PairBatch>;
  let baseline: Uint8Array | undefined;
  let header: Tree;
  let data: Uint8Array;
  let other: ReturnType<typeof translator>;
  return {
    name: 'checkpoint',
    async reset() {
      if (baseline) return;
      const runtime = await createRuntime();
      withRuntime(runtime, () => {
        trainer = translationTrainer({ config: { seed: 1 }, accumulate: 1 });
        other = translator();
        for (let step = 0; step < 3; step++) trainer.trainStep();
      });
      baseline = trainer.save();
      const parsed = readSafetensorsHeader(baseline, 'baseline');
      header = treeOf(JSON.parse(parsed.text));
      data = baseline.subarray(parsed.dataStart);
    },
    make(random) {
      if (random.nextInt(3) === 0) return seal(rebuilt(baseline as Uint8Array, random));
      let tree = structuredClone(header) as Tree & { kind: 'object' };
      if (random.nextInt(2) === 0) {
        // Inside the values of the metadata, which are JSON themselves.
        const metadata = tree.entries.find(([key]) => key === '__metadata__')?.[1] as Tree & {
          kind: 'object';
        };
        const entry = pick(random, metadata.entries);
        const inner = JSON.parse((entry[1] as { text: string }).text) as string;
        if (/^[[{"\d]/.test(inner) && entry[0] !== 'sha256' && entry[0] !== 'kernelHash') {
          entry[1] = text(serialize(mutate(treeOf(JSON.parse(inner)), random)));
        } else entry[1] = text(pick(random, ['', '0', '2', 'x', '__proto__']));
      } else {
        const reshuffled = random.nextInt(2) === 0;
        if (reshuffled) reshuffle(tree, random);
        else tree = mutate(tree, random) as typeof tree;
      }
      const values = data.slice();
      if (random.nextInt(4) === 0) values[random.nextInt(values.length)] ^= 1 << random.nextInt(8);
      const bytes = safetensorsFile(serialize(tree), values, random);
      return random.nextInt(8) === 0 ? bytes : seal(bytes);
    },
    run(bytes) {
      let accepted = false;
      try {
        only([CheckpointError], () => {
          trainer.restore(bytes, 'x.ckpt');
          accepted = true;
        });
      } finally {
        if (!accepted)
          must(
            Buffer.compare(trainer.save(), baseline as Uint8Array) === 0,
            'a refused checkpoint changed the state',
          );
      }
      const names = (file: Uint8Array) => [...decodeSafetensors(file, 'x').tensors.keys()].sort().join('\n');
      must(names(bytes) === names(trainer.save()), 'accepted with other tensors');
      try {
        trainer.trainStep();
        trainer.save();
      } catch (error) {
        // Weights of any value may be stored; that they explode shows in the step.
        if (!(error instanceof NumericError)) throw new Error(`accepted, then ${error}`);
      }
      loadCheckpointWeights(other, bytes);
      trainer.restore(baseline as Uint8Array);
      must(Buffer.compare(trainer.save(), baseline as Uint8Array) === 0, 'the state cannot be restored');
    },
    repair: seal,
  };
}

/** Files of models whose seal is right and whose content is not, mostly in what lies beside the weights. */
function modelTarget(): FuzzTarget {
  let runtime: Runtime;
  let baselines: { bytes: Uint8Array; header: Tree & { kind: 'object' }; data: Uint8Array }[] = [];
  return {
    name: 'model',
    async reset() {
      if (baselines.length > 0) return;
      runtime = await createRuntime();
      const sizes = { dModel: 8, numHeads: 2, numLayers: 1, dFF: 8, vocabSize: trained.vocabSize };
      const recipe = { model: { kind: 'causalLM' }, data: { kind: 'text', source: 'a.txt' }, steps: 3 };
      const labels = ['a', 'b', 'c'];
      baselines = withRuntime(runtime, () => [
        saveModel(new CausalLM(sizes), { tokenizer: trained, recipe, step: 3 }),
        saveModel(new TextClassifier({ ...sizes, numClasses: 3 }), { tokenizer: trained, labels }),
      ]).map((bytes) => {
        const parsed = readSafetensorsHeader(bytes, 'baseline');
        const header = treeOf(JSON.parse(parsed.text)) as Tree & { kind: 'object' };
        return { bytes, header, data: bytes.subarray(parsed.dataStart) };
      });
    },
    make(random) {
      const { bytes, header, data } = pick(random, baselines);
      if (random.nextInt(4) === 0) return seal(rebuilt(bytes, random));
      let tree = structuredClone(header);
      if (random.nextInt(5) > 0) {
        const metadata = tree.entries.find(([key]) => key === '__metadata__')?.[1] as typeof tree;
        const entry = pick(
          random,
          metadata.entries.filter(([key]) => key !== 'sha256'),
        );
        const inner = (entry[1] as { text: string }).text;
        entry[1] = text(
          /^[[{\d]/.test(inner)
            ? serialize(several(treeOf(JSON.parse(inner)), random))
            : pick(random, ['', '0', '2', 'null', 'maskedLM', '__proto__', '0.2.1']),
        );
      } else if (random.nextInt(2) === 0) reshuffle(tree, random);
      else tree = mutate(tree, random) as typeof tree;
      const file = safetensorsFile(serialize(tree), data, random);
      return random.nextInt(8) === 0 ? file : seal(file);
    },
    async run(bytes) {
      await onlyLater([CheckpointError], async () => {
        const loaded = await modelFrom({ bytes, path: 'x' }, { runtime });
        const { model, tokenizer, labels, recipe, step } = loaded;
        const beside = { tokenizer, labels, recipe, step: step ?? undefined, spareIds: true };
        const saved = withDeadline(() => saveModel(model, beside));
        const again = await modelFrom({ bytes: saved, path: 'y' }, { runtime });
        for (const [name, { data }] of model.stateDict()) {
          const other = again.model.stateDict().get(name)?.data;
          must(Buffer.compare(bytesOf(data), bytesOf(other)) === 0, 'weights changed');
        }
        must(JSON.stringify(again.config) === JSON.stringify(model.config), 'the configuration changed');
        const row = { ids: Int32Array.of(3), batchSize: 1, seqLen: 1 };
        withRuntime(runtime, () => {
          (model as CausalLM).forward(row).toArray();
          runtime.endStep();
        });
      });
    },
    repair: seal,
  };
}

/** Makes the SHA-256 of a checkpoint right again. */
export function seal(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  const at = out.indexOf('"sha256":"') + 10;
  if (at < 10 || at + 64 > out.length) return bytes;
  out.fill('0', at, at + 64);
  out.write(createHash('sha256').update(out).digest('hex'), at);
  return Uint8Array.from(out);
}

function torchTarget(): FuzzTarget {
  let runtime: Runtime;
  let bytes: Uint8Array;
  let header: Tree & { kind: 'object' };
  let data: Uint8Array;
  let model: ReturnType<typeof translator>;
  let before: string;
  const hash = (state: StateDict) => {
    const digest = createHash('sha256');
    for (const { data: values } of state.values()) digest.update(bytesOf(values));
    return digest.digest('hex');
  };
  return {
    name: 'torch',
    async reset() {
      if (runtime) return;
      runtime = await createRuntime();
      withRuntime(runtime, () => {
        model = translator({ numLayers: 2, normPlacement: 'pre' });
      });
      bytes = saveTorchSafetensors(model);
      const parsed = readSafetensorsHeader(bytes, 'baseline');
      header = treeOf(JSON.parse(parsed.text)) as typeof header;
      data = bytes.subarray(parsed.dataStart);
      before = hash(model.stateDict());
    },
    make(random) {
      if (random.nextInt(3) === 0) return rebuilt(bytes, random);
      let tree = structuredClone(header);
      if (random.nextInt(2) === 0) reshuffle(tree, random);
      else tree = several(tree, random) as typeof tree;
      if (random.nextInt(8) === 0 && tree.kind === 'object') {
        for (const entry of tree.entries) {
          entry[0] = entry[0].replace(
            /layers\.1/,
            pick(random, ['layers.9999999', 'layers.01', 'layers.1', 'x.layers.1']),
          );
        }
      }
      return safetensorsFile(serialize(tree), data, random);
    },
    run(input) {
      let accepted = false;
      try {
        only([FormatError], () => {
          withRuntime(runtime, () => loadTorchSafetensors(model, input, { path: 'x' }));
          accepted = true;
        });
      } finally {
        if (!accepted) must(hash(model.stateDict()) === before, 'a refused state changed the model');
        else before = hash(model.stateDict());
      }
    },
  };
}

const trained = trainBPE([sampleText], { vocabSize: 300 });

const tokenizer: FuzzTarget = {
  name: 'tokenizer',
  make: (random) => jsonFile(treeOf(trained.toJSON()), random),
  run(bytes) {
    only([FormatError], () => {
      const json = new TextDecoder().decode(bytes);
      const made = Tokenizer.fromJSON(json);
      for (const sample of ['the quick brown fox', 'a\ud800b \u{1f600}', '']) {
        must(made.decode(made.encode(sample)) === sample, 'a text does not survive');
      }
      must(
        Tokenizer.fromJSON(JSON.stringify(made)).vocabSize === made.vocabSize,
        'a tokenizer does not survive',
      );
    });
  },
};

const memory: Sources = {
  ...noFiles,
  canRead: true,
  exists: (path) => Object.hasOwn(files, path),
  read: async (path) => (Object.hasOwn(files, path) ? files[path] : noFiles.read(path)),
};
const pairLines = Array.from({ length: 20 }, (_, i) => `ein Satz ${i}\ta sentence ${i}\n`).join('');
const files: Record<string, Uint8Array> = {
  'text.txt': utf8(sampleText),
  'pairs/train.tsv': utf8(pairLines),
  'pairs/valid.tsv': utf8(pairLines),
};
const tiny = { dModel: 16, numHeads: 2, numLayers: 1 };
const rows = { batchSize: 2, maxLen: 24, lengthMultiple: 4, validation: 0.2 };
const rest = { optimizer: { kind: 'adam', lr: 0.01 }, steps: 2 };
const tokenizerOfRows = { kind: 'bpe', vocabSize: 300 };

/** One recipe at least of every kind of data whose content can stand in a file of JSON. */
const recipes = [
  {
    ...lm,
    optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9, weightDecay: 0 },
    clipNorm: 1,
    seed: 1,
  },
  { ...lm, optimizer: { kind: 'sgd', momentum: 0.9 }, accumulate: 2, evalEvery: 2, checkpointEvery: 2 },
  {
    ...translation,
    schedule: { kind: 'stepDecay', maxLr: 1, steps: [1, 2], factor: 0.1 },
    labelSmoothing: 0.1,
  },
  {
    ...translation,
    model: {
      kind: 'transformer',
      dModel: 16,
      numHeads: 2,
      normPlacement: 'peri',
      positions: 'learned',
      numLayers: 1,
    },
    trainable: ['all', '!head.*', 'norms'],
    optimizer: {
      kind: 'radam',
      groups: [
        { match: 'norms', lr: 0.1 },
        { match: ['*', '!biases'], weightDecay: 0 },
      ],
    },
    seeds: { model: 1, data: 2, dropout: 3 },
  },
  {
    model: { kind: 'causalLM', ...tiny },
    data: { kind: 'text', text: sampleText, seqLen: 8 },
    tokenizer: { kind: 'chars', maxVocab: 30 },
    ...rest,
  },
  {
    model: { kind: 'causalLM', ...tiny, vocabSize: 9 },
    data: {
      kind: 'tokens',
      ids: Array.from({ length: 60 }, (_, i) => i % 9),
      validation: [1, 2, 3, 4],
      batchSize: 2,
      seqLen: 8,
    },
    ...rest,
  },
  {
    model: { kind: 'maskedLM', ...tiny, numSegments: 2 },
    data: { kind: 'masked', text: sampleText, ...rows, maskedShare: 0.2 },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledPairs', text: pairLines.replace(/(\d)\n/g, '$1\t$1\n'), ...rows },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledTexts', text: pairLines, ...rows },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'visionTransformer', ...tiny, patchSize: 2 },
    data: {
      kind: 'images',
      images: Array.from({ length: 64 }, (_, i) => i / 64),
      labels: [0, 1, 0, 1],
      batchSize: 2,
      validation: 0.25,
    },
    ...rest,
  },
  { ...lm, tokenizer: { kind: 'saved', json: trainBPE(['aaa bbb'], { vocabSize: 262 }).toJSON() } },
];

function recipeTarget(): FuzzTarget {
  let runtime: Runtime;
  return {
    name: 'recipe',
    async reset() {
      runtime = await createRuntime({ maxMemory: 1 << 24 });
    },
    make: (random) => jsonFile(treeOf(pick(random, recipes)), random),
    async run(bytes) {
      const path = 'c.json';
      const recipe = checkRecipe(parseJson(decodeText(bytes, path), path), path);
      const tokenizer = recipe.tokenizer?.kind === 'bpe' ? trained : undefined;
      const opened = await openData(recipe, { sources: memory, tokenizer });
      try {
        const { options } = withDeadline(() => withRuntime(runtime, () => buildRun(recipe, opened)));
        withDeadline(() =>
          withRuntime(runtime, () => {
            new Trainer(options);
            options.data.next();
          }),
        );
        must(typeof (options.schedule?.(1) ?? 0) === 'number', 'a rate is no number');
      } catch (error) {
        // What fits 16 MB is decided here; that nothing huge is tried shows in the bytes allocated.
        if (!(error instanceof MemoryError)) throw error;
      }
    },
  };
}

const WORDS = [
  'Haus',
  'house',
  'ü',
  '\u{1f600}',
  ' ',
  '',
  '\t',
  '\r',
  '\ufeff',
  '\u2028',
  '\0',
  'a'.repeat(300),
];

const words = (random: RandomStream, separators: readonly string[]): Uint8Array => {
  let line = '';
  for (let n = random.nextInt(40); n > 0; n--)
    line += pick(random, WORDS.slice(0, 3 + random.nextInt(10))) + pick(random, separators);
  const bytes = utf8(line);
  return random.nextInt(3) === 0 ? damage(bytes, random) : bytes;
};

const pairsFile: FuzzTarget = {
  name: 'pairs',
  make(random) {
    const side = () =>
      pick(random, WORDS.slice(0, 4)) + (random.nextInt(20) === 0 ? pick(random, WORDS) : '');
    const end = pick(random, ['\n', '\r\n']);
    const lines = Array.from({ length: random.nextInt(20) }, () => `${side()}\t${side()}${end}`);
    if (random.nextInt(2) === 0) return utf8(lines.join(''));
    const at = random.nextInt(lines.length + 1);
    lines.splice(at, random.nextInt(2), new TextDecoder().decode(words(random, ['\t', '\n', ' '])));
    return damage(utf8(lines.join('')), random);
  },
  run(bytes) {
    const found = parsePairs(decodeText(bytes, 'p.tsv'), 'p.tsv');
    for (const side of found.flat()) {
      must(side.trim() !== '' && !/[\t\n]/.test(side), 'a side is empty or holds a separator');
      must(trained.decode(trained.encode(side)) === side, 'a side does not survive its tokens');
    }
    must(found.length > 0, 'no pair');
  },
};

const textFile: FuzzTarget = {
  name: 'text',
  make(random) {
    const bytes = words(random, ['\n', ' ', '', '\r\n']);
    if (random.nextInt(4) > 0) return bytes;
    const wide = Buffer.from(`${pick(random, ['', '\ufeff'])}${new TextDecoder().decode(bytes)}`, 'utf16le');
    return damage(new Uint8Array(random.nextInt(2) === 0 ? wide : wide.swap16()), random);
  },
  run(bytes) {
    const content = decodeText(bytes, 't.txt');
    const made = trainBPE([content], { vocabSize: 290 });
    const ids = made.encode(content);
    must(made.decode(ids) === content, 'a text does not survive its tokens');
    const windows = new TextWindows(ids, { batchSize: 2, seqLen: 4, seed: 1 });
    for (let i = 0; i < 3; i++) must(windows.next().ids.length === 8, 'a window is not full');
  },
};

export const targets: readonly FuzzTarget[] = [
  safetensors,
  checkpointTarget(),
  modelTarget(),
  torchTarget(),
  tokenizer,
  recipeTarget(),
  pairsFile,
  textFile,
  ...tokenizerTargets,
  ...pretrainedTargets,
];
