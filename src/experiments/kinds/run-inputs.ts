/**
 * @file What runs read, and the hash of it: a name says where data lies, not what it is, and only equal data give equal
 * records.
 */
import type { PairSplits } from '../../data/index.js';
import { ConfigError } from '../../errors.js';
import { Sha256 } from '../../io/sha256.js';
import type { RunEnvironment, RunInputs } from './run-kind.js';

type Loaders = Pick<RunEnvironment, 'load' | 'loadText'>;

/** SHA-256 of texts and pairs by their content, in order. */
export function contentHash(parts: readonly (string | PairSplits)[]): string {
  const hash = new Sha256();
  for (const part of parts) hash.update(new TextEncoder().encode(`${JSON.stringify(part)}\n`));
  return hash.hex();
}

/**
 * What a run reads, read once: its hash (none for a run that reads nothing), and loaders that give just this. A kind
 * that asks them for more than it has declared is refused, for its records would be found again by too little.
 */
export async function loadInputs(
  { pairs = [], texts = [] }: RunInputs,
  { load, loadText }: Loaders,
): Promise<Loaders & { hash?: string }> {
  const loadedPairs = new Map<string, PairSplits>();
  const loadedTexts = new Map<string, string>();
  for (const name of pairs) loadedPairs.set(name, await load(name));
  for (const name of texts) loadedTexts.set(name, await loadText(name));
  const parts = [...loadedPairs.values(), ...loadedTexts.values()];
  return {
    hash: parts.length > 0 ? contentHash(parts) : undefined,
    load: async (name) => loadedPairs.get(name) ?? undeclared(name),
    loadText: async (name) => loadedTexts.get(name) ?? undeclared(name),
  };
}

function undeclared(name: string): never {
  throw new ConfigError(`the kind of this run reads "${name}" without saying so`, {
    op: 'executeRun',
    actual: name,
    hint: 'name it in `inputs` of the kind',
  });
}
