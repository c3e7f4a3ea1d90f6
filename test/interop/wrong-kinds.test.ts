/** @file Every public function of prenorm/interop and prenorm/tokenizers given each wrong kind of thing: a typed error, never another. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PrenormError } from '../../src/errors.js';
import * as interop from '../../src/interop/index.js';
import * as tuning from '../../src/interop/tuning.js';
import { LoraAdapter } from '../../src/interop/tuning.js';
import { encodeSafetensors } from '../../src/io/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE, trainChars } from '../../src/text/index.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { smallLM } from '../support.js';
import { fixture, read } from '../tokenizers/fixture.js';
import { filesOf } from './folders.js';

const test = suite('interop/wrong kinds');
await init();

/** One of every kind that a program may hand over by mistake. */
const KINDS: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  true: true,
  'a number': 5,
  NaN: Number.NaN,
  'a bigint': 5n,
  'a text': 'text',
  'a symbol': Symbol('kind'),
  'an empty object': {},
  'an object': { name: 'x', length: 'y' },
  'an empty list': [],
  'a list': [undefined, null, {}],
  'a date': new Date(0),
  'an expression': /x/,
  'a promise': Promise.resolve(new Map()),
  'a function': () => 5,
  'an array of floats': new Float32Array(3),
  'an array of bytes': new Uint8Array(3),
  'a buffer': new ArrayBuffer(8),
  'a map': new Map([['name', 5]]),
  'a map of objects': new Map([[{}, {}]]),
  'a set': new Set([1]),
  'an address': new URL('https://example.org/model'),
  'a list-like object': { length: 2 },
  'a long list-like object': { length: 1e9 },
};

const model = smallLM({ positions: 'learned', embeddingScale: 1 });
const plain = smallLM();
const state = interop.toTorchState(plain);
const stateBytes = interop.saveTorchSafetensors(plain);
const tokenizer = read(fixture('bert-uncased'), {
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
});
const ours = trainBPE(['to be or not to be'], { vocabSize: 265 });
const chars = trainChars('to be');
const source = tokenizer.toTokenizerJSON();
const { settings } = tokenizer.toJSON();
const { PretrainedTokenizer } = tokenizers;

/** A call with one argument left open, by name; kinds that are right there. */
type Call = [of: string, argument: string, call: (value: never) => unknown, right?: readonly string[]];

