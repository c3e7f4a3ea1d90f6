/** @file BERT from folders and back, with each of its heads: against scripts/make-pretrained-goldens.py. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import {
  type LibraryModel,
  MaskedLM,
  type MaskedLMInput,
  type MaskedLMOptions,
  TextClassifier,
} from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal, refusal, SMALL } from '../support.js';
import {
  checkKeys,
  checkNumbers,
  checkRoundTrip,
  filesOf,
  goldenOf,
  parsed,
  tensorsOf,
  withConfig,
  withTensors,
} from './folders.js';

const test = suite('interop/bert');
await init();

interface Golden {
  ids: number[][];
  segments: number[][];
  logits: number[][];
  nextSentence: number[][];
  classes: number[][];
}

/** Both texts as one batch; padding holds what must not matter. */
function batchOf(
  { ids, segments }: Golden,
  padding = 19,
): Required<Pick<MaskedLMInput, 'lengths' | 'segments'>> & MaskedLMInput {
  const seqLen = Math.max(...ids.map((row) => row.length));
  const fill = (rows: number[][], filler: number) =>
    Int32Array.from(rows.flatMap((row) => [...row, ...Array(seqLen - row.length).fill(filler)]));
  return {
    ids: fill(ids, padding),
    segments: fill(segments, 1),
    lengths: Int32Array.from(ids, (row) => row.length),
    batchSize: ids.length,
    seqLen,
  };
}

const golden = goldenOf<Golden>('bert');
const classes = goldenOf<Golden>('bert-classifier');

/** Logits of every token that is none of the padding. */
const tokens = (model: LibraryModel): number[] => {
  const batch = batchOf(golden);
  const { vocabSize } = (model as MaskedLM).config;
  const all = (model as MaskedLM).forward(batch).toArray();
  return golden.ids.flatMap((row, b) =>
    Array.from(all.slice(b * batch.seqLen * vocabSize, (b * batch.seqLen + row.length) * vocabSize)),
  );
};
/** Theirs has 0 for "follows", ours 1. */
const following = (model: LibraryModel): ArrayLike<number> => {
  const { nextSentence } = model as MaskedLM;
  assert.ok(nextSentence);
  const own = nextSentence.forward((model as MaskedLM).encode(batchOf(golden))).toArray();
  return [own[1], own[0], own[3], own[2]];
};
const logitsOfClasses = (model: LibraryModel): ArrayLike<number> =>
  (model as TextClassifier).forward(batchOf(classes)).toArray();

test('masked tokens and next sentence: logits are those of the formulas, in f32 and in double precision', async () => {
  const { model, family, labels } = await checkNumbers('bert', golden.logits.flat(), tokens);
  assert.instance(model, MaskedLM);
  assert.equal([family, labels], ['bert', null]);
  await checkNumbers('bert', golden.nextSentence.flat(), following);
});

test('a classifier: logits are those of the formulas, and it says the labels', async () => {
  const { model, labels } = await checkNumbers('bert-classifier', classes.classes.flat(), logitsOfClasses);
  assert.instance(model, TextClassifier);
  assert.equal(labels, ['LABEL_0', 'LABEL_1', 'LABEL_2']);
  assert.equal(
    Array.from((model as TextClassifier).predict(batchOf(classes))),
    classes.classes.map((row) => row.indexOf(Math.max(...row))),
  );
});

test('both go out and come back with the same bits and keys', async () => {
  for (const [name, run] of [
    ['bert', tokens],
    ['bert', following],
    ['bert-classifier', logitsOfClasses],
  ] as const) {
    const { model, config } = await fromPretrained(filesOf(name));
    const written = await checkRoundTrip(model, run);
    checkKeys(name, written);
    const [before, after] = [tensorsOf(filesOf(name)), tensorsOf(written)];
    for (const [key, { shape, data }] of before)
      assert.equal([after.get(key)?.shape, after.get(key)?.data], [shape, data], key);
    const more = [...after.keys()].filter((key) => !before.has(key)).sort();
    const copies = ['cls.predictions.decoder.bias', 'cls.predictions.decoder.weight'];
    assert.equal(more, name === 'bert' ? copies : []);
    const now = parsed(written.get('config.json'));
    for (const key of Object.keys(now))
      if (key !== 'tie_word_embeddings') assert.equal(now[key], config[key], key);
  }
});

