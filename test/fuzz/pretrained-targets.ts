/** @file Folders of models of others: config.json of every family, the index of shards, and files of weights. */
import { readdirSync, readFileSync } from 'node:fs';
import { ConfigError, DataError, FormatError } from '../../src/errors.js';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { readSafetensorsHeader } from '../../src/io/safetensors.js';
import type { RandomStream } from '../../src/random.js';
import { createRuntime } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { fixture } from '../tokenizers/fixture.js';
import { damage, mutate, pick, serialize, type Tree, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { jsonFile, must, onlyLater, safetensorsFile, several, utf8 } from './nearly-right.js';

type Files = Record<string, Uint8Array>;

const FOLDERS = ['gpt2', 'llama', 'llama3', 'qwen2', 'bert', 'bert-classifier', 'vit'];
const folders: Record<string, Files> = Object.fromEntries(
  FOLDERS.map((name) => {
    const at = new URL(`../fixtures/pretrained/${name}/`, import.meta.url);
    const names = readdirSync(at).filter((file) => file !== 'golden.json');
    return [name, Object.fromEntries(names.map((file) => [file, readFileSync(new URL(file, at))]))];
  }),
);

/** One input holds the changed file of a folder: a line that names both, then its bytes. */
const packed = (folder: string, name: string, bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(Buffer.concat([utf8(`${folder} ${name}\n`), bytes]));

function unpacked(input: Uint8Array): Files {
  const end = input.indexOf(10);
  const [folder, name] = new TextDecoder().decode(input.subarray(0, end)).split(' ');
  return { ...folders[folder], [name]: input.slice(end + 1) };
}

const parsed = (bytes: Uint8Array): Tree => treeOf(JSON.parse(new TextDecoder().decode(bytes)));

function target(
  name: string,
  make: (random: RandomStream) => Uint8Array,
  files: (input: Uint8Array) => Files = unpacked,
): FuzzTarget {
  let runtime: Runtime;
  return {
    name,
    async reset() {
      runtime ??= await createRuntime({ maxMemory: 1 << 26 });
    },
    make,
    async run(input) {
      await onlyLater([FormatError, ConfigError, DataError], async () => {
        const given = files(input);
        const read = (from: Files | Map<string, Uint8Array<ArrayBuffer>>) =>
          withRuntime(runtime, () => fromPretrained(from as never, { tokenizers }));
        const { model, labels } = await read(given);
        try {
          // Some are read that none can be written as: dropouts that differ, for example.
          const written = toPretrained(model, { labels });
          const again = await read(written);
          for (const [key, { data }] of model.stateDict()) {
            const other = again.model.stateDict().get(key)?.data;
            must(
              other !== undefined && Buffer.compare(bytesOf(data), bytesOf(other)) === 0,
              `${key} changed`,
            );
          }
          again.model.free();
        } finally {
          model.free();
        }
      });
    },
  };
}

const bytesOf = (data: ArrayBufferView): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const config = target('pretrained config', (random) => {
  const folder = pick(random, FOLDERS);
  return packed(folder, 'config.json', jsonFile(parsed(folders[folder]['config.json']), random));
});

const INDEX = 'model.safetensors.index.json';
const NAMES = [
  '../model.safetensors',
  '/etc/passwd',
  'a/b',
  '',
  '.',
  'config.json',
  'model.safetensors',
  '\0',
];
const index = target('pretrained index', (random) => {
  const tree = structuredClone(parsed(folders.qwen2[INDEX])) as Tree & { kind: 'object' };
  const map = tree.entries.find(([key]) => key === 'weight_map')?.[1] as typeof tree;
  if (random.nextInt(3) === 0) pick(random, map.entries)[1] = treeOf(pick(random, NAMES));
  return packed('qwen2', INDEX, jsonFile(tree, random));
});

const weights = target('pretrained weights', (random) => {
  const folder = pick(random, FOLDERS);
  const name = pick(
    random,
    Object.keys(folders[folder]).filter((file) => file.endsWith('.safetensors')),
  );
  const file = folders[folder][name];
  if (random.nextInt(4) === 0) return packed(folder, name, damage(Uint8Array.from(file), random));
  const header = readSafetensorsHeader(file, name);
  const tree = treeOf(JSON.parse(header.text)) as Tree;
  const changed = random.nextInt(3) === 0 ? mutate(tree, random) : several(tree, random);
  const data = Uint8Array.from(file.subarray(header.dataStart));
  return packed(folder, name, safetensorsFile(serialize(changed), data, random));
});

/** tokenizer_config.json and its companions, beside a tokenizer that is right. */
const SETTINGS = {
  'tokenizer_config.json': {
    bos_token: { content: '<|begin_of_text|>', special: true },
    eos_token: '<|eot_id|>',
    chat_template: [{ name: 'default', template: '{{ messages }}' }],
    clean_up_tokenization_spaces: false,
    model_max_length: 24,
  },
  'special_tokens_map.json': { bos_token: '<|begin_of_text|>', eos_token: { content: '<|eot_id|>' } },
};
const tokenizer = utf8(JSON.stringify(fixture('llama3')));
const settings: FuzzTarget = {
  name: 'tokenizer settings',
  make(random) {
    const name = pick(random, Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]);
    return packed('-', name, jsonFile(treeOf(SETTINGS[name]), random));
  },
  run: (input) =>
    onlyLater([FormatError, DataError, ConfigError], async () => {
      const made = tokenizers.tokenizerFrom({ ...unpacked(input), 'tokenizer.json': tokenizer });
      const again = tokenizers.PretrainedTokenizer.fromJSON(JSON.parse(JSON.stringify(made)));
      must(
        again.eosId === made.eosId && again.chatTemplate === made.chatTemplate,
        'a copy has other settings',
      );
    }),
};

export const pretrainedTargets: readonly FuzzTarget[] = [config, index, weights, settings];
