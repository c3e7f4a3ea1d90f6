/** @file The recipe of a lane: what `prenorm train` trains to the same bits. */
import { RandomStream } from '../random.js';
import type { DataRecipe, Recipe, TokenizerRecipe } from '../recipe/index.js';
import type { LabConfiguration } from './configuration.js';
import type { LaneSettings } from './settings.js';

/** Pieces of the tokenizer of translations. */
const PIECES = 1000;
/** Bytes and marks: no pieces longer than a byte. */
const BYTES = 259;
const REVERSALS = 2000;
const LONGEST = 8;
/** Adam's of Vaswani et al. 2017, and of the paper. */
const BETAS = [0.9, 0.98] as const;

/**
 * The recipe of a lane.
 * @param content the reader's text, of a task that needs one
 */
export function laneRecipe(lab: LabConfiguration, at: number, content?: string): Recipe {
  const lane = lab.lanes[at];
  const { layers, width, heads, placement, norm, init, arithmetic } = lane;
  const { data, tokenizer } = dataOf(lab, lane, content);
  const model = {
    dModel: width,
    numLayers: layers,
    numHeads: heads,
    normPlacement: placement,
    norm,
    init,
  };
  return {
    model:
      data.kind === 'pairs'
        ? { kind: 'transformer', ...model, maxSeqLen: Math.max(16, lane.length) }
        : { kind: 'causalLM', ...model },
    data,
    tokenizer,
    optimizer:
      lane.optimizer === 'sgd' ? { kind: 'sgd', momentum: 0.9 } : { kind: lane.optimizer, betas: [...BETAS] },
    schedule: scheduleOf(lane, lab.steps),
    steps: lab.steps,
    keepBest: false,
    seed: lane.seed,
    ...(arithmetic === 'strict' ? {} : { arithmetic }),
  };
}

function scheduleOf(lane: LaneSettings, steps: number): Recipe['schedule'] {
  const { maxLr, warmup, decay } = lane;
  if (decay === 'constant') return { kind: 'constant', maxLr, warmupSteps: warmup };
  // Beside each other, lanes with and without warm-up fall from the same step on.
  if (decay === 'inverseSqrt')
    return { kind: 'inverseSqrt', maxLr, warmupSteps: warmup, tailStart: Math.max(warmup, TAIL_START) };
  const totalSteps = Math.max(steps, warmup) + 1;
  return decay === 'linear'
    ? { kind: 'linearDecay', maxLr, warmupSteps: warmup, totalSteps }
    : { kind: 'cosine', maxLr, warmupSteps: warmup, totalSteps };
}

const TAIL_START = 100;

function dataOf(
  { task }: LabConfiguration,
  { batch, length }: LaneSettings,
  content: string | undefined,
): { data: DataRecipe; tokenizer: TokenizerRecipe } {
  if (task === 'chars' || task === 'text') {
    const origin = task === 'chars' ? { source: 'kjv' } : { text: content ?? '' };
    return {
      data: { kind: 'text', ...origin, batchSize: batch, seqLen: length },
      tokenizer: { kind: 'chars' },
    };
  }
  const pairs = { kind: 'pairs', maxTokens: batch * length, onTooLong: 'drop' } as const;
  switch (task) {
    case 'translate':
      return { data: { ...pairs, source: 'ui-de-en' }, tokenizer: { kind: 'bpe', vocabSize: PIECES } };
    case 'reverse':
      return { data: { ...pairs, text: reversals() }, tokenizer: { kind: 'bpe', vocabSize: BYTES } };
    default:
      return { data: { ...pairs, text: content ?? '' }, tokenizer: { kind: 'bpe', vocabSize: PIECES } };
  }
}

/** Words of three to eight letters, and the same backwards: a task that nothing but attention solves. */
export function reversals(): string {
  const random = new RandomStream(0, 'lab:reversals');
  const lines: string[] = [];
  for (let line = 0; line < REVERSALS; line++) {
    const letters: string[] = [];
    for (let at = 3 + random.nextInt(LONGEST - 2); at > 0; at--)
      letters.push(String.fromCharCode(97 + random.nextInt(26)));
    lines.push(`${letters.join('')}\t${letters.toReversed().join('')}`);
  }
  return `${lines.join('\n')}\n`;
}
