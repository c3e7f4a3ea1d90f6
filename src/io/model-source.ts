/** @file The bytes behind whatever `loadModel` is given: bytes, a response, or in Node a path (model-path.ts). */
import { blobBytes, bytes, bytesOf, hostObject, isBlob, isResponse } from '../checks.js';
import { brief, CheckpointError, ConfigError, EnvironmentError } from '../errors.js';
import { nodeModule } from '../runtime/node-builtin.js';
import type { ReadSource } from './model-parts.js';
import { pathTools } from './path-tools.js';
import type { FileReader } from './read-node.js';

/** Where a model comes from: bytes, what a page has, or in Node the path of a file or of a run's folder. */
export type ModelSource = ArrayBufferView | ArrayBufferLike | Blob | Response | string | URL;

/**
 * @throws ConfigError for what is no source; CheckpointError for what cannot be read; EnvironmentError for a path where
 * there are no files
 */
export async function readSource(source: ModelSource, name: string | undefined): Promise<ReadSource> {
  if (typeof source === 'string' || hostObject(source, 'URL')) {
    const fs = (await nodeModule('node:fs/promises')) as FileReader | null;
    // Loaded where there are files only: no page reads a path.
    if (fs) return (await import('./model-path.js')).readPath(source as string | URL, name, fs, pathTools);
    throw new EnvironmentError('there are no files here, so a model cannot be loaded by its path', {
      op: 'loadModel',
      actual: String(source),
      hint: 'give its bytes, e.g. await fetch(address)',
    });
  }
  const path = name ?? 'model';
  if (bytes.holds(source)) return { bytes: bytesOf('loadModel', 'the model', source), path };
  if (isResponse(source)) {
    const place = name ?? (source.url || path);
    if (source.ok) return { bytes: await blobBytes(source), path: place };
    throw new CheckpointError(`the server answered ${source.status} instead of the model`, { path: place });
  }
  if (isBlob(source)) return { bytes: await blobBytes(source), path };
  throw new ConfigError(`the model must come as bytes, a Blob, a Response or a path, got ${brief(source)}`, {
    op: 'loadModel',
    actual: source,
  });
}
