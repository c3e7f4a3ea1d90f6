/** Folders whose weights are stored in 16 bits as they come, without a float32 in between that would change one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromHalf, type HalfType, toHalf } from '../../src/half.js';
import { fromPretrained } from '../../src/interop/index.js';
import { encodeSafetensors, type TensorEntry } from '../../src/io/index.js';
import { storeInHalf } from '../../src/nn/half.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal } from '../support.js';
import { type Files, filesOf, tensorsOf, withTensors } from './folders.js';

const test = suite('interop/half');
test.before(async () => {
  await init();
});

/** The folder with its tensors in 16 bits; the names of both types are as long as the one they take the place of. */
function inHalfPrecision(name: string, type: HalfType): Files {
  const tensors = new Map<string, TensorEntry>();
  for (const [key, { shape, data }] of tensorsOf(filesOf(name)))
    tensors.set(key, { shape, data: Uint16Array.from(data as Float32Array, (x) => toHalf(type, x)) });
  const bytes = encodeSafetensors(tensors);
  const end = bytes.length - [...tensors.values()].reduce((sum, { data }) => sum + 2 * data.length, 0);
  const header = new TextDecoder().decode(bytes.subarray(8, end));
  // One space less of the padding for the longer name.
  const said = header.replaceAll('"U16"', `"${type === 'f16' ? 'F16' : 'BF16'}"`).trimEnd();
  const text = new TextEncoder().encode(said.padEnd(Math.ceil(said.length / 8) * 8));
  const file = new Uint8Array(8 + text.length + bytes.length - end);
  new DataView(file.buffer).setUint32(0, text.length, true);
  file.set(text, 8);
  file.set(bytes.subarray(end), 8 + text.length);
  return { 'config.json': filesOf(name)['config.json'], 'model.safetensors': file };
}

for (const name of ['gpt2', 'llama', 'bert', 'vit']) {
  test(`${name}: what is stored is what the file has, or the nearest`, async () => {
    for (const own of ['f16', 'bf16'] as const) {
      const files = inHalfPrecision(name, own);
      for (const type of ['f16', 'bf16'] as const) {
        const { model: full } = await fromPretrained(files);
        const { model } = await fromPretrained(files, { dtype: type });
        const parameters = new Map(model.namedParameters());
        let matrices = 0;
        for (const [path, { data }] of full.stateDict()) {
          const parameter = parameters.get(path);
          const isMatrix = parameter?.dtype === type;
          if (isMatrix) matrices++;
          const expected = isMatrix && own !== type ? data.map((x) => fromHalf(type, toHalf(type, x))) : data;
          assert.equal(parameter?.toArray(), expected, `${own} ${type} ${path}`);
        }
        assert.ok(matrices > 4);
        assert.equal(model.stateDict(), storeInHalf(full, type).stateDict());
        for (const done of [model, full]) done.free();
      }
    }
  });
}

test('a weight that has no room, and another type, are refused', async () => {
  const large = withTensors('gpt2', (tensors) => {
    const [[, { data }]] = [...tensors].filter(([key]) => key.includes('c_fc.weight'));
    data[3] = 70000;
  });
  const error = await asyncRefusal(fromPretrained(large, { dtype: 'f16' }));
  assert.is(error.code, 'FORMAT');
  assert.match(error.message, /c_fc\.weight: the weight 70000 is beyond the largest f16.*'bf16'/);
  assert.is((await fromPretrained(large, { dtype: 'bf16' })).family, 'gpt2');
  for (const dtype of ['f32', 'f8', 16]) {
    const refused = await asyncRefusal(fromPretrained(filesOf('gpt2'), { dtype: dtype as never }));
    assert.match(refused.message, 'dtype must be one of f16, bf16');
  }
});

test.run();
