/** What of a run is kept beside the checkpoints that the worker writes: its text and settings, and what the page shows. */
import { CheckpointStore } from 'prenorm/io';

/** The store that the worker writes its checkpoints to. */
export const RUN = 'example-run';

const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
const decode = (stored) => stored && JSON.parse(new TextDecoder().decode(stored.bytes));

export class RunStore {
  #setup = null;
  #notes = null;
  /** The notes that wait to be written; only the newest counts. */
  #next = null;
  #writing = null;

  async #open() {
    this.#setup ??= await CheckpointStore.open(`${RUN}-setup`);
    this.#notes ??= await CheckpointStore.open(`${RUN}-notes`);
  }

  /** The run of last time; null when there is none. */
  async read() {
    await this.#open();
    const setup = decode(await this.#setup.read());
    if (!setup) return null;
    const notes = decode(await this.#notes.read().catch(() => null));
    // Notes of an earlier run, when the last one was closed before it had any.
    return { setup, notes: notes?.id === setup.id ? notes : null };
  }

  /** Forgets what was there, and keeps this. */
  async begin(setup) {
    await this.#open();
    await (await CheckpointStore.open(RUN)).remove();
    await this.#forgetNotes();
    await this.#setup.write(encode(setup));
  }

  /** The same run with other settings, e.g. more steps. */
  async change(setup) {
    await this.#open();
    await this.#setup.write(encode(setup));
  }

  /** Never fails: without the notes a run goes on as well, and a full storage is told with its checkpoints. */
  note(id, notes) {
    if (!this.#notes) return;
    this.#next = { id, ...notes };
    this.#writing ??= this.#writeNotes();
  }

  async #writeNotes() {
    while (this.#next) {
      const notes = this.#next;
      this.#next = null;
      await this.#notes.write(encode(notes)).catch(() => {});
    }
    this.#writing = null;
  }

  async #forgetNotes() {
    this.#next = null;
    await this.#writing;
    await this.#notes?.remove();
  }

  async forget() {
    await this.#setup?.remove();
    await this.#forgetNotes();
  }
}
