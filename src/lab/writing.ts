/** @file What the model of a lane writes: the same prompts every time, drawn with a fixed seed. */
import { NumericError } from '../errors.js';
import { generateNow } from '../generate/generate.js';
import { translateAll } from '../generate/translate.js';
import { CausalLM } from '../nn/index.js';
import { encodeSource, type OpenedData, type OpenedPairs } from '../recipe/index.js';
import type { LabModel } from './instruments.js';
import type { WrittenText } from './layout.js';

const LENGTH = 32;
/** Nearer to what the model finds probable than its own probabilities are, as `prenorm train` samples. */
const TEMPERATURE = 0.8;
const SENTENCES = 2;

/** What it writes; nothing where it has diverged so far that it gives no numbers to draw from. */
export function written(model: LabModel, data: OpenedData): WrittenText[] {
  try {
    return writtenBy(model, data);
  } catch (error) {
    if (error instanceof NumericError) return [];
    throw error;
  }
}

/** The text goes on from the first words held out; translations are of the first sentences held out that fit. */
function writtenBy(model: LabModel, data: OpenedData): WrittenText[] {
  model.eval();
  if (model instanceof CausalLM) {
    const prompt = data.examples?.(1)[0]?.text ?? '';
    if (prompt === '') return [];
    const options = { maxNewTokens: LENGTH, temperature: TEMPERATURE, seed: 0 };
    const { text } = generateNow('lab', model, data.tokenizer, prompt, options);
    return [{ prompt, text: text ?? '' }];
  }
  const { tokenizer } = data as OpenedPairs;
  const fitting = (data.examples?.(100) ?? [])
    .map((example) => ({ ...example, ids: encodeSource(tokenizer, example.text) }))
    .filter(({ ids }) => ids.length <= model.config.maxSeqLen)
    .slice(0, SENTENCES);
  const found = translateAll(
    model,
    fitting.map(({ ids }) => ids),
    tokenizer,
    { beamSize: 1, lengthPenalty: 1 },
  );
  return fitting.map(({ text: prompt, reference }, at) => ({
    prompt,
    text: found[at],
    ...(reference === undefined ? {} : { reference }),
  }));
}