test('models made here go out, whatever their head, and come back', async () => {
  const bert = {
    normPlacement: 'post',
    positions: 'learned',
    embeddingNorm: true,
    embeddingScale: 1,
  } as const;
  const options = {
    ...SMALL,
    ...bert,
    activation: 'gelu',
    numSegments: 2,
    seed: 3,
  } satisfies MaskedLMOptions;
  const heads: [MaskedLMOptions, string][] = [
    [options, 'BertForMaskedLM'],
    [{ ...options, nextSentence: true }, 'BertForPreTraining'],
    [{ ...options, tiedEmbeddings: false }, 'BertForMaskedLM'],
  ];
  for (const [own, architecture] of heads) {
    const written = await checkRoundTrip(new MaskedLM(own).eval(), tokens);
    assert.equal(parsed(written.get('config.json')).architectures, [architecture]);
  }
  for (const [multiLabel, problem] of [
    [false, 'single_label_classification'],
    [true, 'multi_label_classification'],
  ] as const) {
    const own = { ...options, activation: 'relu', numClasses: 2, multiLabel, seed: 4 } as const;
    const model = new TextClassifier(own).eval();
    const written = await checkRoundTrip(model, logitsOfClasses);
    assert.is(parsed(written.get('config.json')).problem_type, problem);
    const named = await fromPretrained(toPretrained(model, { labels: ['no', 'yes'] }));
    assert.equal(named.labels, ['no', 'yes']);
    assert.is((named.model as TextClassifier).config.multiLabel, multiLabel);
  }
  const classifier = new TextClassifier({ ...options, numClasses: 2 });
  const refusedLabels = [
    [classifier, ['a'], 'there are 1 labels for 2 classes'],
    [classifier, ['a', 'a'], 'the labels are not all different'],
    [classifier, 'ab', 'labels must be a list of strings'],
    [new MaskedLM(options), ['a'], 'the model has no classes'],
  ] as const;
  for (const [model, labels, message] of refusedLabels)
    assert.match(refusal(() => toPretrained(model, { labels } as never)).message, message);
  for (const [changes, message] of [
    [{ activation: 'relu' }, 'BERT has activation "gelu", the model "relu"'],
    [{ numSegments: 0 }, 'BERT has numSegments 2 or 1, the model 0'],
    [{ normPlacement: 'pre' }, 'BERT has normPlacement "post", the model "pre"'],
    [{ numKVHeads: 2 }, 'BERT has numKVHeads 4, the model 2'],
  ] as const) {
    assert.match(refusal(() => toPretrained(new MaskedLM({ ...options, ...changes }))).message, message);
  }
  const mean = new TextClassifier({ ...options, numClasses: 2, pooling: 'mean' });
  assert.match(refusal(() => toPretrained(mean)).message, 'BERT has pooling "first"');
});

test('a file of older names, with both heads under BertForMaskedLM, is the same model', async () => {
  const old = withTensors(
    'bert',
    (tensors) => {
      for (const [name, value] of [...tensors]) {
        tensors.delete(name);
        tensors.set(
          name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
          value,
        );
      }
      const ids = { dtype: 'I32', shape: [1, 16], data: new Int32Array(16) };
      tensors.set('bert.embeddings.position_ids', ids);
    },
    { architectures: ['BertForMaskedLM'], tie_word_embeddings: undefined },
  );
  const { model } = await fromPretrained(old);
  assert.equal(tokens(model), tokens((await fromPretrained(filesOf('bert'))).model));
  assert.is((model as MaskedLM).config.nextSentence, true);
});

