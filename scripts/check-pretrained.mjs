/**
 * @file `node scripts/check-pretrained.mjs [DIR]`: what no test can do, for it needs more than the repository has. Writes models
 * of every family by `toPretrained` and loads them into PyTorch modules of the same keys with `strict=True` (`pretrained/load.py`; Debian's
 * python3-torch). With DIR, a folder that has `tiny-gpt2-golden` and `tiny-gpt2-lmbuddy`, holds GPT-2 against what Hugging
 * Face's own model gave, and against a program in float64 (`pretrained/continue.py`). Run it after `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lmStepper, sample } from '../dist/generate/index.js';
import { init, noGrad, tensor, withRuntime } from '../dist/index.js';
import { fromPretrained, toPretrained } from '../dist/interop/index.js';
import { CausalLM, MaskedLM, TextClassifier, VisionTransformer } from '../dist/nn/index.js';
import { createReferenceRuntime } from '../dist/reference/runtime.js';

const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';
const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const python = (/** @type {string[]} */ ...args) => execFileSync(PYTHON, args, { encoding: 'utf8' });

const size = { dModel: 16, numHeads: 4, numLayers: 2, dFF: 24 };
const text = { ...size, vocabSize: 23, maxSeqLen: 24 };
const gpt2 = { ...text, positions: 'learned', embeddingScale: 1, activation: 'geluTanh' };
const llama = {
  ...{ ...text, positions: 'rotary', norm: 'rms', gatedFFN: true, activation: 'silu', embeddingScale: 1 },
  numKVHeads: 2,
};
const bert = {
  ...{ ...text, normPlacement: 'post', positions: 'learned', embeddingNorm: true, embeddingScale: 1 },
  ...{ activation: 'gelu', numSegments: 2 },
};
const image = { ...size, imageSize: 8, patchSize: 4, channels: 3, numClasses: 5 };

/** A model for every class of theirs, made when asked for. */
const models = {
  'gpt2, tied': () => new CausalLM(/** @type {never} */ (gpt2)),
  'gpt2, not tied': () => new CausalLM(/** @type {never} */ ({ ...gpt2, tiedEmbeddings: false })),
  'llama without biases, tied': () => new CausalLM(/** @type {never} */ ({ ...llama, bias: false })),
  'llama with all biases, not tied': () =>
    new CausalLM(/** @type {never} */ ({ ...llama, tiedEmbeddings: false })),
  'llama, attention_bias': () => new CausalLM(/** @type {never} */ ({ ...llama, bias: 'attention' })),
  'llama, mlp_bias': () => new CausalLM(/** @type {never} */ ({ ...llama, bias: 'ffn' })),
  qwen2: () => new CausalLM(/** @type {never} */ ({ ...llama, bias: 'qkv' })),
  'bert, masked tokens': () => new MaskedLM(/** @type {never} */ (bert)),
  'bert, masked tokens, not tied': () =>
    new MaskedLM(/** @type {never} */ ({ ...bert, tiedEmbeddings: false })),
  'bert, pre-training': () => new MaskedLM(/** @type {never} */ ({ ...bert, nextSentence: true })),
  'bert, classifier': () => new TextClassifier(/** @type {never} */ ({ ...bert, numClasses: 3 })),
  vit: () => new VisionTransformer(/** @type {never} */ (image)),
};

/** Loads every model, whole and in shards, with `strict=True`. @param {string} folder */
function strict(folder) {
  for (const [name, make] of Object.entries(models)) {
    const model = make().eval();
    for (const maxShardBytes of [1e9, 4000]) {
      const at = join(folder, `${name}, ${maxShardBytes === 1e9 ? 'one file' : 'shards'}`);
      mkdirSync(at);
      for (const [file, bytes] of toPretrained(model, { maxShardBytes }))
        writeFileSync(join(at, file), bytes);
    }
  }
  console.log(python(here('pretrained/load.py'), ...readdirSync(folder).map((name) => join(folder, name))));
}

