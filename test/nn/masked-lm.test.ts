/** @file The masked language model: names, state dicts, what it sees, its two losses. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, noGrad } from '../../src/autograd/index.js';
import { MaskedLM, type MaskedLMInput, type MaskedLMOptions } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, refusal, SMALL } from '../support.js';

const test = suite('nn/masked-lm');
await init();

const bert: Partial<MaskedLMOptions> = {
  numSegments: 2,
  nextSentence: true,
  positions: 'learned',
  activation: 'gelu',
  embeddingNorm: true,
  normPlacement: 'post',
};
const make = (options: Partial<MaskedLMOptions> = {}) => new MaskedLM({ ...SMALL, ...options });

const random = new RandomStream(5, 'test:masked');
const rows = [7, 12, 3, 9].map((n) => Array.from({ length: n }, () => 3 + random.nextInt(20)));

/** Rows padded to `seqLen`; every third token is masked (id 0) and to be predicted. */
function batchOf(of: number[][], seqLen: number, padding = 0): Omit<Required<MaskedLMInput>, 'masked'> {
  const cells = of.flatMap((row) => Array.from({ length: seqLen }, (_, t) => ({ id: row[t] ?? -1, t })));
  return {
    ids: Int32Array.from(cells, ({ id, t }) => (id < 0 ? padding : t % 3 === 1 ? 0 : id)),
    targets: Int32Array.from(cells, ({ id, t }) => (id >= 0 && t % 3 === 1 ? id : -1)),
    segments: Int32Array.from(cells, ({ t }) => (t > 3 ? 1 : 0)),
    lengths: Int32Array.from(of, (row) => row.length),
    nextSentence: Int32Array.from(of, (_, b) => b % 2),
    batchSize: of.length,
    seqLen,
  };
}

test('names, and one owner of the tied table', () => {
  const keys = [...make(bert).stateDict().keys()];
  assert.equal(
    keys.filter((key) => !key.startsWith('encoder.')),
    [
      'embedding.tokens.weight',
      'embedding.segments.weight',
      'embedding.positions.weight',
      'embedding.norm.weight',
      'embedding.norm.bias',
      'head.bias',
      'head.transform.weight',
      'head.transform.bias',
      'head.norm.weight',
      'head.norm.bias',
      'next_sentence.pooler.weight',
      'next_sentence.pooler.bias',
      'next_sentence.classifier.weight',
      'next_sentence.classifier.bias',
    ],
  );
  const plain = [...make().stateDict().keys()];
  assert.not.ok(plain.some((key) => /segments|next_sentence|positions|decoder/.test(key)));
  assert.ok(make({ tiedEmbeddings: false }).stateDict().has('head.decoder.weight'));
});

test('a state dict moves a model exactly', () => {
  const batch = batchOf(rows, 12);
  const logits = (model: MaskedLM) => bits(noGrad(() => model.forward(batch)).toArray());
  const [a, b] = [make({ ...bert, seed: 1 }), make({ ...bert, seed: 2 })];
  assert.is.not(logits(a), logits(b));
  b.loadStateDict(a.stateDict());
  assert.is(logits(a), logits(b));
});

test('both sides of a token are seen, padding and neighbours are not', () => {
  for (const normPlacement of ['post', 'pre', 'peri'] as const) {
    const model = make({ ...bert, normPlacement }).eval();
    const width = SMALL.vocabSize;
    const logits = (batch: MaskedLMInput) => {
      const out = noGrad(() => model.forward(batch)).toArray();
      return Array.from({ length: batch.batchSize }, (_, b) =>
        bits(
          out.subarray(
            b * batch.seqLen * width,
            (b * batch.seqLen + (batch.lengths as Int32Array)[b]) * width,
          ),
        ),
      );
    };
    const together = logits(batchOf(rows, 12));
    assert.equal(logits(batchOf(rows, 17, 22)), together);
    rows.forEach((row, i) => {
      assert.equal(logits(batchOf([row], row.length)), [together[i]]);
    });
    const later = batchOf([rows[1]], 12);
    later.ids[11] = (later.ids[11] + 1) % SMALL.vocabSize;
    const [first, changed] = [batchOf([rows[1]], 12), later].map((batch) =>
      bits(
        noGrad(() => model.forward(batch))
          .toArray()
          .subarray(0, width),
      ),
    );
    assert.is.not(changed, first);
  }
});

test('the segment of a token matters', () => {
  const model = make(bert).eval();
  const batch = batchOf(rows, 12);
  const run = () => bits(noGrad(() => model.forward(batch)).toArray());
  const before = run();
  batch.segments.fill(1);
  assert.is.not(run(), before);
});

