/** The page's side of the worker: a method of `Tuning` by its name, a promise of what it returns. */

export class Tuner {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #asked = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, progress, result, error } }) => {
      const { resolve, reject, report } = this.#asked.get(id);
      if (progress) return report(progress);
      this.#asked.delete(id);
      if (error) reject(Object.assign(new Error(error.message), error));
      else resolve(result);
    };
    // A worker that cannot be loaded answers nothing.
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = Object.assign(new Error(event.message ?? 'the worker failed'), { code: 'ENVIRONMENT' });
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    };
  }

  ask(name, payload = null, report = () => {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject, report });
      this.#worker.postMessage({ id, name, payload });
    });
  }
}
