/**
 * @file Where the low-rank parts of a model are in an adapter of PEFT: names of modules of its family, or our own where no
 * family has such a model.
 */
import { ConfigError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { baseOf } from '../tuning/merge.js';
import { targetsOf } from '../tuning/targets.js';
import { fittingFamily, namesOf } from './families.js';
import type { KeyRow } from './family.js';

/** A module of theirs for a projection of ours, or for a part of a packed one. */
export interface AdapterName {
  /** Path of the module, without `base_model.model.`. */
  theirs: string;
  /** Path of our projection: `encoder.layers.0.self_attn.in_proj`. */
  ours: string;
  /** Which rows of a packed projection it is; undefined for all. */
  part?: KeyRow['part'];
  /** Whether its matrix is (in, out), as in GPT-2's Conv1D. */
  transposed: boolean;
}

const PREFIX = 'base_model.model.';

/** The key of a tensor in `adapter_model.safetensors`. */
export const keyOf = (theirs: string, half: 'A' | 'B'): string => `${PREFIX}${theirs}.lora_${half}.weight`;

/** Module and half of a key; null for any other. */
export function readKey(key: string): { theirs: string; half: 'A' | 'B' } | null {
  const found = /^base_model\.model\.(.+)\.lora_(A|B)(?:\.default)?\.weight$/.exec(key);
  return found && { theirs: found[1], half: found[2] as 'A' | 'B' };
}

/** All modules of theirs that stand for projections of the model, and whose model it is: `gpt2`, or null for none. */
export function adapterNames(model: LibraryModel): { family: string | null; names: AdapterName[] } {
  const family = fittingFamily(model);
  const paths = targetsOf(model).map(({ path }) => path);
  if (!family) {
    const names = paths.map((path) => ({ theirs: path, ours: path, transposed: false }));
    return { family: null, names };
  }
  const rows = namesOf(family.rows(model.config, family.architecture(model.config)), model);
  const names: AdapterName[] = [];
  for (const path of paths) {
    const { weight, part } = baseOf(path);
    // Parts of a packed projection are told by the rows.
    if (part !== '' && part !== 'in_proj') continue;
    for (const [theirs, row] of rows) {
      const isOther = row.layout === 'patches' || row.layout === 'reversed' || row.layout === 'batched';
      if (row.ours !== weight || row.copy || isOther || !theirs.endsWith('.weight')) continue;
      const transposed = row.layout === 'transposed';
      names.push({ theirs: theirs.slice(0, -'.weight'.length), ours: path, part: row.part, transposed });
    }
  }
  return { family: family.type, names };
}

/** Names that stand for one of our targets, in the order q, k, v where they are several. */
export function namesFor(names: readonly AdapterName[], path: string): AdapterName[] {
  const found = names.filter(({ ours }) => ours === path);
  if (found.length > 0) return found;
  const single = /^(.*\.)?([qkv])_proj$/.exec(path);
  const packed = single ? names.filter(({ ours }) => ours === `${single[1] ?? ''}in_proj`) : [];
  const own = packed.filter(({ part }) => part === single?.[2]);
  if (own.length > 0) return own;
  const because =
    packed.length > 0
      ? 'its family has queries, keys and values in one matrix'
      : 'its family has no such module';
  throw new ConfigError(`${path} cannot be written as an adapter of PEFT: ${because}`, {
    op: 'saveAdapter',
    actual: path,
    hint:
      packed.length > 0 ? 'train an adapter with the target in_proj' : 'merge() it and write the whole model',
  });
}
