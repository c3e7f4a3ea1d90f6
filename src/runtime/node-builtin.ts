/** @file What Node has and a browser has not, asked for without an import; what comes on demand; where a worker's file lies. */
import { EnvironmentError } from '../errors.js';

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

/**
 * What `import()` gives of the library's own files.
 * @throws EnvironmentError where it gives nothing
 */
export async function onDemand<T>(part: Promise<T>): Promise<T> {
  try {
    return await part;
  } catch (cause) {
    throw new EnvironmentError(`a part of the library could not be loaded: ${cause}`, {
      hint: 'serve all files of one version; without import(), give init({ wasm })',
      cause,
    });
  }
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
