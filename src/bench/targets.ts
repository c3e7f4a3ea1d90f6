/** @file What each row has to reach. Misses are listed in docs/performance.md with a profile. */
import type { Target } from './row.js';

const share = (atLeast: number, stretch: number): Target => ({ on: 'share', atLeast, stretch });
const value = (atMost: number, stretch: number): Target => ({ on: 'value', atMost, stretch });

export const targets = {
  /** GFLOP/s over the peak loop of the same build. */
  gemm: { strict: share(0.75, 0.85), relaxed: share(0.85, 0.93) },
  /** Bytes per second over a memory copy of the same size. */
  memoryBound: share(0.75, 0.9),
  /** ns per element. */
  softmax: value(1.3, 1),
  /** Model FLOPs of a training step over the peak loop. */
  step: {
    tiny: share(0.6, 0.7),
    small: share(0.72, 0.8),
    base: share(0.73, 0.82),
    mt: share(0.68, 0.72),
  },
  /** Steps in int12: their speed over that in floats, and the part of a step's multiply-adds that they do in int12. */
  int12: {
    strict: { tiny: share(1.4, 1.5), small: share(1.6, 1.75), base: share(1.7, 1.85) },
    relaxed: share(1, 1.2),
    multiplyAdds: { on: 'value', atLeast: 90 } satisfies Target as Target,
    pytorchOneThread: { tiny: share(1.3, 1.4), small: share(0.95, 1.05), base: share(0.93, 1) },
    pytorchBest: { tiny: share(1, 1.15), small: share(1, 1.15), base: share(1, 1.15) },
  },
  /** Part of a step that no kernel accounts for, in percent. */
  dispatch: value(5, 2),
  /** Speed with two threads over speed with one. */
  twoThreads: share(1.7, 1.85),
  /** Milliseconds of `import` and `init()` in a fresh process. */
  startup: value(25, 10),
  /** Bytes, minified and gzipped. */
  entry: value(100_000, 60_000),
  inference: value(40_000, 30_000),
  /** Bytes of the unpacked package. */
  unpacked: value(1_500_000, 1_000_000),
  /** Our speed over a rival's. */
  pytorchOneThread: { tiny: share(1.35, 1.6), small: share(0.73, 0.85), base: share(0.65, 0.75) },
  pytorchBest: {
    tiny: share(1, 1),
    small: share(1, 1),
    base: { on: 'share', stretch: 1 } satisfies Target as Target,
  },
  /** Texts read and continued, beside PyTorch on one thread: by arithmetic, work and model. */
  decoding: {
    /** Bytes of weights per second over a memory copy. */
    memory: share(0.7, 0.85),
    prenorm: {
      read: { '8.4 M': share(0.5, 0.5), '29.4 M': share(0.5, 0.5) },
      token: { '8.4 M': share(1.9, 2.3), '29.4 M': share(1.9, 2.3) },
    },
    int12: {
      read: { '8.4 M': share(0.9, 0.9), '29.4 M': share(0.9, 0.9) },
      token: { '8.4 M': share(3.5, 4.5), '29.4 M': share(3.5, 4.5) },
    },
  },
  jaxJs: { tiny: share(3, 4), small: share(2.2, 2.8), base: share(2, 2.5) },
  tensorflowJs: { tiny: share(20, 40), small: share(20, 40), base: share(20, 40) },
} as const;
