/** @file The files that `exportONNX` gives: their names, what is in them once, what lies beside them, what is refused. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, EnvironmentError, NumericError } from '../../src/errors.js';
import { type ExportONNXOptions, exportONNX } from '../../src/interop/index.js';
import { toHalves } from '../../src/interop/onnx/halves.js';
import { loadModelProto } from '../../src/interop/onnx/protobuf.js';
import { TYPE } from '../../src/interop/onnx/schema.js';
import { decodeSafetensors } from '../../src/io/index.js';
import {
  CausalLM,
  type LibraryModel,
  MaskedLM,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { CharTokenizer, trainBPE } from '../../src/text/index.js';
import { asyncRefusal, gaussians } from '../support.js';
import { SIZE, TEXT } from './onnx-models.js';

const test = suite('interop: ONNX files');
await init();
const { decode } = await loadModelProto({ ConfigError, EnvironmentError, NumericError, version: '' });

type Folder = Awaited<ReturnType<typeof exportONNX>>;
const proto = (folder: Folder, name: string) => decode(folder.get(`onnx/${name}`) as Uint8Array);
const json = (folder: Folder, name: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(folder.get(name)));
const weightsOf = (folder: Folder, name: string) => proto(folder, name).graph?.initializer ?? [];

const gpt2 = { ...TEXT, positions: 'learned', embeddingScale: 1, activation: 'geluTanh' } as const;
const bert = {
  ...TEXT,
  positions: 'learned',
  embeddingScale: 1,
  activation: 'gelu',
  normPlacement: 'post',
  numSegments: 2,
  embeddingNorm: true,
} as const;
const vit = { ...SIZE, imageSize: 8, patchSize: 4, channels: 3, numClasses: 3 } as const;

test('each kind of model has its files, and config.json the architecture where others have it', async () => {
  const kinds: [model: LibraryModel, graphs: string[], type: string, architecture?: string][] = [
    [new CausalLM(gpt2), ['model'], 'gpt2', 'GPT2LMHeadModel'],
    [
      new CausalLM({
        ...TEXT,
        positions: 'rotary',
        norm: 'rms',
        gatedFFN: true,
        activation: 'silu',
        embeddingScale: 1,
      }),
      ['model'],
      'llama',
      'LlamaForCausalLM',
    ],
    [new MaskedLM(bert), ['model'], 'bert', 'BertForMaskedLM'],
    [new TextClassifier({ ...bert, numClasses: 2 }), ['model'], 'bert', 'BertForSequenceClassification'],
    [new VisionTransformer(vit), ['model'], 'vit', 'ViTForImageClassification'],
    [new CausalLM({ ...TEXT, normPlacement: 'deepnorm' }), ['model'], 'prenorm'],
    [new Transformer(TEXT), ['encoder_model', 'decoder_model', 'decoder_with_past_model'], 'prenorm'],
  ];
  for (const [model, graphs, type, architecture] of kinds) {
    for (const [dtype, suffix] of [
      ['f32', ''],
      ['f16', '_fp16'],
    ] as const) {
      const folder = await exportONNX(model, { dtype });
      const names = [...folder.keys()].filter((name) => name.startsWith('onnx/'));
      assert.equal(
        names,
        graphs.map((name) => `onnx/${name}${suffix}.onnx`),
      );
      const config = json(folder, 'config.json');
      assert.equal(
        [config.model_type, (config.architectures as string[] | undefined)?.[0]],
        [type, architecture],
      );
      if ('numClasses' in model.config)
        assert.is(Object.keys(config.id2label as object).length, model.config.numClasses);
    }
  }
});

test('inputs and outputs have the names that other programs look for', async () => {
  const names = async (model: LibraryModel, name: string, options: ExportONNXOptions = {}) => {
    const { graph } = proto(await exportONNX(model, options), name);
    return [graph?.input, graph?.output].map((values) => values?.map(({ name }) => name));
  };
  const layers = ['key', 'value'].flatMap((what) => [`0.${what}`, `1.${what}`]).sort();
  assert.equal(await names(new CausalLM(gpt2), 'model.onnx'), [
    ['input_ids', 'attention_mask', ...layers.map((name) => `past_key_values.${name}`)],
    ['logits', ...layers.map((name) => `present.${name}`)],
  ]);
  assert.equal(await names(new CausalLM(gpt2), 'model.onnx', { withPast: false }), [
    ['input_ids', 'attention_mask'],
    ['logits'],
  ]);
  assert.equal(await names(new MaskedLM({ ...bert, nextSentence: true }), 'model.onnx'), [
    ['input_ids', 'attention_mask', 'token_type_ids'],
    ['logits', 'last_hidden_state', 'next_sentence_logits'],
  ]);
  assert.equal(await names(new VisionTransformer(vit), 'model.onnx'), [['pixel_values'], ['logits']]);
  const [takes] = await names(new Transformer(TEXT), 'decoder_with_past_model.onnx');
  for (const name of [
    'encoder_attention_mask',
    'past_key_values.1.decoder.value',
    'past_key_values.1.encoder.key',
  ])
    assert.ok(takes?.includes(name), name);
});

test('a weight is in a file once, whoever uses it, and its values are the parameter’s', async () => {
  const model = new CausalLM(TEXT);
  const weights = weightsOf(await exportONNX(model), 'model.onnx');
  const names = weights.map(({ name }) => name as string);
  assert.is(new Set(names).size, names.length);
  const table = weights.filter(({ dims }) => dims?.join() === `${TEXT.vocabSize},${TEXT.dModel}`);
  assert.equal(
    table.map(({ name }) => name),
    ['embedding.tokens.weight'],
  );
  assert.not.ok(weights.some(({ dims }) => dims?.join() === `${TEXT.dModel},${TEXT.vocabSize}`));
  const raw = table[0].rawData as Uint8Array;
  const values = new Float32Array(raw.slice().buffer);
  assert.equal(values, model.stateDict().get('embedding.tokens.weight')?.data);
  const floats = weights.filter(({ dataType }) => dataType === TYPE.float);
  const held = floats.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0) / 4, 0);
  // Beside the parameters: the sinusoids, and a handful of constants.
  const sinusoids = TEXT.maxSeqLen * TEXT.dModel;
  assert.ok(
    held >= model.numParameters() + sinusoids && held < model.numParameters() + sinusoids + 16,
    `${held}`,
  );
});

test('equal models give equal bytes, of standard operators alone', async () => {
  const make = () =>
    new CausalLM({ ...TEXT, normPlacement: 'normformer', numKVHeads: 2, positions: 'rotary' });
  const [one, other] = [await exportONNX(make()), await exportONNX(make())];
  for (const [name, bytes] of one) assert.equal(bytes, other.get(name), name);
  const { graph, opsetImport, irVersion } = proto(one, 'model.onnx');
  assert.equal(
    opsetImport?.map(({ domain, version }) => [domain, version]),
    [['', 17n]],
  );
  assert.is(irVersion, 8n);
  const operators = new Set(graph?.node?.map(({ opType }) => opType));
  const later = ['Gelu', 'RMSNormalization', 'Attention', 'RotaryEmbedding', 'Swish'];
  assert.equal(
    later.filter((name) => operators.has(name)),
    [],
  );
});

test('weights that make a file too large lie beside it, at pages, and are the same', async () => {
  const model = new CausalLM(TEXT);
  const inside = await exportONNX(model);
  const most = 9000;
  const folder = await exportONNX(model, { maxFileBytes: most });
  const data = [...folder].filter(([name]) => name.includes('_data'));
  assert.ok(
    data.length > 2 && data[0][0] === 'onnx/model.onnx_data' && data[1][0] === 'onnx/model.onnx_data_1',
  );
  assert.equal(json(folder, 'config.json')['transformers.js_config'], {
    use_external_data_format: { 'model.onnx': data.length },
  });
  let outside = 0;
  const whole = new Map(weightsOf(inside, 'model.onnx').map(({ name, rawData }) => [name, rawData]));
  for (const { name, rawData, externalData, dataLocation } of weightsOf(folder, 'model.onnx')) {
    const place = Object.fromEntries((externalData ?? []).map(({ key, value }) => [key, value]));
    if (!place.location) {
      assert.equal(rawData, whole.get(name), name);
      continue;
    }
    outside++;
    const [at, length] = [Number(place.offset), Number(place.length)];
    assert.equal([dataLocation, at % 4096], [1, 0]);
    assert.equal(
      folder.get(`onnx/${place.location}`)?.slice(at, at + length),
      whole.get(name)?.slice(),
      name,
    );
  }
  assert.ok(outside > 5);
});

test('halves are the nearest to each number, ties to even', () => {
  const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
  const header = new TextEncoder().encode(
    JSON.stringify({ x: { dtype: 'F16', shape: [bits.length], data_offsets: [0, 2 * bits.length] } }).padEnd(
      80,
    ),
  );
  const file = new Uint8Array(8 + header.length + 2 * bits.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(new Uint8Array(bits.buffer), 8 + header.length);
  const known = decodeSafetensors(file).tensors.get('x')?.data as Float32Array;
  const back = (values: Float32Array) => toHalves(values, 'x', NumericError);
  assert.equal(back(known), bits);
  assert.equal(
    back(known.map((value) => -value)).map((half) => half & 0x7fff),
    bits,
  );
  for (let i = 0; i + 1 < known.length; i += 97) {
    const [low, high] = [known[i], known[i + 1]];
    const middle = (low + high) / 2;
    assert.equal(
      [...back(Float32Array.of(middle, (low + 3 * high) / 4, (3 * low + high) / 4))],
      [i % 2 === 0 ? i : i + 1, i + 1, i],
      `between ${low} and ${high}`,
    );
  }
  assert.throws(() => back(Float32Array.of(1, -65520)), /x has -65520.*f16.*f32/);
});

test('what cannot be is one typed error before anything is written', async () => {
  const model = new CausalLM(TEXT);
  const refused = async (options: object, message: RegExp, of: LibraryModel = model) => {
    const error = await asyncRefusal(exportONNX(of, options as ExportONNXOptions));
    assert.is(error.op, 'exportONNX');
    assert.match(error.message, message);
  };
  await refused({ dtype: 'int8' }, /f32, f16, got "int8".*quantize_dynamic.*onnxruntime/);
  await refused({ opset: 16 }, /opset must be a whole number from 17 to 23/);
  await refused({ withPast: true }, /generates nothing/, new MaskedLM(bert));
  await refused({ labels: ['a'] }, /no classes/);
  await refused({ labels: ['a'] }, /1 labels for 3 classes/, new VisionTransformer(vit));
  await refused({ tokenizer: new CharTokenizer([97, 98]) }, /CharTokenizer has no form/);
  await refused({ tokenizer: trainBPE(['a b c d e'], { vocabSize: 280 }) }, /ids, the model 29/);
  await refused({}, /must be one of the library/, {} as LibraryModel);
  const broken = new CausalLM(TEXT);
  broken.encoder.layers[1].feedForward.linear1.weight.storage.write(7, [Number.NaN]);
  await refused({}, /encoder\.layers\.1\.linear1\.weight has NaN/, broken);
  const huge = new CausalLM(TEXT);
  huge.encoder.layers[0].selfAttn.outProj.weight.storage.write(
    0,
    gaussians(4).map(() => 1e5),
  );
  await refused({ dtype: 'f16' }, /out_proj\.weight\.T has 100000.*dtype 'f32'/, huge);
});

test('without the protobuf library the error says what to install', () => {
  const source = (path: string) => pathToFileURL(new URL(path, import.meta.url).pathname).href;
  const hooks = `export const resolve = (name, context, next) => {
    if (name.startsWith('@bufbuild/')) throw Object.assign(new Error('no ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  };`;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const { init } = await import(${JSON.stringify(source('../../src/runtime/init.ts'))});
    const { CausalLM } = await import(${JSON.stringify(source('../../src/nn/index.ts'))});
    const { exportONNX } = await import(${JSON.stringify(source('../../src/interop/index.ts'))});
    await init();
    await exportONNX(new CausalLM({ vocabSize: 5, dModel: 8 })).catch((e) => console.log(e.code, e.message));
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    { encoding: 'utf8' },
  );
  assert.match(stdout, /^ENVIRONMENT exportONNX: .*npm install @bufbuild\/protobuf/, stderr);
});

test('a page that exports nothing is bundled where there is no protobuf library', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-bundle-'));
  try {
    cpSync(new URL('../../dist', import.meta.url), join(folder, 'dist'), { recursive: true });
    const { errors, outputFiles } = await build({
      entryPoints: [join(folder, 'dist/interop/index.js')],
      external: ['node:*'],
      bundle: true,
      splitting: true,
      format: 'esm',
      outdir: join(folder, 'out'),
      write: false,
      logLevel: 'silent',
    });
    assert.equal(errors, []);
    const left = outputFiles.filter(({ text }) => text.includes('import("@bufbuild/protobuf")'));
    assert.is(left.length, 1, 'it is left to the page');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('beside a tokenizer stand its files and the ids that begin and end a text', async () => {
  const tokenizer = trainBPE(['to be or not to be, that is the question'], { vocabSize: 280 });
  const model = new CausalLM({ ...gpt2, vocabSize: 280 });
  const folder = await exportONNX(model, { tokenizer });
  const { bosId, eosId, padId } = tokenizer;
  const ids = { bos_token_id: bosId, eos_token_id: eosId, pad_token_id: padId };
  assert.equal(json(folder, 'generation_config.json'), ids);
  assert.is(json(folder, 'config.json').eos_token_id, eosId);
  assert.equal(
    [...folder.keys()],
    ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'onnx/model.onnx'],
  );
  const pair = new Transformer({ ...TEXT, vocabSize: 280 });
  const generation = json(await exportONNX(pair, { tokenizer }), 'generation_config.json');
  assert.is(generation.decoder_start_token_id, bosId);
  assert.is(
    json(await exportONNX(new VisionTransformer(vit)), 'preprocessor_config.json').do_normalize,
    false,
  );
});

test.run();
