/** A model out of a file, in a worker of its own: ready to write, or refused in words for whoever chose the file. */
import { WorkerModel } from 'prenorm/worker';

/** Enough to tell what a file is; only then all of it is read, which may be gigabytes. */
const HEAD = 65_536;

const NO_MODEL =
  'This file is not a model. Choose one that was saved here with "Download the model", or by Prenorm elsewhere.';
const NUMBERS_ONLY =
  'This file has the numbers of a model, but not its letters and its build, so nobody can write with it. Download the model once more where it was trained.';
const NEWER =
  'This model was saved by a newer version than this page. Reload the page: a newer one may be there.';
const DAMAGED = 'This file is damaged: something is missing, or was changed. Copy or download it once more.';
const NO_LETTERS =
  'This model knows numbers only: which letters they stand for is not in the file, so it cannot write here.';
const meanings = {
  MEMORY: 'This model is too large for this device.',
  ENVIRONMENT: 'A part that the model needs could not be loaded. Reload the page, or try another browser.',
};
/** What models do that do not write. */
const others = {
  transformer: 'translates',
  textClassifier: 'sorts texts',
  pairClassifier: 'sorts texts',
  maskedLM: 'fills gaps in a text',
  visionTransformer: 'looks at pictures',
};

/** A file that cannot be used; the message is for the person, the cause has the details. */
export class Refusal extends Error {
  constructor(words, cause) {
    super(words, { cause });
    this.name = 'Refusal';
  }
}

/** `model`, `numbers` for other files of tensors, or `other`. A damaged or newer model is one as well. */
async function kindOf(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const text = new TextDecoder('latin1').decode(bytes);
  if (/"format":"prenorm-(model|checkpoint)"/.test(text)) return 'model';
  // A length in eight bytes, the highest of them 0, then JSON.
  return text[8] === '{' && bytes[6] === 0 && bytes[7] === 0 ? 'numbers' : 'other';
}

function wordsFor(error) {
  if (error.code !== 'CHECKPOINT') return meanings[error.code] ?? 'This file could not be opened.';
  return /newer|update/.test(error.hint ?? '') ? NEWER : DAMAGED;
}

/**
 * @param {File} file
 * @throws Refusal
 */
export async function openModel(file) {
  let kind;
  try {
    kind = await kindOf(file);
  } catch (error) {
    throw new Refusal('This file cannot be read just now. Choose it once more.', error);
  }
  if (kind !== 'model') throw new Refusal(kind === 'numbers' ? NUMBERS_ONLY : NO_MODEL);
  const model = new WorkerModel(file);
  let ready;
  try {
    ready = await model.ready;
  } catch (error) {
    throw new Refusal(wordsFor(error), error);
  }
  if (ready.kind === 'causalLM' && ready.tokenizer !== null) {
    return { model, name: file.name, step: ready.step ?? 0, parameters: ready.parameters };
  }
  model.close();
  if (ready.kind === 'causalLM') throw new Refusal(NO_LETTERS);
  throw new Refusal(`This model ${others[ready.kind]}. Here only models that write can be used.`);
}