test('one head alone: masked tokens with an unused pooler, and next sentence', async () => {
  const masked = withTensors(
    'bert',
    (t) => {
      for (const name of [...t.keys()]) if (name.startsWith('cls.seq')) t.delete(name);
    },
    { architectures: ['BertForMaskedLM'] },
  );
  const { model } = await fromPretrained(masked);
  assert.is((model as MaskedLM).nextSentence, null);
  assert.equal(tokens(model), tokens((await fromPretrained(filesOf('bert'))).model));
  const next = withTensors(
    'bert',
    (t) => {
      for (const name of [...t.keys()]) if (name.startsWith('cls.pred')) t.delete(name);
    },
    { architectures: ['BertForNextSentencePrediction'] },
  );
  const judge = await fromPretrained(next);
  assert.equal(judge.labels, ['follows', 'does not follow']);
  const logits = (judge.model as TextClassifier).forward(batchOf(golden)).toArray();
  golden.nextSentence.flat().forEach((value, i) => {
    assert.ok(Math.abs(value - logits[i]) < 1e-4, `${value} and ${logits[i]}`);
  });
});

test('what config.json says is done, known to mean nothing, or refused by name', async () => {
  const loaded = async (changes: object) =>
    (await fromPretrained(withConfig('bert-classifier', changes))).model.config as TextClassifier['config'];
  assert.is((await loaded({ classifier_dropout: 0.1 })).dropout, 0.1);
  assert.is((await loaded({ problem_type: 'multi_label_classification' })).multiLabel, true);
  assert.is((await loaded({ id2label: undefined, label2id: undefined, num_labels: 3 })).numClasses, 3);
  assert.is((await loaded({ hidden_act: 'gelu_new' })).activation, 'geluTanh');
  const all = { 0: 'a', 1: 'b', 2: 'c' };
  const refused: [string, object, RegExp][] = [
    ['bert-classifier', { classifier_dropout: 0.5 }, /classifier_dropout must be 0.1.*say \{ dropout \}/],
    ['bert-classifier', { problem_type: 'regression' }, /problem_type must be one of single_label/],
    ['bert-classifier', { id2label: { 0: 'a' }, problem_type: null }, /problem_type must be/],
    ['bert-classifier', { id2label: { 0: 'a', 2: 'b' } }, /1 must be a string/],
    ['bert-classifier', { id2label: all, num_labels: 2 }, /num_labels must be 3/],
    [
      'bert-classifier',
      { id2label: { 0: 'a', 1: 'b' } },
      /classifier.weight must have shape \[2, 12\], got \[3, 12\]/,
    ],
    ['bert', { hidden_act: 'relu' }, /hidden_act must be one of gelu, got "relu"/],
    ['bert', { position_embedding_type: 'relative_key' }, /position_embedding_type must be "absolute"/],
    ['bert', { is_decoder: true }, /is_decoder must be false/],
    ['bert', { pruned_heads: { 1: [0] } }, /config.json has 1, which is not known here/],
    [
      'bert',
      { architectures: ['BertModel'] },
      /architectures must be .*BertForPreTraining.*BertModel has no head.*from_pretrained\('FOLDER'\)/,
    ],
    ['bert', { type_vocab_size: 3 }, /token_type_embeddings.weight must have shape \[3, 12\], got \[2, 12\]/],
    ['bert', { type_vocab_size: 0 }, /unexpected tensor "bert.embeddings.token_type_embeddings.weight"/],
    ['bert', { tie_word_embeddings: false }, /missing cls.predictions.decoder.weight/],
    ['bert', { embedding_size: 128 }, /config.json has embedding_size, which is not known here/],
  ];
  for (const [name, changes, message] of refused) {
    const error = await asyncRefusal(fromPretrained(withConfig(name, changes)));
    assert.match(`${error.message} ${error.hint ?? ''}`, message);
    assert.ok(error.code === 'CONFIG' || error.code === 'FORMAT', error.message);
  }
});

test.run();