const ANY_OPTIONS = ['undefined', 'an empty object'];
const adapter = new LoraAdapter(plain, { rank: 2 });
const adapterFiles = tuning.saveAdapter(adapter);
const CALLS: Call[] = [
  ['loadAdapter', 'model', (v) => tuning.loadAdapter(v, adapterFiles)],
  ['loadAdapter', 'source', (v) => tuning.loadAdapter(plain, v)],
  ['loadAdapter', 'options', (v) => tuning.loadAdapter(plain, adapterFiles, v), ANY_OPTIONS],
  ['loadAdapter', 'a file', (v) => tuning.loadAdapter(plain, { 'adapter_config.json': v })],
  ['saveAdapter', 'adapter', (v) => tuning.saveAdapter(v)],
  ['saveAdapter', 'options', (v) => tuning.saveAdapter(adapter, v), ANY_OPTIONS],
  ['LoraAdapter', 'model', (v) => new tuning.LoraAdapter(v)],
  ['LoraAdapter', 'options', (v) => new tuning.LoraAdapter(plain, v), ANY_OPTIONS],
  ['LoraAdapter', 'targets', (v) => new tuning.LoraAdapter(plain, { targets: v }), ['undefined']],
  ['LoraAdapter', 'state', (v) => adapter.loadStateDict(v)],
  ['storeInHalf', 'model', (v) => tuning.storeInHalf(v, 'f16')],
  ['storeInHalf', 'type', (v) => tuning.storeInHalf(smallLM(), v)],
  ['attachedAdapter', 'model', (v) => tuning.attachedAdapter(v)],
  ['mergedState', 'state', (v) => tuning.mergedState(v, adapter.config)],
  ['mergedState', 'config', (v) => tuning.mergedState(adapter.stateDict(), v)],
  ['fromPretrained', 'source', (v) => interop.fromPretrained(v)],
  ['fromPretrained', 'options', (v) => interop.fromPretrained(filesOf('gpt2'), v), ANY_OPTIONS],
  [
    'fromPretrained',
    'tokenizers',
    (v) => interop.fromPretrained(filesOf('gpt2'), { tokenizers: v }),
    ['undefined'],
  ],
  ['fromPretrained', 'a file', (v) => interop.fromPretrained({ ...filesOf('gpt2'), 'config.json': v })],
  ['fromPretrained', 'what a function gives', (v) => interop.fromPretrained(() => v)],
  ['toPretrained', 'model', (v) => interop.toPretrained(v)],
  ['toPretrained', 'options', (v) => interop.toPretrained(model, v), ANY_OPTIONS],
  ['toPretrained', 'tokenizer', (v) => interop.toPretrained(model, { tokenizer: v }), ['undefined', 'null']],
  ['toPretrained', 'labels', (v) => interop.toPretrained(model, { labels: v }), ['undefined', 'null']],
  ['exportONNX', 'model', (v) => interop.exportONNX(v)],
  ['exportONNX', 'options', (v) => interop.exportONNX(model, v), ANY_OPTIONS],
  ['exportONNX', 'tokenizer', (v) => interop.exportONNX(model, { tokenizer: v }), ['undefined', 'null']],
  ['exportONNX', 'labels', (v) => interop.exportONNX(model, { labels: v }), ['undefined', 'null']],
  ['exportONNX', 'dtype', (v) => interop.exportONNX(model, { dtype: v }), ['undefined']],
  ['decodeTorchSafetensors', 'bytes', (v) => interop.decodeTorchSafetensors(v)],
  [
    'decodeTorchSafetensors',
    'path',
    (v) => interop.decodeTorchSafetensors(stateBytes, v),
    ['undefined', 'a text'],
  ],
  ['fromTorchState', 'state', (v) => interop.fromTorchState(v)],
  ['fromTorchState', 'options', (v) => interop.fromTorchState(state, v), ANY_OPTIONS],
  ['inferTorchConfig', 'state', (v) => interop.inferTorchConfig(v)],
  ['inferTorchConfig', 'options', (v) => interop.inferTorchConfig(state, v), ANY_OPTIONS],
  ['loadTorchSafetensors', 'model', (v) => interop.loadTorchSafetensors(v, stateBytes)],
  ['loadTorchSafetensors', 'bytes', (v) => interop.loadTorchSafetensors(plain, v)],
  ['loadTorchSafetensors', 'options', (v) => interop.loadTorchSafetensors(plain, stateBytes, v), ANY_OPTIONS],
  ['loadTorchState', 'model', (v) => interop.loadTorchState(v, state)],
  ['loadTorchState', 'state', (v) => interop.loadTorchState(plain, v)],
  [
    'loadTorchState',
    'a tensor',
    (v) => interop.loadTorchState(plain, new Map([...state, ['norm.weight', v]])),
  ],
  ['loadTorchState', 'options', (v) => interop.loadTorchState(plain, state, v), ANY_OPTIONS],
  ['saveTorchSafetensors', 'model', (v) => interop.saveTorchSafetensors(v)],
  ['saveTorchSafetensors', 'options', (v) => interop.saveTorchSafetensors(plain, v), ANY_OPTIONS],
  ['toTorchState', 'model', (v) => interop.toTorchState(v)],
  ['toTorchState', 'options', (v) => interop.toTorchState(plain, v), ANY_OPTIONS],
  ['checkWeightFiles', 'names', (v) => tokenizers.checkWeightFiles(v), ['an empty list']],
  ['checkWeightFiles', 'configJSON', (v) => tokenizers.checkWeightFiles([], v), Object.keys(KINDS)],
  ['toTokenizerJSON', 'tokenizer', (v) => tokenizers.toTokenizerJSON(v)],
  ['tokenizerFrom', 'files', (v) => tokenizers.tokenizerFrom(v)],
  ['tokenizerFrom', 'a file', (v) => tokenizers.tokenizerFrom({ 'tokenizer.json': v })],
  [
    'tokenizerFrom',
    'options',
    (v) => tokenizers.tokenizerFrom({ 'tokenizer.json': JSON.stringify(source) }, v),
    ANY_OPTIONS,
  ],
  ['PretrainedTokenizer', 'source', (v) => new PretrainedTokenizer(v, settings, 'path')],
  ['PretrainedTokenizer', 'settings', (v) => new PretrainedTokenizer(source, v, 'path')],
  ['PretrainedTokenizer', 'fromJSON', (v) => PretrainedTokenizer.fromJSON(v)],
  ['PretrainedTokenizer', 'encode', (v) => tokenizer.encode(v), ['a text']],
  ['PretrainedTokenizer', 'encode options', (v) => tokenizer.encode('a', v), ANY_OPTIONS],
  ['PretrainedTokenizer', 'encodePair', (v) => tokenizer.encodePair(v, 'b'), ['a text']],
  ['PretrainedTokenizer', 'encodePair, second', (v) => tokenizer.encodePair('a', v), ['a text']],
  ['PretrainedTokenizer', 'encodePair options', (v) => tokenizer.encodePair('a', 'b', v), ANY_OPTIONS],
  [
    'PretrainedTokenizer',
    'decode',
    (v) => tokenizer.decode(v),
    ['an empty list', 'an array of floats', 'an array of bytes'],
  ],
  ['PretrainedTokenizer', 'decode options', (v) => tokenizer.decode([], v), ANY_OPTIONS],
  ['PretrainedTokenizer', 'tokenBytes', (v) => tokenizer.tokenBytes(v), ['a number']],
  ['PretrainedTokenizer', 'tokenToId', (v) => tokenizer.tokenToId(v), ['a text']],
  ['PretrainedTokenizer', 'idToToken', (v) => tokenizer.idToToken(v), ['a number', 'NaN']],
  // Their siblings, which are given in the same places.
  [
    'Tokenizer',
    'decode',
    (v) => ours.decode(v),
    ['an empty list', 'an array of floats', 'an array of bytes'],
  ],
  [
    'CharTokenizer',
    'decode',
    (v) => chars.decode(v),
    ['an empty list', 'an array of floats', 'an array of bytes'],
  ],
];