test('the loss is that of the masked tokens, and the pairs add their mean', () => {
  const model = make(bert);
  const { nextSentence, ...tokens } = batchOf(rows, 12);
  const alone = model.loss(tokens);
  assert.is(alone.count, tokens.targets.filter((id) => id >= 0).length);
  const [loss, nll] = [alone.loss.item(), alone.nll.item()];
  close(loss, nll / alone.count, 1e-5);
  const both = model.loss({ ...tokens, nextSentence });
  assert.is(both.nll.item(), nll);
  const unknown = Int32Array.of(-1, -1, -1, -1);
  assert.is(model.loss({ ...tokens, nextSentence: unknown }).loss.item(), loss);
  const extra = both.loss.item() - loss;
  assert.ok(extra > 0.1 && extra < 3, `two classes begin near ln 2, got ${extra}`);
});

/** The batch with its places gathered, and `spare` places that stand for none. */
function gathered(batch: ReturnType<typeof batchOf>, spare = 3): Required<MaskedLMInput> {
  const at = [...batch.targets.keys()].filter((i) => batch.targets[i] >= 0);
  const none = new Array<number>(spare).fill(-1);
  return {
    ...batch,
    masked: Int32Array.from([...at, ...none]),
    targets: Int32Array.from([...at.map((i) => batch.targets[i]), ...none]),
  };
}

test('logits at the masked places alone give the same loss and gradients', () =>
  withRuntime(createReferenceRuntime(), () => {
    const whole = batchOf(rows, 12);
    for (const smoothing of [0, 0.1]) {
      const measure = (batch: MaskedLMInput) => {
        const model = make(bert);
        const { loss, nll, count } = model.loss(batch, { smoothing });
        const values = [loss.item(), nll.item(), count];
        backward(loss);
        return [...values, ...model.parameters().flatMap((p) => [...p.grad!.toArray()])];
      };
      const [a, b] = [measure(whole), measure(gathered(whole))];
      a.forEach((value, i) => {
        close(b[i], value, 1e-12 + 1e-9 * Math.abs(value), `number ${i}`);
      });
    }
  }));

test('accumulated halves of equal token counts have the gradient of the whole batch', () =>
  withRuntime(createReferenceRuntime(), () => {
    const model = make(bert);
    const list = [rows[0], rows[1], rows[1], rows[0]];
    const grads = (parts: number[][][], count: number) => {
      model.zeroGrad();
      for (const part of parts) backward(model.loss(batchOf(part, 12), { count }).loss);
      return model.parameters().flatMap((p) => [...p.grad!.toArray()]);
    };
    const count = 12; // (2 + 4) twice
    const whole = grads([list], count);
    const halves = grads([list.slice(0, 2), list.slice(2)], count);
    whole.forEach((value, i) => {
      close(halves[i], value, 1e-12 + 1e-9 * Math.abs(value), `element ${i}`);
    });
    assert.ok(whole.some((value) => value !== 0));
  }));

test('it learns a rule that needs both neighbours', () => {
  // A masked token is the sum of its neighbours.
  const stream = new RandomStream(9, 'test:rule');
  const makeBatch = () => {
    const ids: number[] = [];
    const targets: number[] = [];
    for (let b = 0; b < 24; b++) {
      const [left, right] = [stream.nextInt(4), stream.nextInt(4)];
      ids.push(left, 22, right);
      targets.push(-1, left + right, -1);
    }
    return { ids: Int32Array.from(ids), targets: Int32Array.from(targets), batchSize: 24, seqLen: 3 };
  };
  const model = make({ normPlacement: 'pre', seed: 3 });
  const adam = new Adam(model.parameters(), { lr: 5e-3 });
  let last = 0;
  for (let step = 0; step < 120; step++) {
    adam.zeroGrad();
    const { loss } = model.loss(makeBatch());
    last = loss.item();
    backward(loss);
    adam.step();
  }
  assert.ok(last < 0.5, `loss ${last}; one neighbour alone leaves ln 4 = 1.39`);
});

test('what does not fit is refused by name', () => {
  const batch = batchOf(rows, 12);
  assert.match(refusal(() => make({ numSegments: -1 })).message, /numSegments/);
  assert.match(refusal(() => make({ nextSentence: 1 as never })).message, /nextSentence/);
  assert.match(refusal(() => make({ segment: 2 } as never)).message, /segment/);
  assert.match(refusal(() => make(bert).forward({ ...batch, segments: undefined })).message, /segments/);
  assert.match(refusal(() => make(bert).loss({ ...batch, targets: undefined })).message, /targets/);
  assert.match(refusal(() => make({ numSegments: 2 }).loss(batch)).message, /head/);
  const far = { ...gathered(batch), masked: gathered(batch).masked.fill(4 * 12, 0, 1) };
  assert.match(refusal(() => make(bert).loss(far)).message, /row 48 is outside/);
});

test.run();
