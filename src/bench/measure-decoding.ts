/**
 * @file Rows about texts that grow token by token, on one thread: greedy, drawn and by beams, in floats and in int12, and how
 * fast the weights come from memory.
 */
import { lmStepper, nBestSearch, type Stepper, sample as sampleText } from '../generate/index.js';
import type { CausalLM } from '../nn/models.js';
import { createRuntime } from '../runtime/init.js';
import { COPY_BEYOND, COPY_BYTES, type Plan, peakOf } from './measure-machine.js';
import { buildLm, decoderShapes } from './models.js';
import { makeRow, missingRow, type Row } from './row.js';
import { targets } from './targets.js';
import { inTurns, quartiles, type Timed, timed } from './timing.js';

type DecoderName = keyof typeof decoderShapes;

/** Tokens of one text: a window's worth would take minutes in all. */
const TOKENS = 48;
/** An id that ends nothing: texts go on to their length. */
const EOS = 0;

/** What is done, for a number of texts. */
const WAYS: readonly { way: string; texts: number; run: (model: CausalLM, texts: number) => void }[] = [
  ...[1, 8, 32].map((texts) => ({
    way: `greedy, ${texts} text${texts > 1 ? 's' : ''}`,
    texts,
    run: greedily,
  })),
  { way: 'drawn from the best 40, 1 text', texts: 1, run: drawn },
  { way: 'beam 5, 1 text', texts: 1, run: byBeams },
  { way: 'beam 5, 8 texts', texts: 8, run: byBeams },
];

/** Milliseconds of a token of all texts, and tokens a second. */
export async function measureDecoding(plan: Plan): Promise<Row[]> {
  const names = (Object.keys(decoderShapes) as DecoderName[]).slice(0, plan.quick ? 1 : undefined);
  const rows: Row[] = [];
  for (const name of names) {
    for (const arithmetic of ['strict', 'int12'] as const) {
      plan.onProgress(`texts that grow, ${name}, ${arithmetic}`);
      const runtime = await createRuntime({ arithmetic, threads: 1 });
      const model = buildLm(runtime, decoderShapes[name]).eval();
      const about = `${name}${arithmetic === 'int12' ? ', int12' : ''}`;
      const ways = plan.quick ? WAYS.slice(0, 1) : WAYS;
      const items = ways.map(({ texts, run }) => timed(() => run(model, texts), plan.sampleMs, 50));
      const { times, conditions } = await inTurns(
        items.map((item) => ({ items: [item], judged: ([ms]: readonly number[]) => [ms] })),
        plan,
      );
      ways.forEach(({ way, texts }, i) => {
        const samples = times[i][0].map((ms) => ms / TOKENS);
        const rate = (1000 * texts) / quartiles(samples).median;
        rows.push(
          makeRow({
            ...{ name: `${about}: a token, ${way}`, unit: 'ms', samples, better: 'lower', conditions },
            note: `${rate.toFixed(0)} tokens a second`,
          }),
        );
      });
      if (arithmetic === 'strict') rows.push(await besideCopy(plan, name, items[0], model));
      model.free();
    }
  }
  return rows;
}

/** Bytes of weights that a token reads, per second, over those that a copy reads and writes. */
async function besideCopy(plan: Plan, name: DecoderName, item: Timed, model: CausalLM): Promise<Row> {
  const base = {
    name: `${name}: weights read, greedy, 1 text`,
    unit: 'GB/s',
    better: 'higher' as const,
    reference: COPY_BEYOND,
    target: name === '1.3 M' ? undefined : targets.decoding.memory,
  };
  const peak = await peakOf('strict');
  if (!peak) return missingRow({ ...base, note: 'the peak loop is not there' });
  const copy = timed(() => peak.copy(COPY_BYTES.beyond), plan.sampleMs);
  // A row of the tables of tokens and positions, all of the rest; the tied table is read as the output's.
  const bytes = 4 * (model.numParameters() - (model.embedding.positions.weight?.size ?? 0));
  const { times, conditions } = await inTurns(
    [{ items: [item, copy], judged: ([ours, theirs]) => [ours / theirs] }],
    plan,
  );
  const [ours, copies] = times[0];
  const rates = ours.map((ms) => (bytes * TOKENS) / ms / 1e6);
  return makeRow({
    ...base,
    samples: rates,
    shares: rates.map((rate, i) => rate / ((2 * COPY_BYTES.beyond) / copies[i] / 1e6)),
    conditions,
  });
}

function greedily(model: CausalLM, texts: number): void {
  within(lmStepper(model, texts), (stepper) => {
    let ids = Int32Array.from({ length: texts }, (_, row) => 3 + row);
    for (let t = 0; t < TOKENS; t++) ids = stepper.best?.(ids, 1, EOS).ids as Int32Array<ArrayBuffer>;
  });
}

function drawn(model: CausalLM): void {
  within(lmStepper(model, 1), (stepper) => {
    sampleText(stepper, { prompt: [3], length: TOKENS, seed: 1, topK: 40 });
  });
}

function byBeams(model: CausalLM, texts: number): void {
  within(lmStepper(model, texts), (stepper) => {
    nBestSearch(stepper, { bos: 3, eos: EOS, maxLength: TOKENS - 1, beamSize: 5, nBest: 1 });
  });
}

function within(stepper: Stepper, run: (stepper: Stepper) => void): void {
  run(stepper);
  stepper.release?.();
}
