/** @file The yardsticks: the fastest loops of multiplications and additions, and the engine's memory copy. */
import type { Build } from '../runtime/arithmetic.js';
import { relaxedPeakBase64, strictPeakBase64 } from './generated/peak.js';

export interface Peak {
  /** FLOPs of one `run`. */
  flops: number;
  run(): void;
  /** Copies `bytes` bytes within a memory of its own, which grows to twice that. */
  copy(bytes: number): void;
}

interface PeakExports {
  peakFlops(): number;
  peak(turns: number, m: number, c: number): number;
  copy(to: number, from: number, bytes: number): void;
}

const TURNS = 20_000;
const PAGE = 65536;

/** @throws WebAssembly.CompileError where the relaxed instructions are unknown. */
export async function loadPeak(build: Build): Promise<Peak> {
  const base64 = build === 'strict' ? strictPeakBase64 : relaxedPeakBase64;
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGE });
  const abort = (): never => {
    throw new Error('the peak loop failed');
  };
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort } });
  const exports = instance.exports as unknown as PeakExports;
  return {
    flops: exports.peakFlops() * TURNS,
    run: () => void exports.peak(TURNS, 0.5, 0.75),
    copy(bytes) {
      const missing = 2 * bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      exports.copy(bytes, 0, bytes);
    },
  };
}
