/**
 * @file `npm run check:onnx`: holds what `exportONNX` writes against the ONNX project's own library (Debian's python3-onnx).
 * Models of every kind, placement and norm pass `onnx.checker.check_model(full_check=True)`, and the table of messages in
 * src/interop/onnx/schema.ts has the numbers and kinds of the published ones.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportONNX } from '../src/interop/index.ts';
import { messages } from '../src/interop/onnx/schema.ts';
import {
  CausalLM,
  MaskedLM,
  normPlacements,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../src/nn/index.ts';
import { init } from '../src/runtime/init.ts';

const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';

/** Kinds of fields by the numbers of descriptor.proto; an enumeration (14) is written as an int32. */
const KINDS = { 2: 'float', 3: 'int64', 5: 'int32', 9: 'string', 11: 'message', 12: 'bytes', 14: 'int32' };

const size = { dModel: 16, numHeads: 4, numLayers: 2, dFF: 24 };
const text = { ...size, vocabSize: 23, maxSeqLen: 24 };
const norms = ['layer', 'rms', 'dyt', 'scale'];
const activations = ['relu', 'gelu', 'geluTanh', 'silu'];
const positions = ['learned', 'sinusoidal', 'rotary'];

/** @returns {Generator<[string, any, object]>} */
function* models() {
  for (const [i, normPlacement] of normPlacements.entries()) {
    const options = {
      ...text,
      normPlacement,
      norm: norms[i % 4],
      activation: activations[i % 4],
      positions: positions[i % 3],
    };
    yield [`lm-${normPlacement}`, new CausalLM(/** @type {any} */ (options)), {}];
    yield [`pair-${normPlacement}`, new Transformer(/** @type {any} */ (options)), {}];
  }
  for (const norm of norms) {
    const encoder = /** @type {any} */ ({ ...text, norm, numSegments: 2, activation: 'geluTanh' });
    yield [`masked-${norm}`, new MaskedLM({ ...encoder, nextSentence: true }), {}];
    for (const pooling of ['first', 'mean', 'last'])
      yield [`classes-${norm}-${pooling}`, new TextClassifier({ ...encoder, numClasses: 3, pooling }), {}];
    const image = /** @type {any} */ ({
      ...size,
      norm,
      imageSize: 8,
      patchSize: 4,
      channels: 3,
      numClasses: 5,
    });
    yield [`images-${norm}`, new VisionTransformer(image), {}];
  }
  const grouped = /** @type {any} */ ({ ...text, numKVHeads: 2, qkNorm: 'l2', gatedFFN: true, bias: 'qkv' });
  yield ['lm-grouped', new CausalLM(grouped), {}];
  yield ['lm-no-cache', new CausalLM(/** @type {any} */ (text)), { withPast: false }];
  yield ['lm-halves', new CausalLM(/** @type {any} */ (text)), { dtype: 'f16' }];
  yield ['lm-beside', new CausalLM(/** @type {any} */ (text)), { maxFileBytes: 5000 }];
}

await init();
const folder = mkdtempSync(join(tmpdir(), 'prenorm-onnx-'));
try {
  let written = 0;
  for (const [name, model, options] of models()) {
    for (const [file, bytes] of await exportONNX(model, options)) {
      const path = join(folder, name, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      if (file.endsWith('.onnx')) written++;
    }
  }
  const program = fileURLToPath(new URL('onnx/check.py', import.meta.url));
  const output = execFileSync(PYTHON, [program, folder], { encoding: 'utf8', maxBuffer: 1e8 });
  const { version, messages: published, checked } = JSON.parse(output);
  if (checked.length !== written) throw new Error(`${checked.length} of ${written} graphs were checked`);
  const fields = compareMessages(published);
  console.log(
    `onnx ${version}: ${checked.length} graphs pass its checker, ${fields} fields are as published`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

/** @param {Record<string, Record<string, [number: number, type: number, several: boolean]>>} published */
function compareMessages(published) {
  let count = 0;
  for (const [message, fields] of Object.entries(messages)) {
    for (const [field, [number, kind, several]] of Object.entries(fields)) {
      const [theirs, type, repeated] = published[message]?.[field] ?? [];
      const isSame =
        theirs === number &&
        repeated === (several === 'repeated') &&
        KINDS[/** @type {keyof typeof KINDS} */ (type)] === (kind in messages ? 'message' : kind);
      if (!isSame) throw new Error(`${message}.${field} is published as ${published[message]?.[field]}`);
      count++;
    }
  }
  return count;
}
