/**
 * @file How many threads this host can have, and why not more. Loaded with the pool, when more than one is asked for, so it
 * imports nothing that is loaded anyway.
 */
import type { nodeBuiltin as NodeBuiltinFunction } from './node-builtin.js';

type NodeBuiltin = typeof NodeBuiltinFunction;

/** More rarely pay at the sizes this is for. */
const MOST_AUTOMATIC = 8;

export interface ThreadChoice {
  threads: number;
  reason: string;
}

/** How many threads to start, and why not more. */
export function chooseThreads(wanted: number | 'auto', nodeBuiltin: NodeBuiltin): ThreadChoice {
  const obstacle = threadsUnavailable(nodeBuiltin);
  if (obstacle !== null) return { threads: 1, reason: obstacle };
  const threads = wanted === 'auto' ? Math.min(availableCores(nodeBuiltin), MOST_AUTOMATIC) : wanted;
  return {
    threads,
    reason: wanted === 'auto' ? `${availableCores(nodeBuiltin)} processors are available` : 'as asked for',
  };
}

/** Why this host cannot have more than one thread; null when it can. */
function threadsUnavailable(nodeBuiltin: NodeBuiltin): string | null {
  if (nodeBuiltin('node:worker_threads')) return null;
  if (typeof process !== 'undefined' && process.versions?.node) {
    return 'this Node has no process.getBuiltinModule: use 20.16, 22.3 or later';
  }
  const scope = globalThis as { crossOriginIsolated?: boolean; document?: unknown };
  if (typeof Worker === 'undefined') return 'this host has no workers';
  if (scope.crossOriginIsolated === false) {
    return 'the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';
  }
  if (typeof SharedArrayBuffer === 'undefined') {
    return 'this host has no SharedArrayBuffer';
  }
  if (scope.document !== undefined) {
    return 'the main thread of a page must not wait for others: run the engine in a worker';
  }
  return null;
}

/** Processors this process may use. */
export function availableCores(nodeBuiltin: NodeBuiltin): number {
  const os = nodeBuiltin('node:os') as { availableParallelism?: () => number } | null;
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
}
