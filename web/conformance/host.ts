/** @file The run itself, the same in a worker and in the page: options in, messages out. */
import { type ItemResult, itemNames, runConformance } from '../../src/conformance/index.js';
import type { Arithmetic } from '../../src/runtime/arithmetic.js';
import { capabilities } from '../../src/runtime/capabilities.js';
import { strictWasmHash } from '../../src/runtime/generated/wasm-hash.js';
import { init } from '../../src/runtime/init.js';

/** Source of src/runtime/kernel-worker.ts, put in by scripts/build-conformance-page.mjs: the page is one file. */
declare const KERNEL_WORKER: string;

export interface RunOptions {
  threads: number;
  /** Why a worker with more was given up. */
  noThreads?: string;
  arithmetic: Arithmetic;
  /** Replay of recorded steps; left to the library when null. */
  replay: boolean | null;
  /** Kernels to load instead of the inlined ones. */
  wasm: string | null;
  items: readonly string[] | null;
}

export type Message =
  | { kind: 'host'; threads: number; reason: string; kernels: string }
  | { kind: 'item'; item: ItemResult }
  | { kind: 'end'; ok: boolean; total: string | null; expected: string; seconds: number }
  | { kind: 'error'; text: string };

export async function runHere(options: RunOptions, post: (message: Message) => void): Promise<void> {
  try {
    const wasm = options.wasm ? await fetch(options.wasm) : undefined;
    const reason = await start(
      { arithmetic: options.arithmetic, ...(wasm ? { wasm } : {}) },
      options.threads,
    );
    post({
      kind: 'host',
      threads: capabilities().threads,
      reason: options.noThreads ?? reason,
      kernels: strictWasmHash,
    });
    const begun = performance.now();
    const { ok, total, expected } = await runConformance({
      only: options.items ?? itemNames,
      ...(options.replay === null ? {} : { replay: options.replay }),
      onItem: async (item) => {
        post({ kind: 'item', item });
        await new Promise((resolve) => setTimeout(resolve)); // let the page draw
      },
    });
    post({ kind: 'end', ok, total, expected, seconds: (performance.now() - begun) / 1000 });
  } catch (error) {
    post({ kind: 'error', text: error instanceof Error ? error.message : String(error) });
  }
}

/** Starts with the threads asked for, or with one and the reason why. */
async function start(options: Parameters<typeof init>[0], threads: number): Promise<string> {
  if (threads > 1) {
    try {
      const worker = URL.createObjectURL(new Blob([KERNEL_WORKER], { type: 'text/javascript' }));
      await init({ ...options, threads, worker });
      return capabilities().threads === threads ? '' : capabilities().threadsReason;
    } catch (error) {
      await init({ ...options, threads: 1 });
      return error instanceof Error ? error.message : String(error);
    }
  }
  await init({ ...options, threads: 1 });
  return '';
}
