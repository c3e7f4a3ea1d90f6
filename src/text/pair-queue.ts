/**
 * @file The pairs of neighbouring ids of a corpus, with their counts and places, ordered for BPE training:
 * highest count first, ties by smaller left id, then smaller right id.
 */

/** A pair of neighbours and where it stands. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  /** Occurrences, weighted by the frequency of the piece they stand in. */
  count: number;
  /** Places that held the pair when they were added, ascending; some may have changed since. */
  places: number[];
  /** The count by which the queue has placed the pair. */
  queuedCount: number;
}

/**
 * A priority queue in which counts may fall at any time. That is all BPE needs: a pair gains occurrences only
 * in the step that makes the newer of its two ids, before it is queued. So an entry that is out of date stands
 * too high, never too low, and is put right when it reaches the top.
 */
export class PairQueue {
  readonly #pairs = new Map<number, Pair>();
  #heap: Pair[] = [];
  #fresh: Pair[] = [];

  /** @param vocabSize above every id, for the keys */
  constructor(readonly vocabSize: number) {}

  /** Adds `count` occurrences at `place`; call `queueFresh` when all of a new pair's are added. */
  add(left: number, right: number, count: number, place: number): void {
    const key = left * this.vocabSize + right;
    const pair = this.#pairs.get(key);
    if (pair !== undefined) {
      pair.count += count;
      pair.places.push(place);
      return;
    }
    const fresh = { left, right, count, places: [place], queuedCount: 0 };
    this.#pairs.set(key, fresh);
    this.#fresh.push(fresh);
  }

  /** Takes occurrences away. */
  remove(left: number, right: number, count: number): void {
    const pair = this.#pairs.get(left * this.vocabSize + right);
    if (pair !== undefined) pair.count -= count;
  }

  /** Queues the pairs made since the last call that occur at least `minCount` times. */
  queueFresh(minCount: number): void {
    for (const pair of this.#fresh) {
      if (pair.count < minCount) continue;
      pair.queuedCount = pair.count;
      this.#heap.push(pair);
      this.#siftUp(this.#heap.length - 1);
    }
    this.#fresh = [];
  }

  /** Takes out the pair to merge next; undefined when none occurs at least `minCount` times. */
  pop(minCount: number): Pair | undefined {
    const heap = this.#heap;
    while (heap.length > 0) {
      const top = heap[0];
      if (top.queuedCount === top.count) {
        this.#dropTop();
        return top;
      }
      if (top.count < minCount) {
        this.#dropTop();
      } else {
        top.queuedCount = top.count;
        this.#siftDown(0);
      }
    }
    return undefined;
  }

  /** Forgets a merged pair: it cannot occur again. */
  forget(pair: Pair): void {
    this.#pairs.delete(pair.left * this.vocabSize + pair.right);
    pair.places = [];
  }

  #dropTop(): void {
    const last = this.#heap.pop() as Pair;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #siftUp(i: number): void {
    const heap = this.#heap;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!comesBefore(heap[i], heap[parent])) return;
      [heap[i], heap[parent]] = [heap[parent], heap[i]];
      i = parent;
    }
  }

  #siftDown(i: number): void {
    const heap = this.#heap;
    for (;;) {
      let first = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && comesBefore(heap[child], heap[first])) first = child;
      }
      if (first === i) return;
      [heap[i], heap[first]] = [heap[first], heap[i]];
      i = first;
    }
  }
}

function comesBefore(a: Pair, b: Pair): boolean {
  if (a.queuedCount !== b.queuedCount) return a.queuedCount > b.queuedCount;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}
