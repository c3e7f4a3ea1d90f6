/** @file Where a pre-trained model may lie, and everything that may be wrong with its folder: one typed error each. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, type PretrainedFile, type PretrainedSource } from '../../src/interop/index.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal } from '../support.js';

const test = suite('interop/folders');
await init();

const folder = fileURLToPath(new URL('../fixtures/pretrained/gpt2/', import.meta.url));
const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const read = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(folder, name)));
const files = (changes: Record<string, PretrainedFile> = {}): Record<string, PretrainedFile> => ({
  [CONFIG]: read(CONFIG),
  [WEIGHTS]: read(WEIGHTS),
  ...changes,
});
const json = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
const config = JSON.parse(new TextDecoder().decode(read(CONFIG))) as object;
const refused = (source: unknown) => asyncRefusal(fromPretrained(source as PretrainedSource));
const scratch = mkdtempSync(join(tmpdir(), 'prenorm-folders-'));
test.after(() => rmSync(scratch, { recursive: true }));
/** A copy of the folder on the disk, without the names given. */
function copy(name: string, ...without: string[]): string {
  const to = join(scratch, name);
  cpSync(folder, to, { recursive: true });
  for (const file of without) rmSync(join(to, file));
  return to;
}

test('bytes come in any array, shared or of another page', async () => {
  const all = read(WEIGHTS);
  const shared = new Uint8Array(new SharedArrayBuffer(all.length + 3), 3);
  shared.set(all);
  const elsewhere = runInNewContext('n => new Uint8Array(n)')(all.length) as Uint8Array<ArrayBuffer>;
  elsewhere.set(all);
  assert.not.instance(elsewhere.buffer, ArrayBuffer);
  const forms = [all.buffer, new DataView(all.buffer), shared, elsewhere, elsewhere.buffer, new Blob([all])];
  for (const form of forms) {
    const { family } = await fromPretrained(files({ [WEIGHTS]: form as PretrainedFile }));
    assert.is(family, 'gpt2');
  }
  for (const form of ['text', 3, {}, new Date(0)]) {
    const error = await refused(files({ [WEIGHTS]: form as never }));
    assert.equal([error.code, error.op], ['CONFIG', 'fromPretrained']);
    assert.match(error.message, /model\.safetensors must come as bytes, a Blob or a Response/);
  }
  for (const source of [null, 3, all, all.buffer, new Blob([all])]) {
    assert.match((await refused(source)).message, /the source must be a folder, files or a function/);
  }
});

test('of a folder chosen in a page the files of folders below do not count', async () => {
  const file = (path: string, bytes: Uint8Array<ArrayBuffer>) => {
    const made = new File([bytes], path.slice(path.lastIndexOf('/') + 1));
    return Object.assign(made, { webkitRelativePath: path });
  };
  const chosen = [
    file('gpt2/onnx/config.json', json({ model_type: 'other' })),
    file('gpt2/config.json', read(CONFIG)),
    file('gpt2/model.safetensors', read(WEIGHTS)),
  ];
  assert.is((await fromPretrained(chosen)).family, 'gpt2');
  const twice = [new File([read(CONFIG)], CONFIG), new File([read(CONFIG)], CONFIG)];
  assert.match((await refused(twice)).message, /the list has "config\.json" twice/);
  assert.match((await refused([read(CONFIG)])).message, /a list must be one of files/);
});

