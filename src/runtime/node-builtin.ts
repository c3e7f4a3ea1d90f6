/** @file What Node has and a browser has not, asked for without an import; and whether threads can be had. */
import { EnvironmentError } from '../errors.js';

/** Why this host cannot have more than one thread; null when it can. */
export function threadsUnavailable(): string | null {
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
export function availableCores(): number {
  const os = nodeBuiltin('node:os') as { availableParallelism?: () => number } | null;
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
}

/**
 * Where a built file lies, seen from the module at `here`, for a worker of Node's. Sources that a loader runs as they
 * are find it in `dist`, because the loader does not reach into workers. A function, since bundlers take
 * `new URL(…, import.meta.url)` for an asset of theirs.
 * @throws EnvironmentError in a CommonJS bundle, where `here` is undefined
 */
export function builtFile(here: string | undefined, fromBuilt: string, fromSources: string): URL {
  if (here) return new URL(here.endsWith('.ts') ? fromSources : fromBuilt, here);
  throw new EnvironmentError('a CommonJS bundle does not know where its files lie', {
    op: 'init',
    hint: 'give `worker`, or bundle to ES modules',
  });
}

/** A module of Node's own without an import, which bundlers for the browser would stumble over. */
export function nodeBuiltin(name: string): unknown {
  const host = (globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }).process;
  return host?.getBuiltinModule?.(name) ?? null;
}

/**
 * The same where nobody waits for it at once: found in a Node before 20.16 too, by an import whose name bundlers for the
 * browser do not see.
 */
export async function nodeModule(name: string): Promise<unknown> {
  const found = nodeBuiltin(name);
  if (found || typeof process === 'undefined' || !process.versions?.node) return found;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ /* turbopackIgnore: true */ name);
}
