/** A model and its tuning: all that computes. It knows no page, so Node can run it as well as a worker. */
import { init } from 'prenorm';
import { classify } from 'prenorm/classify';
import { generate } from 'prenorm/generate';
import { fromPretrained } from 'prenorm/interop';
import { encodeSafetensors, loadModel } from 'prenorm/io';
import { recompute } from 'prenorm/nn';
import { encodeRun, heldOutScores, prepareRun } from 'prenorm/recipe';
import * as tokenizers from 'prenorm/tokenizers';
import { evaluateBatches, plan, planTuning, Trainer, tuningTask } from 'prenorm/train';
import * as tuning from 'prenorm/tuning';

const LENGTH = 60;
/** Bytes of a step from which on memory is worth more than a fifth of the time. */
const MUCH = 2.5e8;

/** What is trained, by the names of the page's choices. */
const TRAINABLE = { lora: { lora: {} }, norms: 'norms', all: 'all' };

/** A folder of Hugging Face, or one file of Prenorm; `files` are Blobs by their names. */
async function load(files) {
  const [name, ...more] = Object.keys(files);
  const isOne = more.length === 0 && name.endsWith('.safetensors');
  return isOne ? loadModel(files[name], { tokenizers, tuning }) : fromPretrained(files, { tokenizers });
}

/** Copies of what is trained, by the names of the parameters. */
const trainedOf = (model) =>
  new Map(
    [...model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([name, p]) => [name, p.toArray()]),
  );

export class Tuning {
  #files = null;
  #base = null;
  #run = null;
  #trainer = null;
  #abort = null;
  /** Values of what is trained, before and after. */
  #states = null;

  /** Loads a base, in the place of another. */
  async open({ files, threads }) {
    await init({ threads });
    const loaded = await load(files);
    this.#forget();
    this.#files = files;
    this.#base = loaded;
    const { model, tokenizer, family = null, labels } = loaded;
    return {
      kind: model.kind,
      family,
      labels,
      hasTokenizer: tokenizer !== null,
      parameters: model.numParameters(),
    };
  }

  #forget() {
    this.#base?.model?.free();
    // With it the optimizer and its model.
    this.#trainer?.free();
    this.#base = this.#run = this.#trainer = this.#states = null;
  }

  /** Tunes the base on a text, or on lines text TAB label. `report` is told how it stands before, and every step. */
  async tune({ text, what, steps }, report) {
    if (!this.#base?.model) await this.#reopen();
    const { model, tokenizer } = this.#base;
    const task = tuningTask(model.kind, text);
    const { recipe } = await planTuning({
      base: { kind: model.kind, config: model.config, tokenizer },
      weights: encodeSafetensors(model.stateDict()),
      data: text,
      trainable: TRAINABLE[what],
      task,
      steps,
    });
    // The run has a model of its own: no second one in memory.
    model.free();
    this.#base = { ...this.#base, model: null };
    const run = await prepareRun(recipe, { tokenizer });
    this.#abort = new AbortController();
    // Its weights are in the model by now.
    this.#run = { ...run, recipe: { ...run.recipe, weights: undefined } };
    this.#trainer = new Trainer({ ...run.options, signal: this.#abort.signal });
    const before = trainedOf(run.model);
    this.#states = { before, after: before };
    const bytes = this.#fit();
    report({
      begun: {
        task,
        isPairs: recipe.data.kind === 'labelledPairs',
        parameters: run.model.numParameters(),
        trained: run.model.numParameters({ trainable: true }),
        bytes,
      },
    });
    report({ before: this.#measure() });
    await this.#train(report);
    const { best, step } = this.#trainer;
    const names = [...before.keys()];
    const weights = best?.weights ?? run.model.stateDict();
    this.#states.after = new Map(names.map((name) => [name, weights.get(name).data]));
    this.#put('after');
    return { step, bestStep: best?.step ?? step, after: this.#measure(), hasAdapter: this.#hasAdapter };
  }

  /** What a step takes; where that is much, layers are computed again instead of kept, which changes no bit. */
  #fit() {
    const { model, data } = this.#run;
    const batch = data.train(0, model.config.maxSeqLen).next();
    const { peakBytes } = plan(model, batch);
    return peakBytes < MUCH ? peakBytes : plan(recompute(model, true), batch).peakBytes;
  }

  async #train(report) {
    try {
      for await (const { step, loss, validNll } of this.#trainer.run()) report({ step, loss, validNll });
    } catch (error) {
      if (error.name !== 'AbortError') throw error; // stopped: what was learnt so far is kept
    }
  }

  /** Ends the training after the step under way. */
  stop() {
    this.#abort?.abort();
  }

  /** The base once more: the tuned model has taken its place. */
  async #reopen() {
    const files = this.#files;
    this.#forget();
    this.#base = await load(files);
  }

  /** On what is held out. */
  #measure() {
    const { model, options } = this.#run;
    const nll = evaluateBatches(model.eval(), options.validation).nll;
    return { nll, accuracy: heldOutScores(this.#run)?.accuracy ?? null };
  }

  #put(when) {
    const parameters = new Map(this.#run.model.namedParameters());
    for (const [name, values] of this.#states[when]) parameters.get(name).set(values);
  }

  /** Goes on from a prompt, as the model did before or does after; tells the text piece by piece. */
  async write({ prompt, seed, when }, report) {
    this.#put(when);
    const { model, data } = this.#run;
    const options = { maxNewTokens: LENGTH, temperature: 0.8, seed };
    for await (const piece of generate(model.eval(), data.tokenizer, prompt, options)) report({ piece });
  }

  /** The class of a text, or of two, before or after. */
  async label({ text, when }) {
    this.#put(when);
    const { model, data } = this.#run;
    const [{ label, probability }] = await classify(model.eval(), data.tokenizer, data.classes, [text], {
      onTooLong: 'cut',
    });
    return { label, probability };
  }

  /** Whether low-rank parts are all that was trained. */
  get #hasAdapter() {
    const adapter = tuning.attachedAdapter(this.#run.model);
    return adapter !== null && [...this.#states.before.keys()].every((name) => /\.lora_[ab]$/.test(name));
  }

  /** The files of the adapter, as PEFT has them, by their names. */
  async adapter() {
    this.#put('after');
    return Object.fromEntries(tuning.saveAdapter(tuning.attachedAdapter(this.#run.model)));
  }

  /** The tuned model as one file, with low-rank parts in its matrices. */
  async model() {
    this.#put('after');
    return encodeRun(this.#run, this.#trainer);
  }
}
