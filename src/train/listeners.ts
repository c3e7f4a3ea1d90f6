/** @file Who listens to which event of a trainer, in this thread or in a worker. */

/** `E` maps each event's name to what its listeners are given. */
export class Listeners<E> {
  readonly #lists: { [K in keyof E]?: ((payload: E[K]) => void)[] } = {};

  /** Calls `listener` on every event of that kind; returns a function that stops it. */
  on<K extends keyof E>(event: K, listener: (payload: E[K]) => void): () => void {
    this.#lists[event] ??= [];
    const list = this.#lists[event] as ((payload: E[K]) => void)[];
    list.push(listener);
    return () => {
      const at = list.indexOf(listener);
      if (at >= 0) list.splice(at, 1);
    };
  }

  emit<K extends keyof E>(event: K, payload: E[K]): void {
    // A copy: a listener may remove itself, or another one.
    for (const listener of [...(this.#lists[event] ?? [])]) listener(payload);
  }

  count(event: keyof E): number {
    return this.#lists[event]?.length ?? 0;
  }
}
