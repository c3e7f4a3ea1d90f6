/** @file The tokenizer of a folder, in and out. What reads it is given, so that no page loads it that has texts of its own. */
import { brief, ConfigError, FormatError } from '../errors.js';
import { tokenizersOf } from '../io/saved-tokenizer.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { maskedMarks } from '../text/masked-marks.js';
import { Tokenizer } from '../text/tokenizer.js';
import { checkTextSize } from '../text-file.js';
import { FOREIGN_NAMES, foreignFile } from '../tokenizers/foreign-files.js';
import { added } from '../tokenizers/known-tokenizers.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { toTokenizerJSON } from '../tokenizers/to-tokenizer-json.js';
import { isPretrainedTokenizer, type TokenizerModule } from '../tokenizers/tokenizer-module.js';
import type { Folder } from './source.js';

/**
 * The tokenizer of a folder; null where there is none, and for a model that reads no tokens.
 * @throws FormatError for one that is not read here, or has ids that the model does not; as `tokenizerFrom`
 */
export async function tokenizerOf(
  folder: Folder,
  model: LibraryModel,
  given: TokenizerModule,
): Promise<PretrainedTokenizer | null> {
  const { vocabSize } = model.config as { vocabSize?: number };
  if (vocabSize === undefined) return null;
  const { tokenizerFileNames, tokenizerFrom } = await tokenizersOf('fromPretrained', given);
  const files: Record<string, Uint8Array> = {};
  for (const name of tokenizerFileNames) {
    const file = await folder.open(name);
    if (!file) continue;
    try {
      checkTextSize(file.size, file.path);
      files[name] = await file.read(0, file.size);
    } finally {
      await file.close();
    }
  }
  if (!['tokenizer.json', 'vocab.json', 'encoder.json', 'vocab.txt'].some((name) => files[name])) {
    for (const name of folder.names ?? FOREIGN_NAMES) {
      const error = foreignFile(name, 'tokenizer');
      const file = error && (await folder.open(name));
      await file?.close();
      if (file) throw error;
    }
    return null;
  }
  const tokenizer = tokenizerFrom(files);
  if (tokenizer.vocabSize <= vocabSize) return tokenizer;
  throw new FormatError(`the tokenizer has ${tokenizer.vocabSize} ids, the model ${vocabSize}`, {
    op: 'fromPretrained',
    path: folder.path,
    expected: vocabSize,
    actual: tokenizer.vocabSize,
    hint: 'they are not of one model; leave tokenizers out to load the model alone',
  });
}

/**
 * What config.json says of a tokenizer, and its files.
 * @throws ConfigError for one that has no such form, or ids that the model does not have
 */
export function tokenizerFiles(
  tokenizer: unknown,
  model: LibraryModel,
  op = 'toPretrained',
): { config: Record<string, unknown>; files: [name: string, content: object][] } {
  const { vocabSize = 0 } = model.config as { vocabSize?: number };
  const isOurs = tokenizer instanceof Tokenizer;
  if (!isOurs && !isPretrainedTokenizer(tokenizer)) {
    throw new ConfigError(
      `the tokenizer must be a Tokenizer or a PretrainedTokenizer, got ${brief(tokenizer)}`,
      {
        op,
        actual: tokenizer,
        hint: 'a CharTokenizer has no form that other libraries read: train with trainBPE, in a recipe { "kind": "bpe", … }',
      },
    );
  }
  if (tokenizer.vocabSize > vocabSize) {
    throw new ConfigError(`the tokenizer has ${tokenizer.vocabSize} ids, the model ${vocabSize}`, {
      op,
      expected: vocabSize,
      actual: tokenizer.vocabSize,
      hint: 'give the one that the model was trained with',
    });
  }
  const rows = isOurs ? rowTokens(tokenizer, model) : null;
  const ends = isOurs ? [] : tokenizer.eosIds;
  const eos = ends.length > 1 ? ends : (tokenizer.eosId ?? ends[0]);
  const ids = { bos_token_id: tokenizer.bosId, eos_token_id: eos, pad_token_id: tokenizer.padId };
  const config = Object.fromEntries(Object.entries(ids).filter((entry) => entry[1] !== undefined));
  return {
    config,
    files: [
      [
        'tokenizer.json',
        rows
          ? rows.parts(toTokenizerJSON(tokenizer as Tokenizer))
          : (tokenizer as PretrainedTokenizer).toTokenizerJSON(),
      ],
      [
        'tokenizer_config.json',
        { tokenizer_class: 'PreTrainedTokenizerFast', ...settingsOf(tokenizer, rows) },
      ],
    ],
  };
}

/** What models that read rows put into them beside texts, as the files of a tokenizer say it: see `maskedMarks`. */
interface RowTokens {
  /** In tokenizer_config.json. */
  roles: Record<string, string>;
  /** In tokenizer.json. */
  parts: (file: Record<string, unknown>) => object;
}

function rowTokens(tokenizer: Tokenizer, { kind, config }: LibraryModel): RowTokens {
  if (kind !== 'maskedLM' && kind !== 'textClassifier') return { roles: {}, parts: (file) => file };
  const { clsId, sepId, maskId } = maskedMarks(tokenizer);
  const [cls, sep] = [clsId, sepId].map((id) => tokenizer.specialTokens[id]);
  const { vocabSize } = tokenizer;
  const isFree = (name: string) =>
    tokenizer.specialId(name) === undefined && tokenizer.encode(name).length > 1;
  // Behind the last id of a tokenizer that has no such token, where a masked model has a row for it.
  const hasRow = kind === 'maskedLM' && maskId === vocabSize && config.vocabSize > maskId;
  const extra = hasRow ? ['<mask>', '[MASK]'].find(isFree) : undefined;
  const mask = maskId < vocabSize ? tokenizer.specialTokens[maskId] : extra;
  return {
    roles: { cls_token: cls, sep_token: sep, ...(mask === undefined ? {} : { mask_token: mask }) },
    parts: (file) => ({
      ...file,
      ...(extra === undefined
        ? {}
        : { added_tokens: [...(file.added_tokens as object[]), added(extra, maskId)] }),
      post_processor: { type: 'BertProcessing', sep: [sep, sepId], cls: [cls, clsId] },
    }),
  };
}

function settingsOf(tokenizer: Tokenizer | PretrainedTokenizer, rows: RowTokens | null): object {
  if (tokenizer instanceof Tokenizer) {
    const [pad_token, bos_token, eos_token] = tokenizer.specialTokens;
    // In the order in which they are read.
    return { bos_token, eos_token, pad_token, ...rows?.roles, clean_up_tokenization_spaces: false };
  }
  const { roles, chatTemplate, cleanUp, maxLength } = tokenizer.toJSON().settings;
  return {
    ...roles,
    ...(chatTemplate === null ? {} : { chat_template: chatTemplate }),
    clean_up_tokenization_spaces: cleanUp,
    ...(maxLength === null ? {} : { model_max_length: maxLength }),
  };
}
