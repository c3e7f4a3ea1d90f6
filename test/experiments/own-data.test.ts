/** @file One's own data: what lies in a folder, how much is enough, and what its claims and its advice say. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.js';
import {
  judgeRecords,
  kindOf,
  makePreset,
  OWN_MARGIN,
  type OwnData,
  type RunRecord,
  type RunSpec,
  readOwnData,
  refuseTooSmall,
} from '../../src/experiments/index.js';
import { sentencesNeeded } from '../../src/experiments/kinds/own-data.js';
import { RandomStream } from '../../src/random.js';
import { prepareRun, type Recipe } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal, close, memorySources, refusal } from '../support.js';

const test = suite('experiments/own-data');
await init();

const WORDS = ['the', 'cat', 'sat', 'on', 'a', 'mat', 'and', 'saw', 'dogs', 'run', 'far', 'off'];
const random = new RandomStream(3, 'test:own');
const sentence = (): string =>
  Array.from({ length: 3 + random.nextInt(9) }, () => WORDS[random.nextInt(WORDS.length)]).join(' ');
const pairs = (count: number): string =>
  Array.from({ length: count }, () => `${sentence()}\t${sentence()}\n`).join('');
const files = memorySources({
  'pairs/train.tsv': pairs(600),
  'few/train.tsv': pairs(30),
  'one/train.tsv': 'a b\tc d\n',
  'text/text.txt': Array.from({ length: 3000 }, sentence).join('\n'),
  'short/text.txt': Array.from({ length: 60 }, sentence).join('\n'),
  'long/train.tsv': `${pairs(600)}${`${sentence()} `.repeat(150)}\t${`${sentence()} `.repeat(150)}\n${pairs(200)}`,
});

test('a folder of pairs and one of a text are told apart, and what is held out is counted', async () => {
  const own = await readOwnData('pairs', files);
  assert.is(own.kind, 'pairs');
  assert.equal([own.examples, own.heldOut, own.maxTokens], [600, 60, 700]);
  assert.ok(own.standardError > 0 && own.needed > 0);
  const text = await readOwnData('text', files);
  assert.equal([text.kind, text.maxTokens], ['text', 0]);
  assert.ok(text.heldOut > 50 && text.examples > 8 * text.heldOut);
  const error = await asyncRefusal(readOwnData('nothing', files));
  assert.match(error.message, /neither train\.tsv \(pairs of sentences\) nor text\.txt .*prenorm prepare/);
});

test('the longest line is taken, not left out', async () => {
  const own = await readOwnData('long', files);
  assert.ok(own.maxTokens > 700, String(own.maxTokens));
  const [run] = makePreset('own', { data: 'long', own }).runs as (RunSpec & { recipe: Recipe })[];
  assert.equal(run.recipe.data, { kind: 'pairs', source: 'long', maxTokens: own.maxTokens });
  const { model } = await prepareRun(run.recipe, { sources: files });
  assert.ok((model.config as { maxSeqLen: number }).maxSeqLen > 256);
});

test('how many are needed: two standard errors of a ratio within the margin, and a quarter for half of them', () => {
  // One token of frequency 1/2 and one of 1/2 have the same NLL: nothing varies, and only the least number is needed.
  const flat = { train: [Int32Array.of(0, 1)], vocabSize: 2 };
  const same = sentencesNeeded({ ...flat, heldOut: [Int32Array.of(0), Int32Array.of(1, 0)] });
  assert.equal([same.needed, same.standardError], [100, 0]);
  // NLLs of ln 4/3 and ln 4, one token a sentence, half each: standard deviation ln 3 / 2.
  const train = [Int32Array.of(0, 0)];
  const heldOut = Array.from({ length: 100 }, (_, i) => Int32Array.of(i % 2));
  const { needed, standardError } = sentencesNeeded({ train, heldOut, vocabSize: 2 });
  const deviation = (Math.log(3) / 2) * Math.sqrt(100 / 99);
  close(standardError, deviation / 10, 1e-12);
  assert.is(needed, Math.ceil(100 * ((2 * standardError) / OWN_MARGIN) ** 2));
});

test('too little stops with how many sentences are needed', async () => {
  const few = await readOwnData('few', files);
  const error = refusal(() => refuseTooSmall(few));
  assert.instance(error, DataError);
  assert.match(
    error.message,
    /3 sentences are held out of 30, too few for a margin of 0\.1 nats: it needs \d+ sentences held out, some \d+ in all/,
  );
  assert.ok((error.expected as number) > 3);
  const short = await readOwnData('short', files);
  assert.match(
    refusal(() => refuseTooSmall(short)).message,
    /windows of 64 characters are held out .*too few/,
  );
  const one = await readOwnData('one', files);
  assert.match(
    refusal(() => refuseTooSmall(one)).message,
    /0 sentences are held out of 1, .* it needs 100 sentences held out, some 1000 in all/,
  );
  const enough = { ...few, heldOut: few.needed, examples: 10 * few.needed };
  refuseTooSmall(enough);
  assert.match(refusal(() => refuseTooSmall({ ...enough, heldOut: few.needed - 1 })).message, /too few/);
});

const own: OwnData = {
  ...{ kind: 'pairs', source: 'pairs', heldOut: 500, needed: 200, examples: 5000 },
  ...{ maxTokens: 700, standardError: 0.03 },
};

/** What every arm gets to at its four rates, the largest first. */
const NLL: Record<string, number[]> = {
  'post none': [5.9, 5.8, 5, 4.9],
  'post warm': [4.4, 4.1, 4.2, 4.6],
  'pre none': [4, 3.45, 3.8, 4.2],
  'pre warm': [3.7, 3.4, 3.6, 4.2],
};