/** Largest difference, relative to the largest value. @param {ArrayLike<number>} ours @param {number[]} theirs */
function difference(ours, theirs) {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} numbers instead of ${theirs.length}`);
  const scale = Math.max(...theirs.map(Math.abs));
  return Math.max(...theirs.map((value, i) => Math.abs(value - ours[i]))) / scale;
}

let failed = false;
/** @param {string} what @param {number} value @param {number} most */
function judge(what, value, most) {
  if (!(value <= most)) failed = true;
  console.log(`${what}: ${value.toExponential(1)} ${value <= most ? '<=' : 'IS MORE THAN'} ${most}`);
}

/**
 * Logits, and the stream behind the embeddings, behind the first layer, and behind the last norm.
 * @param {CausalLM} model @param {number[]} ids
 */
function run(model, ids) {
  return noGrad(() => {
    /** @type {Record<string, ArrayLike<number>>} */
    const seen = {};
    const x = model.embedding.forward(tensor(ids, { shape: [1, ids.length], dtype: 'i32' }));
    const out = model.encoder.forward(x, { causal: true }, (name, value) => {
      seen[name] = value.toArray();
    });
    const [embed, block0, lnf] = [x.toArray(), seen['encoder.layers.0.out'], out.toArray()];
    return { logits: model.output.forward(out).toArray(), embed, block0, lnf };
  });
}

/** What Hugging Face's own model gave: logits and three hidden states. @param {string} folder */
async function checkGolden(folder) {
  const { config, ...theirs } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'));
  const { model } = await fromPretrained({
    'config.json': new TextEncoder().encode(JSON.stringify({ model_type: 'gpt2', ...config })),
    'model.safetensors': new Uint8Array(readFileSync(join(folder, 'model.safetensors'))),
  });
  const ours = run(/** @type {CausalLM} */ (model), theirs.input_ids);
  judge('tiny-gpt2-golden, logits', difference(ours.logits, theirs.logits), 1e-5);
  for (const name of /** @type {const} */ (['embed', 'block0', 'lnf']))
    judge(
      `tiny-gpt2-golden, hidden_after_${name}`,
      difference(ours[name], theirs[`hidden_after_${name}`]),
      1e-5,
    );
}

/** Logits and 20 greedy tokens of a program in float64. @param {string} folder */
async function checkContinuation(folder) {
  const ids = [11, 15, 3, 0, 7, 20, 5];
  const theirs = JSON.parse(python(here('pretrained/continue.py'), folder, '20', ...ids.map(String)));
  const { model } = await fromPretrained(folder);
  const lm = /** @type {CausalLM} */ (model);
  judge('tiny-gpt2-lmbuddy, logits', difference(run(lm, ids).logits, theirs.logits), 1e-5);
  const exact = createReferenceRuntime();
  const double = await withRuntime(exact, () => fromPretrained(folder));
  const logits = withRuntime(exact, () => run(/** @type {CausalLM} */ (double.model), ids).logits);
  judge('tiny-gpt2-lmbuddy, logits in double precision', difference(logits, theirs.logits), 1e-12);
  const options = { prompt: Int32Array.from(ids), length: 20, seed: 1, topK: 1 };
  const greedy = [...sample(lmStepper(lm, 1), options)].slice(-20);
  const wrong = greedy.filter((token, i) => token !== theirs.greedy[i]).length;
  judge(`tiny-gpt2-lmbuddy, other greedy tokens of 20 (margin ${theirs.margin.toExponential(1)})`, wrong, 0);
  console.log(`  ${greedy.join(' ')}`);
}

await init();
const temporary = mkdtempSync(join(tmpdir(), 'prenorm-pretrained-'));
try {
  strict(temporary);
} finally {
  rmSync(temporary, { recursive: true });
}
const [, , checkpoints] = process.argv;
if (checkpoints) {
  await checkGolden(join(checkpoints, 'tiny-gpt2-golden'));
  await checkContinuation(join(checkpoints, 'tiny-gpt2-lmbuddy'));
}
process.exitCode = failed ? 1 : 0;
