/** @file What a recipe's `samples` shows at each evaluation: the same inputs every time, drawn with fixed seeds. */
import { noGrad } from '../autograd/tape.js';
import { ConfigError } from '../errors.js';
import { generateText } from '../generate/generate.js';
import { encodeSource, type MarkedCodec } from '../generate/source.js';
import { translateAll } from '../generate/translate.js';
import { CausalLM, MaskedLM, type TextClassifier, Transformer, type VisionTransformer } from '../nn/index.js';
import { withRuntime } from '../runtime/runtime.js';
import type { Sample } from '../train/index.js';
import type { Example, OpenedData } from './data/kind.js';
import type { RecipeModel } from './models.js';
import type { SamplesRecipe } from './recipe.js';
import type { TextCodec } from './tokenizers.js';

/** Tokens of a continuation. */
const LENGTH = 40;
/** Nearer to what the model finds probable than its own probabilities are: readers judge what it can, not its noise. */
const TEMPERATURE = 0.8;
/** Held-out examples that are shown. */
const EXAMPLES = 3;

/**
 * What is drawn after each evaluation.
 * @throws ConfigError for a model that has nothing to show, or data without what is to be shown
 */
export function samplesOf(
  recipe: SamplesRecipe,
  model: RecipeModel,
  data: OpenedData,
): () => Promise<readonly Sample[]> {
  const { prompt, count, length = LENGTH } = recipe;
  if (model instanceof CausalLM) {
    const tokenizer = data.tokenizer ?? refuse('need a tokenizer, and the data has none');
    const start = prompt ?? data.examples?.(1)[0]?.text ?? needPrompt();
    return () => continued(model, tokenizer, start, count ?? 1, length);
  }
  if (model instanceof MaskedLM) return refuse('are texts, translations or labels; a maskedLM makes none');
  const examples = prompt === undefined ? (data.examples?.(count ?? EXAMPLES) ?? []) : [{ text: prompt }];
  if (examples.length === 0) return needPrompt();
  if (model instanceof Transformer) {
    const tokenizer = data.tokenizer as (TextCodec & MarkedCodec) | null;
    if (tokenizer?.bosId === undefined) return refuse('need a tokenizer with marks');
    const sources = examples.map(({ text }) => encodeSource(tokenizer, text));
    return async () => {
      const found = translateAll(model, sources, tokenizer, { beamSize: 1, lengthPenalty: 1 });
      return examples.map((example, i) => sampleOf(example, found[i]));
    };
  }
  return async () =>
    examples.map((example) => {
      const [labels] = predictions(model, example.batch as never);
      return sampleOf(example, labels.map((label) => data.classes?.[label] ?? String(label)).join(', '));
    });
}

/**
 * The classes of each row: the most probable one, the smallest of equals; of a model with `multiLabel` all that are more
 * probable than not.
 */
export function predictions(model: TextClassifier | VisionTransformer, batch: never): number[][] {
  const { numClasses } = model.config;
  const several = 'multiLabel' in model.config && model.config.multiLabel;
  const logits = withRuntime(model.runtime(), () => noGrad(() => model.forward(batch).toArray()));
  return Array.from({ length: logits.length / numClasses }, (_, row) => {
    const own = logits.subarray(row * numClasses, (row + 1) * numClasses);
    if (several) return [...own.keys()].filter((i) => own[i] > 0);
    let best = 0;
    for (let i = 1; i < numClasses; i++) if (own[i] > own[best]) best = i;
    return [best];
  });
}

/** A continuation for each of the seeds 0, 1, …. */
async function continued(
  model: CausalLM,
  tokenizer: TextCodec,
  prompt: string,
  count: number,
  maxNewTokens: number,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let seed = 0; seed < count; seed++) {
    const { text } = await generateText(model, tokenizer, prompt, {
      maxNewTokens,
      seed,
      temperature: TEMPERATURE,
    });
    samples.push({ prompt, text });
  }
  return samples;
}

function sampleOf({ text: prompt, reference }: Example, text: string): Sample {
  return { prompt, text, ...(reference === undefined ? {} : { reference }) };
}

function refuse(why: string): never {
  throw new ConfigError(`samples ${why}`, { op: 'samples', hint: 'leave samples out, or set it to false' });
}

function needPrompt(): never {
  throw new ConfigError('samples.prompt must be given: the data has no held-out text to begin with', {
    op: 'samples',
    hint: 'give a text, or leave samples out',
  });
}