function recordsOf(
  preset: ReturnType<typeof makePreset>,
  change: (key: string, i: number) => number = () => 0,
) {
  return preset.runs.map((spec): RunRecord => {
    const { recipe } = spec as RunSpec & { recipe: Recipe };
    const [, , placement, warm] = spec.id.startsWith('own')
      ? spec.id.split('-')
      : ['', ...spec.id.split('-')];
    const key = `${placement} ${warm === 'none' ? 'none' : 'warm'}`;
    const rates = [
      ...new Set(preset.runs.map((run) => (run as typeof spec & { recipe: Recipe }).recipe.schedule!.maxLr)),
    ];
    const i = rates.sort((a, b) => b - a).indexOf(recipe.schedule!.maxLr);
    const seed = kindOf(spec).seeds(spec)[0];
    const validNll = NLL[key][i] + change(key, i) + 0.001 * (seed % 3);
    return {
      id: spec.id,
      experiment: spec.kind,
      label: spec.label,
      placement,
      seed,
      config: JSON.parse(JSON.stringify(spec)),
      status: 'measured',
      finalValidNll: validNll + 0.3,
      unigramNll: 6,
      steps: 10,
      seconds: 1,
      hash: `hash-${spec.id}`,
      curve: [
        { step: 5, lr: 1, trainLoss: 1, validNll },
        { step: 10, lr: 1, trainLoss: 1, validNll: validNll + 0.3 },
      ],
    };
  });
}

for (const kind of ['pairs', 'text'] as const) {
  const preset = makePreset('own', { data: kind, own: { ...own, kind, source: kind } });
  const judged = (change?: (key: string, i: number) => number) =>
    judgeRecords(preset, recordsOf(preset, change));
  const verdicts = (change?: (key: string, i: number) => number) =>
    judged(change).claims.map(({ claim, verdict }) => [claim.replace('own-', ''), verdict]);

  test(`${kind}: four arms at four rates and three seeds, within an hour on two cores`, () => {
    assert.is(preset.runs.length, 48);
    assert.equal(
      preset.experiments.map(({ experiment }) => experiment.name),
      ['own'],
    );
    const seconds = preset.runs.reduce((sum, run) => sum + kindOf(run).cost(run), 0);
    assert.ok(seconds / 2 < preset.budgetSeconds, String(seconds));
    for (const run of preset.runs) assert.ok(kindOf(run).seeds(run)[0] < 1000);
  });

  test(`${kind}: claims hold as the paper has them, and turn with the numbers`, () => {
    assert.equal(verdicts(), [
      ['post-needs-warmup', 'holds'],
      ['pre-trains-without', 'holds'],
      ['pre-needs-less-tuning', 'holds'],
    ]);
    for (const { control, claim } of judged().claims) assert.is(control!.verdict, 'does not hold', claim);
    // Where Pre-LN gains as much, that Post-LN does says nothing.
    assert.equal(verdicts((key) => (key === 'pre none' ? 0.2 : 0))[0], ['post-needs-warmup', 'not decided']);
    const turned = (change: (key: string, i: number) => number) => Object.fromEntries(verdicts(change));
    assert.is(turned((key) => (key === 'post none' ? -1.8 : 0))['post-needs-warmup'], 'does not hold');
    assert.is(turned((key) => (key === 'pre none' ? 1 : 0))['pre-trains-without'], 'does not hold');
    assert.is(
      turned((key, i) => (key === 'pre none' && i === 0 ? 3 : 0))['pre-needs-less-tuning'],
      'does not hold',
    );
  });

  test(`${kind}: the advice names placement, warm-up and rate, and how sure it is`, () => {
    const rate = kind === 'pairs' ? '0.002' : '0.006';
    const [use, sure, avoid, size] = judged((key) => (key === 'pre none' ? 0.25 : 0)).advice!;
    assert.match(
      use,
      new RegExp(`^Use Pre-LN with a warm-up of \\d+ steps at a maximal rate of ${rate}: it gets to 3\\.40`),
    );
    assert.match(
      sure,
      /^Sure: in all 3 seeds it is ahead of Pre-LN without warm-up at .* by at least 0\.300 nats/,
    );
    assert.match(avoid, /^Keep away from Post-LN without warm-up: .* 1\.5\d\d nats higher at least/);
    assert.match(size, /a model of this size on this data/);
    const close = judged().advice!;
    assert.match(
      close[1],
      /^Not sure: .* is within the margin of 0\.1 nats in 3 of 3 seeds .*Either will do/,
    );
    const edge = judged((key, i) => (key === 'pre warm' && i === 0 ? -1 : 0)).advice!;
    assert.ok(
      edge.some((line) => /is the highest rate that was tried: the best may lie beyond it/.test(line)),
    );
  });
}

test('two seeds, or one arm alone, advise nothing', () => {
  const preset = makePreset('own', { data: 'pairs', own });
  const all = recordsOf(preset);
  const advice = (runs: RunRecord[]) => judgeRecords(preset, runs).advice;
  assert.ok(advice(all));
  assert.is(advice(all.filter(({ seed }) => seed !== 872)), undefined);
  assert.is(advice(all.filter(({ id }) => id.includes('pre-none'))), undefined);
});

test('without data the preset has no runs, and no other preset gives advice', () => {
  assert.equal(makePreset('own').runs, []);
  assert.is(judgeRecords(makePreset('quick'), []).advice, undefined);
});

test.run();
