/** @file Model configurations: defaults, refusals, depths and placements. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { CausalLM, type ModelOptions, resolveConfig, Transformer } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { ids, pairBatch, refusal, SMALL, smallLM, smallPair } from '../support.js';

const test = suite('nn/config');
await init();

const keys = (model: CausalLM | Transformer) => [...model.stateDict().keys()];

test('defaults are filled in and the result is plain JSON that makes the same model', () => {
  const config = resolveConfig('CausalLM', { vocabSize: 10, dModel: 8, dropout: undefined });
  assert.equal(
    [
      config.dFF,
      config.numEncoderLayers,
      config.numDecoderLayers,
      config.decoderNormPlacement,
      config.dropout,
    ],
    [32, 6, 6, 'pre', 0],
  );
  assert.equal(resolveConfig('CausalLM', JSON.parse(JSON.stringify(config))), config);
});

test('an unknown key is refused with the nearest known one', () => {
  for (const [key, meant] of [
    ['numLayer', 'numLayers'],
    ['dmodel', 'dModel'],
    ['normplacement', 'normPlacement'],
    ['droput', 'dropout'],
  ]) {
    const error = refusal(() => new CausalLM({ ...SMALL, [key]: 2 } as ModelOptions));
    assert.equal([error.name, error.code, error.op], ['ConfigError', 'CONFIG', 'CausalLM']);
    assert.is(error.message, `CausalLM: unknown key "${key}" (did you mean "${meant}"?)`);
  }
  const far = refusal(() => new Transformer({ ...SMALL, zzzzzzzz: 1 } as ModelOptions));
  assert.match(far.message, 'known keys: ');
});

test('every value out of range is refused by name with what came', () => {
  const wrong: [keyof ModelOptions, unknown][] = [
    ['vocabSize', 0],
    ['vocabSize', undefined],
    ['dModel', 2.5],
    ['dModel', 18],
    ['numHeads', 0],
    ['numLayers', -1],
    ['numDecoderLayers', 0],
    ['dFF', Number.NaN],
    ['maxSeqLen', '12'],
    ['dropout', 1],
    ['dropout', -0.1],
    ['activationDropout', Number.NaN],
    ['attentionDropout', 1],
    ['attentionDropout', null],
    ['normPlacement', 'middle'],
    ['decoderNormPlacement', 'Pre'],
    ['finalNorm', 'yes'],
    ['norm', 'batch'],
    ['eps', 0],
    ['activation', 'tanh'],
    ['positions', 'rotatory'],
    ['numKVHeads', 0],
    ['gatedFFN', 'yes'],
    ['bias', 'all'],
    ['ropeTheta', 0],
    ['ropeScaling', { type: 'linear' }],
    ['ropeScaling', { type: 'linear', factor: -2 }],
    ['ropeScaling', { type: 'linear', factor: 2, extra: 1 }],
    ['ropeScaling', { type: 'yarn', factor: 2 }],
    ['ropeScaling', { type: 'llama3', factor: 8, lowFreqFactor: 4, highFreqFactor: 4, originalMaxSeqLen: 9 }],
    ['embeddingNorm', 'no'],
    ['tiedEmbeddings', 1],
    ['embeddingScale', Number.NaN],
    ['init', 'xavier'],
    ['seed', -1],
    ['seed', 0.5],
  ];
  for (const [key, value] of wrong) {
    const error = refusal(() => resolveConfig('Transformer', { ...SMALL, [key]: value } as ModelOptions));
    assert.equal([error.code, error.op], ['CONFIG', 'Transformer'], `${key}: ${value}`);
    assert.ok(error.message.startsWith(`Transformer: ${key} must be `), error.message);
    assert.ok(Object.is(error.actual, value), error.message);
  }
});

test('parts that only make sense together are refused apart', () => {
  const message = (options: Partial<ModelOptions>) => refusal(() => smallLM(options)).message;
  assert.match(message({ numKVHeads: 3 }), 'numHeads must be a multiple of numKVHeads 3, got 4');
  assert.match(message({ positions: 'rotary', dModel: 12 }), 'dModel must be a multiple of 2 numHeads');
  for (const options of [{ ropeTheta: 500 }, { ropeScaling: null }] as const) {
    assert.match(message(options), /positions, with rope(Theta|Scaling), must be rotary, got "sinusoidal"/);
  }
  const { ropeTheta, ropeScaling, numKVHeads } = smallLM({ positions: 'rotary' }).config;
  assert.equal([ropeTheta, ropeScaling, numKVHeads], [10000, null, 4]);
});

test('encoder and decoder have their own depth and placement', () => {
  const model = smallPair({
    numEncoderLayers: 1,
    numDecoderLayers: 3,
    normPlacement: 'post',
    decoderNormPlacement: 'peri',
  });
  assert.equal([model.encoder.layers.length, model.decoder.layers.length], [1, 3]);
  const own = keys(model);
  assert.not(own.some((key) => key.startsWith('encoder.') && key.includes('norm1_out')));
  assert.ok(own.includes('decoder.layers.2.norm3_out.weight'));
  assert.not(own.includes('encoder.norm.weight'));
  assert.ok(own.includes('decoder.norm.weight'));
  const batch = pairBatch([
    [
      [3, 2],
      [4, 5, 2],
    ],
  ]);
  assert.equal([...noGrad(() => model.forward(batch)).shape], [1, 3, SMALL.vocabSize]);
});

test('finalNorm auto puts a norm where the placement needs one; true and false overrule it', () => {
  const has = (options: Partial<ModelOptions>) => {
    const own = keys(smallPair(options));
    return [own.includes('encoder.norm.weight'), own.includes('decoder.norm.weight')];
  };
  assert.equal(has({ normPlacement: 'post' }), [false, false]);
  assert.equal(has({ normPlacement: 'pre' }), [true, true]);
  assert.equal(has({ normPlacement: 'peri' }), [true, true]);
  assert.equal(has({ normPlacement: 'post', finalNorm: true }), [true, true]);
  assert.equal(has({ normPlacement: 'pre', finalNorm: false }), [false, false]);
});

test('learned positions are parameters, sinusoids are not', () => {
  const learned = smallLM({ positions: 'learned' });
  const entry = learned.stateDict().get('embedding.positions.weight');
  assert.equal([...entry!.shape], [SMALL.maxSeqLen, SMALL.dModel]);
  assert.not(keys(smallLM()).some((key) => key.includes('positions')));
  assert.is.not(entry!.data[0], entry!.data[SMALL.dModel]);
});

test('a sequence longer than maxSeqLen is refused with both lengths, at exactly one more', () => {
  for (const positions of ['learned', 'sinusoidal'] as const) {
    const model = smallLM({ positions, maxSeqLen: 5 });
    const run = (seqLen: number) =>
      noGrad(() => model.forward({ ids: new Int32Array(seqLen), batchSize: 1, seqLen }));
    run(5);
    const error = refusal(() => run(6));
    assert.equal([error.code, error.expected, error.actual], ['DATA', 5, 6]);
    assert.match(error.message, 'sequence of 6 tokens is longer than maxSeqLen 5');
    assert.is(error.path, 'embedding.positions');
  }
});

test('the embedding scale is sqrt(dModel) unless a number is given', () => {
  const embed = (embeddingScale: 'sqrt' | number) => {
    const model = smallLM({ embeddingScale });
    model.embedding.tokens.weight.set(new Float32Array(SMALL.vocabSize * SMALL.dModel).fill(1));
    return noGrad(() => model.embedding.forward(ids([3], [1, 1]))).toArray();
  };
  // Position 0 is sin 0 = 0 and cos 0 = 1 in turn.
  assert.equal([...embed('sqrt').slice(0, 4)], [4, 5, 4, 5]);
  assert.equal([...embed(0.5).slice(0, 4)], [0.5, 1.5, 0.5, 1.5]);
});

test.run();
