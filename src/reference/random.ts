/** @file Oracles of assembly/random.ts, over the host's Threefry. `rng` = [seedLow, seedHigh, step, microbatch]. */
import { threefry } from '../random.js';

type Heap = Float64Array;
type Words = [number, number, number, number];

export function threefryBlock(
  heap: Heap,
  out: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  k2: number,
  k3: number,
): void {
  const words = threefry([c0, c1, c2, c3], [k0, k1, k2, k3]);
  for (let w = 0; w < 4; w++) heap[(out >> 2) + w] = words[w] | 0;
}

export function dropoutForward(
  heap: Heap,
  out: number,
  x: number,
  first: number,
  n: number,
  threshold: number,
  scale: number,
  rng: number,
  stream: number,
  call: number,
): void {
  for (let i = 0; i < n; i += 8) {
    const words = blockAt(heap, rng, (first + i) / 8, stream, call);
    for (let e = 0; e < Math.min(8, n - i); e++) {
      const bits = (words[e >> 1] >>> (16 * (e & 1))) & 0xffff;
      heap[(out >> 2) + i + e] = bits < threshold ? 0 : heap[(x >> 2) + i + e] * scale;
    }
  }
}

export function uniformFill(
  heap: Heap,
  out: number,
  n: number,
  rng: number,
  stream: number,
  low: number,
  high: number,
): void {
  for (let i = 0; i < n; i++) {
    const words = blockAt(heap, rng, i >> 2, stream);
    heap[(out >> 2) + i] = low + ((words[i & 3] >>> 8) / 16777216) * (high - low);
  }
}

export function normalFill(
  heap: Heap,
  out: number,
  n: number,
  rng: number,
  stream: number,
  mean: number,
  std: number,
): void {
  for (let i = 0; i < n; i++) {
    const words = blockAt(heap, rng, i >> 2, stream);
    const radius = Math.sqrt(-2 * Math.log(((words[i & 2] >>> 8) + 1) / 16777216));
    const angle = (2 * Math.PI * (words[(i & 2) + 1] >>> 8)) / 16777216;
    heap[(out >> 2) + i] = mean + std * radius * (i & 1 ? Math.sin(angle) : Math.cos(angle));
  }
}

function blockAt(heap: Heap, rng: number, block: number, stream: number, call = 0): Words {
  const [seedLow, seedHigh, step, microbatch] = heap.subarray(rng >> 2, (rng >> 2) + 4);
  return threefry([block, microbatch, step, stream], [seedLow, seedHigh, call, 0]);
}
