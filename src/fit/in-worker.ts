/** @file Trainings of `fit` in a worker, which has no files: the content goes there as text. */
import { loadModel } from '../io/index.js';
import type { Parts, ReadData, ReadPairs, Recipe } from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import { type WorkerSource, WorkerTrainer } from '../worker/index.js';
import type { FitTask } from './choose-recipe.js';
import type { Origin } from './origin.js';
import type { OpenRun, Place } from './place.js';

interface Labelled {
  texts: readonly string[];
  label: number;
  labels?: readonly number[];
}

/** Starts a worker for each training. */
export class InWorker implements Place {
  readonly #content: { text: string; validation?: number };
  readonly #worker: WorkerSource | undefined;

  constructor(task: FitTask, read: ReadData, origin: Origin, worker?: WorkerSource) {
    this.#content = contentOf(task, read, origin);
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
          const { model: file } = await trainer.snapshot();
          const scores = await trainer.scores();
          trainer.close();
          const { model, tokenizer } = await loadModel(file);
          return { model, tokenizer: tokenizer as Tokenizer, scores };
        },
        close: () => trainer.close(),
      };
    } catch (error) {
      trainer.close();
      throw error;
    }
  }
}

/**
 * What was read, as one text: all rows in their order, for the worker holds out what the recipe says. A part to validate
 * with comes last, as the share that gives exactly its rows.
 */
function contentOf(
  task: FitTask,
  read: ReadData,
  { hasValid, content }: Origin,
): { text: string; validation?: number } {
  if (task === 'lm') return { text: (read as ReadData & { whole: string }).whole };
  const { train, valid = [] } =
    task === 'translate' ? (read as ReadPairs).pairs : labelledRows(read, content.labelSeparator);
  const text = [...train, ...valid].map((row) => row.join('\t')).join('\n');
  return hasValid ? { text, validation: (valid.length + 0.5) / (train.length + valid.length) } : { text };
}

function labelledRows(read: ReadData, separator = ''): Parts<string[][]> {
  const { parts, classes } = read as ReadData & { parts: Parts<Labelled[]>; classes: readonly string[] };
  const rows = (part: Labelled[] = []): string[][] =>
    part.map(({ texts, label, labels = [label] }) => {
      // The first of the file stays the first: the hash of the data knows it.
      const inOrder = [...labels].sort((a, b) => Number(b === label) - Number(a === label));
      return [...texts, inOrder.map((one) => classes[one]).join(separator)];
    });
  return { train: rows(parts.train), valid: rows(parts.valid) };
}