for (const [of, argument, call, right = []] of CALLS) {
  test(`${of}: ${argument}`, async () => {
    for (const [kind, value] of Object.entries(KINDS)) {
      const outcome = await (async () => call(value as never))().then(
        () => null,
        (error) => error,
      );
      if (right.includes(kind)) assert.is(outcome, null, `${kind} is right: ${outcome}`);
      else
        assert.instance(outcome, PrenormError, `${kind}: ${outcome === null ? 'was taken' : outcome?.stack}`);
    }
  });
}

test('no public function is left out', () => {
  const functions = Object.entries({ ...interop, ...tokenizers, ...tuning }).filter(
    ([, one]) => typeof one === 'function',
  );
  const table = new Set(CALLS.map(([of]) => of));
  assert.equal(
    functions.map(([name]) => name).filter((name) => !table.has(name)),
    [],
  );
});

test('files of a tokenizer come in a Map as well, as those of a model do', async () => {
  const files = { 'tokenizer.json': new TextEncoder().encode(JSON.stringify(source)) };
  const map = new Map(Object.entries(files));
  assert.equal(tokenizers.tokenizerFrom(map).toJSON(), tokenizers.tokenizerFrom(files).toJSON());
  const torch = encodeSafetensors(new Map([...state]));
  assert.is(interop.inferTorchConfig(interop.decodeTorchSafetensors(torch)).kind, 'encoder');
});

test.run();
