/** Adapters as PEFT has them: its names, there and back, and what is refused. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, FormatError } from '../../src/errors.js';
import { fromPretrained } from '../../src/interop/index.js';
import { LoraAdapter, type LoraOptions, loadAdapter, saveAdapter } from '../../src/interop/tuning.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import { storeInHalf } from '../../src/nn/half.js';
import type { CausalLM, LibraryModel } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal, refusal } from '../support.js';
import { languageModel, textWindows } from '../train/setup.js';
import { filesOf, json, parsed, tensorsOf } from './folders.js';

const test = suite('interop: adapters');
test.before(async () => {
  await init();
});

function shaken(model: LibraryModel, options: LoraOptions): LoraAdapter {
  const adapter = new LoraAdapter(model, { rank: 2, ...options });
  for (const p of adapter.parameters()) p.set(p.toArray().map((_, i) => Math.sqrt(i % 11) * 0.05 - 0.05));
  return adapter;
}

const load = async (name: string) => (await fromPretrained(filesOf(name))).model;
const namesOf = (files: ReadonlyMap<string, Uint8Array>) => [...tensorsOf(files).keys()];

test('names are those of the modules of the family, packed or not', async () => {
  const gpt2 = saveAdapter(shaken(await load('gpt2'), { targets: ['in_proj', 'linear2'], alpha: 5 }), {
    base: 'gpt2',
  });
  const names = namesOf(gpt2);
  assert.ok(names.includes('base_model.model.transformer.h.0.attn.c_attn.lora_A.weight'), names.join());
  assert.ok(names.includes('base_model.model.transformer.h.1.mlp.c_proj.lora_B.weight'));
  const config = parsed(gpt2.get('adapter_config.json'));
  assert.equal([config.peft_type, config.r, config.lora_alpha, config.fan_in_fan_out], ['LORA', 2, 5, true]);
  assert.equal([config.target_modules, config.task_type], [['attn.c_attn', 'mlp.c_proj'], 'CAUSAL_LM']);
  const llama = saveAdapter(shaken(await load('llama'), { targets: ['in_proj', 'linear3'] }));
  const tensors = tensorsOf(llama);
  const at = 'base_model.model.model.layers.0.self_attn.';
  const [q, k] = ['q', 'k'].map((part) => tensors.get(`${at}${part}_proj.lora_A.weight`)?.data);
  assert.ok(q && k, [...tensors.keys()].join());
  assert.equal(q, k, 'one A for all three');
  assert.ok(tensors.has('base_model.model.model.layers.0.mlp.up_proj.lora_A.weight'));
  assert.is(parsed(llama.get('adapter_config.json')).fan_in_fan_out, false);
});

test('there and back: the same adapter, for every family and for a model of none', async () => {
  const models: [LibraryModel, LoraOptions][] = [
    [await load('gpt2'), { targets: ['in_proj', 'out_proj', 'linear1', 'linear2'], dropout: 0.1 }],
    [await load('llama'), { targets: ['in_proj', 'out_proj', 'linear1', 'linear2', 'linear3'] }],
    [await load('llama'), { targets: ['q_proj', 'v_proj'] }],
    [await load('bert'), { targets: ['q_proj', 'k_proj', 'linear1'] }],
    [languageModel({ normPlacement: 'peri' }), {}],
  ];
  for (const [model, options] of models) {
    const adapter = shaken(model, options);
    const files = saveAdapter(adapter);
    const read = await loadAdapter(model, files);
    assert.equal(read.config, adapter.config);
    assert.equal(read.stateDict(), adapter.stateDict());
    assert.not(read.attached);
    const again = saveAdapter(read);
    for (const [name, bytes] of files)
      assert.is(Buffer.compare(again.get(name) as Uint8Array, bytes), 0, name);
  }
});

test('a base in 16 bits is known again, whichever of the two was trained on', async () => {
  const full = () => languageModel();
  const half = (type: 'f16' | 'bf16') => storeInHalf(full(), type);
  const made = [full(), half('f16'), half('bf16')].map((model) => saveAdapter(shaken(model, {})));
  const taken = async (files: ReadonlyMap<string, Uint8Array>, model: LibraryModel): Promise<boolean> =>
    loadAdapter(model, files).then(
      () => true,
      (error) => {
        assert.instance(error, ConfigError);
        assert.match(error.message, /base (with other weights|in b?f16)/);
        return false;
      },
    );
  const found: boolean[][] = [];
  for (const files of made) {
    const row: boolean[] = [];
    for (const model of [full(), half('f16'), half('bf16')]) row.push(await taken(files, model));
    found.push(row);
  }
  // What was rounded in one way says nothing of the other.
  assert.equal(found, [
    [true, true, true],
    [true, true, false],
    [true, false, true],
  ]);
  const other = storeInHalf(languageModel({ seed: 9 }), 'f16');
  for (const files of made) assert.is(await taken(files, other), false);
});

test('another base is refused, unless it is wanted; other models, kinds and damages are, too', async () => {
  const model = languageModel();
  const files = saveAdapter(shaken(model, {}));
  const other = languageModel({ seed: 9 });
  const refused = await asyncRefusal(loadAdapter(other, files));
  assert.instance(refused, ConfigError);
  assert.match(refused.message, /was trained on a base with other weights .*otherBase: true/);
  const taken = (await loadAdapter(other, files, { otherBase: true })).attach();
  assert.ok(taken.attached);
  const { batchSize, seqLen, ids } = textWindows().next();
  assert.ok((other as CausalLM).forward({ ids, batchSize, seqLen }).toArray().every(Number.isFinite));
  const config = parsed(files.get('adapter_config.json'));
  const weights = files.get('adapter_model.safetensors') as Uint8Array;
  const { tensors } = decodeSafetensors(weights);
  const [name, first] = [...tensors][0];
  const withConfig = (changes: object) =>
    new Map([...files, ['adapter_config.json', json({ ...config, ...changes })]]);
  const withTensors = (change: (all: Map<string, unknown>) => void) => {
    const all = new Map<string, unknown>(tensors);
    change(all);
    return new Map([...files, ['adapter_model.safetensors', encodeSafetensors(all as never)]]);
  };
  const cases: [ReadonlyMap<string, Uint8Array>, RegExp][] = [
    [withConfig({ peft_type: 'IA3' }), /peft_type: must be one of LORA, got "IA3"/],
    [withConfig({ use_dora: true }), /use_dora: must be null or false, got true/],
    [withConfig({ bias: 'all' }), /biases of the base are no part of it/],
    [withConfig({ r: 0 }), /adapter_config\.json\.r: must be a whole number from 1/],
    [withConfig({ r: 3 }), /must have rank 3, got \[/],
    [withConfig({ lora_alpha: -1 }), /lora_alpha: must be 8: above 0/],
    [withConfig({ lora_dropout: 1 }), /lora_dropout/],
    [withConfig({ rank_pattern: { a: 4 } }), /rank_pattern: .*one rank and one alpha/],
    [withConfig({ modules_to_save: ['head'] }), /modules_to_save/],
    [withConfig({ something_new: 1 }), /something_new/],
    [new Map([...files].slice(0, 1)), /there is no adapter_model\.safetensors/],
    [new Map([...files].slice(1)), /there is no adapter_config\.json/],
    [new Map([...files, ['adapter_model.safetensors', weights.slice(0, 100)]]), /./],
    [withTensors((all) => all.delete(name)), /has no lora_A/],
    [withTensors((all) => all.clear()), /there is no low-rank part in it/],
    [
      withTensors((all) => all.set('base_model.model.other.lora_A.weight', first)),
      /no module "other".*another model/,
    ],
    [withTensors((all) => all.set('other', first)), /unexpected tensor "other"/],
    [
      withTensors((all) =>
        all.set(name, { ...first, data: new Float32Array(first.data.length).fill(Number.NaN) }),
      ),
      /has NaN as its value 0/,
    ],
    [
      withTensors((all) => all.set(name, { shape: [2, 3], data: new Float32Array(6) })),
      /must have the shape|must have/,
    ],
  ];
  for (const [given, message] of cases) {
    const error = await asyncRefusal(loadAdapter(model, given));
    assert.ok(error instanceof FormatError || error instanceof ConfigError, error.message);
    assert.match(error.message, message);
  }
  const rank = await loadAdapter(model, withConfig({ use_rslora: true, lora_alpha: 4 }));
  assert.is(rank.config.alpha, 4 * Math.sqrt(2));
  const gpt2 = shaken(await load('gpt2'), { targets: ['q_proj'] });
  assert.match(refusal(() => saveAdapter(gpt2)).message, /in one matrix .*target in_proj/);
  gpt2.merge();
  assert.match(refusal(() => saveAdapter(gpt2)).message, /merged into its model/);
  assert.match(refusal(() => saveAdapter({} as never)).message, /must be a LoraAdapter/);
});

test.run();