test('links are followed to files, and to nothing else', async () => {
  const linked = copy('linked', WEIGHTS);
  symlinkSync(join(folder, WEIGHTS), join(linked, WEIGHTS));
  assert.is((await fromPretrained(linked)).family, 'gpt2');
  for (const [name, target, says] of [
    ['device', '/dev/zero', /model\.safetensors: it is no file/],
    ['directory', scratch, /model\.safetensors: it is no file/],
    ['nothing', '/nowhere/at/all', /model\.safetensors: it is a link to nothing/],
    ['itself', WEIGHTS, /model\.safetensors: it is a link that leads back to itself \(put the file itself/],
  ] as const) {
    const at = copy(name, WEIGHTS);
    symlinkSync(target, join(at, WEIGHTS));
    const error = await refused(at);
    assert.match(error.message, says);
    assert.equal([error.code, error.path], ['FORMAT', join(at, WEIGHTS)]);
  }
});

test('a pipe is refused before it is opened', async () => {
  if (process.platform === 'win32') return;
  const at = copy('pipe', CONFIG);
  execFileSync('mkfifo', [join(at, CONFIG)]);
  assert.match((await refused(at)).message, /config\.json: it is no file/);
});

test('a path that is no folder says what to give', async () => {
  assert.match(
    (await refused(join(scratch, 'none'))).message,
    /none: there is no such folder \(give the folder/,
  );
  assert.match((await refused(join(folder, WEIGHTS))).message, /it is no folder \(give the folder/);
  const gguf = join(scratch, 'm.gguf');
  writeFileSync(gguf, 'GGUF');
  assert.match((await refused(gguf)).message, /a GGUF file.*fetch the folder of the original model/);
  mkdirSync(join(scratch, 'empty'));
  assert.match((await refused(join(scratch, 'empty'))).message, /there is no config\.json/);
});

test('weights of other formats: how to convert them, also where nothing can be listed', async () => {
  const cases: [string, RegExp][] = [
    ['pytorch_model.bin', /pickle.*write it as model\.safetensors, in Python/],
    ['pytorch_model.bin.index.json', /pickle.*write it as model\.safetensors, in Python/],
    ['model.gguf', /GGUF.*fetch the folder of the original model/],
    ['tf_model.h5', /TensorFlow's.*from_tf=True/],
    ['flax_model.msgpack', /Flax's.*from_flax=True/],
    ['model.onnx', /graph of operations.*fetch the folder of the original model/],
  ];
  for (const [name, says] of cases) {
    const { [WEIGHTS]: _, ...rest } = files({ [name]: new Uint8Array(4) });
    for (const source of [rest, async (asked: string) => rest[asked] ?? null]) {
      const error = await refused(source);
      assert.match(error.message, says);
      assert.equal([error.code, error.path], ['FORMAT', name]);
    }
  }
  const { [WEIGHTS]: _, ...alone } = files();
  assert.match(
    (await refused(alone)).message,
    /there is no model\.safetensors \(there is "config\.json"; a folder of Hugging Face has/,
  );
});

test('weights of few bits are refused before a model is made, by config.json or by their dtype', async () => {
  const told = json({ ...config, quantization_config: { quant_method: 'awq', bits: 4 } });
  assert.match((await refused(files({ [CONFIG]: told }))).message, /quantised \(awq\).*dequantize\(\)/);
  const { tensors } = decodeSafetensors(read(WEIGHTS));
  const name = 'transformer.h.0.mlp.c_fc.weight';
  const { shape, data } = tensors.get(name) as { shape: number[]; data: Float32Array };
  const small = new Map<string, { shape: number[]; data: Float32Array | Int8Array }>(
    [...tensors].map(([key, value]) => [key, value as { shape: number[]; data: Float32Array }]),
  );
  small.set(name, { shape, data: new Int8Array(data.length) });
  const error = await refused(files({ [WEIGHTS]: encodeSafetensors(small as never) }));
  assert.match(
    error.message,
    /c_fc\.weight" is I8; weights are read from F32, F16, BF16 \(quantised.*dequantize/,
  );
});

test('config.json and the index must be JSON objects of a sane size, in UTF-8', async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  const cases: [PretrainedFile, RegExp][] = [
    [text(''), /config\.json: the file is empty/],
    [text('{"a": 1,}'), /config\.json:1:9: not valid JSON/],
    [text('{"a": 1, "a": 2}'), /the key "a" stands twice/],
    [text('['.repeat(100)), /nested deeper than 64/],
    [new Uint8Array([123, 0xff, 125]), /config\.json:1: invalid UTF-8 at byte 1/],
    [text('[1]'), /config\.json: a JSON object is wanted, got a list/],
    [text('null'), /config\.json: a JSON object is wanted, got null/],
    [text('{}'), /config\.json: it has no model_type, which says what the model is; known here are gpt2/],
  ];
  for (const [content, says] of cases)
    assert.match((await refused(files({ [CONFIG]: content }))).message, says);
  const large = { size: 1 << 29, slice: () => assert.unreachable('read'), [Symbol.toStringTag]: 'Blob' };
  assert.match(
    (await refused(files({ [CONFIG]: large as never }))).message,
    /config\.json: 536870912 bytes, at most 268435456 are read/,
  );
});

test.run();
