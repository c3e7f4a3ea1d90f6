/** @file Models with a tokenizer of others in one file: saved, loaded, used here and in a worker, trained on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classify } from '../../src/classify/index.js';
import { generateText, logProbabilities } from '../../src/generate/index.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import { CausalLM, TextClassifier } from '../../src/nn/index.js';
import { checkRecipe, prepareRun } from '../../src/recipe/index.js';
import { encodeRun } from '../../src/recipe/model-info.js';
import { init } from '../../src/runtime/init.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerModel } from '../../src/worker/index.js';
import { asyncRefusal, memorySources, refusal } from '../support.js';
import { fixture, read } from '../tokenizers/fixture.js';

const { PretrainedTokenizer } = tokenizers;
type Pretrained = tokenizers.PretrainedTokenizer;

const test = suite('io/pretrained-file');
await init();

const sizes = { dModel: 8, numHeads: 2, numLayers: 1, dFF: 8, maxSeqLen: 24 };
const llama = read(fixture('llama3'), { chat_template: '{{ messages }}', eos_token: '<|eot_id|>' });
const bert = read(fixture('bert-uncased'), { cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]' });
const lm = new CausalLM({ ...sizes, vocabSize: llama.vocabSize }).eval() as CausalLM;
const labels = ['bad', 'good'];
const judge = new TextClassifier({
  ...sizes,
  vocabSize: bert.vocabSize,
  numClasses: 2,
  numSegments: 2,
}).eval() as TextClassifier;

test('a saved model gives the tokenizer back with its ids, roles and template', async () => {
  const bytes = saveModel(lm, { tokenizer: llama });
  const { model, tokenizer } = await loadModel(bytes, { tokenizers });
  assert.instance(tokenizer, PretrainedTokenizer);
  const again = tokenizer as Pretrained;
  const text = 'The quick café 123 \u{1f600}\r\n';
  assert.equal(again.encode(text), llama.encode(text));
  assert.equal([again.eosId, again.chatTemplate], [llama.eosId, '{{ messages }}']);
  assert.equal(saveModel(model as CausalLM, { tokenizer: again }), bytes, 'saved again, other bytes');
  const options = { maxNewTokens: 6, seed: 3 };
  const here = await generateText(lm, llama, 'the', options);
  assert.equal(await generateText(model, again, 'the', options), here);
  assert.equal(logProbabilities(model, again, 'the end'), logProbabilities(lm, llama, 'the end'));
});

test('a vocabulary of another size is refused where the file is made, unless the model has more on purpose', async () => {
  const large = new CausalLM({ ...sizes, vocabSize: llama.vocabSize + 8 });
  const error = refusal(() => saveModel(large, { tokenizer: llama }));
  assert.match(error.message, /the model has \d+ ids, the tokenizer \d+ \(.*spareIds: true/);
  const small = new CausalLM({ ...sizes, vocabSize: llama.vocabSize - 1 });
  assert.is(refusal(() => saveModel(small, { tokenizer: llama, spareIds: true })).code, 'CONFIG');
  const { tokenizer } = await loadModel(saveModel(large, { tokenizer: llama, spareIds: true }), {
    tokenizers,
  });
  assert.is(tokenizer?.vocabSize, llama.vocabSize);
  for (const wrong of [{}, { toJSON: () => ({ format: 'x' }) }, 'text']) {
    const { message } = refusal(() => saveModel(lm, { tokenizer: wrong as never }));
    assert.match(message, /must be a Tokenizer, a CharTokenizer or a PretrainedTokenizer/);
  }
});

test('without what reads it a tokenizer of others is refused, with what to give', async () => {
  for (const given of [{}, { tokenizers: undefined }]) {
    const error = await asyncRefusal(loadModel(saveModel(lm, { tokenizer: llama }), given));
    assert.is(error.code, 'CONFIG');
    assert.match(
      error.message,
      /import \* as tokenizers from 'prenorm\/tokenizers', and give \{ tokenizers \}/,
    );
  }
  const error = await asyncRefusal(loadModel(saveModel(lm), { tokenizers: {} as never }));
  assert.match(error.message, /tokenizers must be the module prenorm\/tokenizers/);
});

test('a damaged tokenizer in a file is refused as the file', async () => {
  const json = llama.toJSON();
  const broken = { ...json, tokenizer: { ...(json.tokenizer as object), model: { type: 'Other' } } };
  const fake = { toJSON: () => broken, encodePair: () => null, vocabSize: llama.vocabSize };
  const error = await asyncRefusal(loadModel(saveModel(lm, { tokenizer: fake as never }), { tokenizers }));
  assert.match(error.message, /the tokenizer is refused: tokenizer: not a tokenizer: .*no model "Other"/);
  assert.is(error.code, 'CHECKPOINT');
});

test("texts and pairs are classified in BERT's rows, and what has other rows is refused", async () => {
  const texts = ['the end', ['the end', 'of it'] as const, 'ends the'];
  const here = classify(judge, bert, labels, texts);
  const {
    model,
    tokenizer,
    labels: names,
  } = await loadModel(saveModel(judge, { tokenizer: bert, labels }), { tokenizers });
  assert.equal(classify(model, tokenizer, names, texts), here);
  const pair = bert.encodePair('the end', 'of it');
  const alone = judge.probabilities({
    ids: pair.ids,
    segments: pair.segments,
    batchSize: 1,
    seqLen: pair.ids.length,
  });
  assert.equal(here[1].probabilities, [...alone]);
  const wide = new TextClassifier({ ...sizes, vocabSize: 1000, numClasses: 2 });
  for (const other of [llama, read(fixture('unigram'))]) {
    const { code, message } = refusal(() => classify(wide, other, labels, ['a']));
    assert.is(code, 'CONFIG');
    assert.match(message, /does not make rows of \[CLS\] text \[SEP\] text \[SEP\].*encode texts yourself/);
  }
});

test('a worker has the same tokenizer', async () => {
  const worker = new WorkerModel(saveModel(judge, { tokenizer: bert, labels }));
  const texts = ['the end', 'ends the'];
  assert.equal(await worker.classify(texts), classify(judge, bert, labels, texts));
  worker.close();
  const other = new WorkerModel(saveModel(lm, { tokenizer: llama }));
  const { tokenizer } = await other.ready;
  assert.is(PretrainedTokenizer.fromJSON(tokenizer).vocabSize, llama.vocabSize);
  let text = '';
  for await (const piece of other.generate('the', { maxNewTokens: 6, seed: 3 })) text += piece;
  assert.is(text, (await generateText(lm, llama, 'the', { maxNewTokens: 6, seed: 3 })).text);
  other.close();
});

test('a recipe trains by a tokenizer of others: its JSON, its file, or the folder of its model', async () => {
  const text = 'the quick end of the story, and the quick end of it. '.repeat(60);
  const json = JSON.stringify(fixture('llama3'));
  const sources = memorySources({
    'a.txt': text,
    'tok.json': JSON.stringify(llama),
    'llama/tokenizer.json': json,
    'llama/tokenizer_config.json': JSON.stringify({ eos_token: '<|eot_id|>' }),
  });
  const files: string[] = [];
  for (const tokenizer of [
    { kind: 'saved', json: llama.toJSON() },
    { kind: 'saved', path: 'tok.json' },
    { kind: 'saved', path: 'llama/tokenizer.json' },
    { kind: 'saved', path: 'llama' },
  ]) {
    const recipe = checkRecipe(
      {
        model: { kind: 'causalLM', ...sizes },
        data: { kind: 'text', source: 'a.txt', seqLen: 16, batchSize: 2 },
        tokenizer,
        optimizer: { kind: 'adam', lr: 0.01 },
        steps: 2,
      },
      'recipe',
    );
    const run = await prepareRun(recipe, { sources, tokenizers });
    assert.is(run.options.validationBytes !== undefined, true);
    const trainer = new Trainer(run.options);
    await trainer.run();
    const loaded = await loadModel(encodeRun(run, { best: null, step: 2 }), { tokenizers });
    assert.equal((loaded.tokenizer as Pretrained).encode('the end'), llama.encode('the end'));
    assert.is((loaded.tokenizer as Pretrained).eosId, llama.eosId);
    files.push(JSON.stringify([...(loaded.model.stateDict().get('embedding.tokens.weight')?.data ?? [])]));
    assert.instance((await loadModel(trainer.save(), { tokenizers })).tokenizer, PretrainedTokenizer);
  }
  assert.is(new Set(files).size, 1);
});

test('labelled texts are rows of a pretrained tokenizer like those of classify', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => (i % 2 ? 'the end\tgood' : 'ends the\tbad')).join('\n');
  const recipe = (tokenizer: object) =>
    checkRecipe(
      {
        model: { kind: 'textClassifier', ...sizes, numSegments: 2 },
        data: { kind: 'labelledTexts', source: 'a.tsv', batchSize: 4 },
        tokenizer,
        optimizer: { kind: 'adam', lr: 0.01 },
        steps: 1,
      },
      'recipe',
    );
  const sources = memorySources({ 'a.tsv': rows });
  const run = await prepareRun(recipe({ kind: 'saved', json: bert.toJSON() }), { sources, tokenizers });
  const [batch] = run.data.evaluation('valid', 24) as { ids: Int32Array; seqLen: number }[];
  const ids = [...bert.encode('the end')];
  const found = Array.from({ length: batch.ids.length / batch.seqLen }, (_, b) =>
    [...batch.ids.subarray(b * batch.seqLen, b * batch.seqLen + ids.length)].join(),
  );
  assert.ok(found.includes(ids.join()), `no row of ${ids} in ${found.join(' | ')}`);
  assert.is((run.model.config as { vocabSize: number }).vocabSize, bert.vocabSize);
  const error = await asyncRefusal(
    prepareRun(recipe({ kind: 'saved', json: llama.toJSON() }), { sources, tokenizers }),
  );
  assert.match(error.message, /does not make rows of \[CLS\]/);
});

test.run();
