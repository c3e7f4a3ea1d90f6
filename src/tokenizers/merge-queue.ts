/** @file The merges that a piece offers, by rank, then by place: a binary heap of numbers in one array. */

/** Entries are (rank, place, left id, right id); the smallest rank comes out first, of equal ones the smallest place. */
export class MergeQueue {
  readonly #entries: number[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  push(rank: number, place: number, left: number, right: number): void {
    const entries = this.#entries;
    let at = entries.length >> 2;
    entries.push(rank, place, left, right);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Takes out the first entry: rank, place, ids of both sides when it was put in. */
  pop(): [number, number, number, number] {
    const entries = this.#entries;
    const first = entries.slice(0, 4) as [number, number, number, number];
    const last = entries.splice(-4, 4);
    if (entries.length === 0) return first;
    for (let i = 0; i < 4; i++) entries[i] = last[i];
    const size = entries.length >> 2;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < size && this.#before(child, least)) least = child;
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const entries = this.#entries;
    return (
      entries[4 * a] - entries[4 * b] < 0 ||
      (entries[4 * a] === entries[4 * b] && entries[4 * a + 1] < entries[4 * b + 1])
    );
  }

  #swap(a: number, b: number): void {
    const entries = this.#entries;
    for (let i = 0; i < 4; i++) {
      const held = entries[4 * a + i];
      entries[4 * a + i] = entries[4 * b + i];
      entries[4 * b + i] = held;
    }
  }
}
