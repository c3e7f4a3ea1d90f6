/** @file Trainings of `fit` in a worker, which has no files: the content goes there as text. */
import { decodeSafetensors } from '../io/index.js';
import type { StateDict } from '../nn/index.js';
import {
  buildModel,
  completeModel,
  type Parts,
  type ReadData,
  type ReadPairs,
  type Recipe,
  readTokenizer,
} from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import { type WorkerSource, WorkerTrainer } from '../worker/index.js';
import type { FitTask } from './choose-recipe.js';
import type { OpenRun, Place } from './place.js';

interface Labelled {
  texts: readonly string[];
  label: number;
}

/** Starts a worker for each training. */
export class InWorker implements Place {
  readonly #content: { text: string; validation?: number };
  readonly #numClasses: number | undefined;
  readonly #worker: WorkerSource | undefined;

  constructor(task: FitTask, read: ReadData, hasValid: boolean, worker?: WorkerSource) {
    this.#content = contentOf(task, read, hasValid);
    this.#numClasses = (read as { classes?: readonly string[] }).classes?.length;
    this.#worker = worker;
  }

  async open(recipe: Recipe, signal?: AbortSignal): Promise<OpenRun> {
    const { source: _, ...data } = recipe.data as { source?: string };
    const trainer = new WorkerTrainer({
      ...recipe,
      data: { ...data, ...this.#content } as Recipe['data'],
      ...(this.#worker === undefined ? {} : { worker: this.#worker }),
      ...(signal && { signal }),
    });
    try {
      const ready = await trainer.ready;
      return {
        tokens: ready.tokens,
        run: () => trainer.run(),
        finish: async () => {
          const { best, weights, tokenizer } = await trainer.snapshot();
          trainer.close();
          const { seqLen, maxLen } = data as { seqLen?: number; maxLen?: number };
          const sizes = {
            vocabSize: ready.vocabSize as number,
            ...(seqLen === undefined && maxLen === undefined ? {} : { maxSeqLen: seqLen ?? maxLen }),
            ...(this.#numClasses === undefined ? {} : { numClasses: this.#numClasses }),
          };
          const model = buildModel(completeModel(recipe.model, sizes), 0);
          model.loadStateDict(decodeSafetensors(best?.weights ?? weights, 'weights').tensors as StateDict);
          model.eval();
          return { model, tokenizer: readTokenizer(tokenizer, 'tokenizer') as Tokenizer };
        },
        close: () => trainer.close(),
      };
    } catch (error) {
      trainer.close();
      throw error;
    }
  }
}

/** What was read, as one text. A part to validate with comes last, as the share that gives exactly its rows. */
function contentOf(task: FitTask, read: ReadData, hasValid: boolean): { text: string; validation?: number } {
  if (task === 'lm') return { text: (read as ReadData & { whole: string }).whole };
  const { train, valid = [] } = task === 'translate' ? (read as ReadPairs).pairs : labelledRows(read);
  const text = [...train, ...valid].map((row) => row.join('\t')).join('\n');
  return hasValid ? { text, validation: (valid.length + 0.5) / (train.length + valid.length) } : { text };
}

function labelledRows(read: ReadData): Parts<string[][]> {
  const { parts, classes } = read as ReadData & { parts: Parts<Labelled[]>; classes: readonly string[] };
  const rows = (part: Labelled[] = []): string[][] =>
    part.map(({ texts, label }) => [...texts, classes[label]]);
  return { train: rows(parts.train), valid: rows(parts.valid) };
}
