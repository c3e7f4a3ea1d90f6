/** @file The families that are known, which of them a model of ours is of, and the names of its tensors there. */
import { brief, ConfigError } from '../errors.js';
import { type LibraryModel, modelKind } from '../nn/model-kinds.js';
import { bert } from './bert.js';
import type { Family, KeyRow } from './family.js';
import { gpt2 } from './gpt2.js';
import { llama, qwen2 } from './llama.js';
import { vit } from './vit.js';

/** Where several can express a model, the first writes it. */
export const families: readonly Family[] = [gpt2, llama, qwen2, bert, vit];

/** Rows of what the model has, by their names. */
export function namesOf(rows: readonly KeyRow[], model: LibraryModel): Map<string, KeyRow> {
  const own = new Set([...model.namedParameters()].map(([name]) => name));
  const names = new Map<string, KeyRow>();
  for (const row of rows) {
    const times = row.ours.includes('.N.') ? model.config.numLayers : 1;
    for (let n = 0; n < times; n++) {
      const [theirs, ours] = [row.theirs, row.ours].map((name) => name.replace('.N.', `.${n}.`));
      if (own.has(ours)) names.set(theirs, { ...row, theirs, ours });
    }
  }
  return names;
}

/** @throws ConfigError that says of every family of the model's kind what it would need */
export function familyFor(model: LibraryModel): Family {
  const kind = modelKind(model);
  const ofKind = families.filter(({ kinds }) => kind !== null && kinds.includes(kind));
  const config = model.config as unknown as Record<string, unknown>;
  const needs: string[] = [];
  for (const family of ofKind) {
    const { title } = family;
    const allowed = family.allowed(model.config);
    const key = Object.keys(allowed).find((name) => !allowed[name].includes(config[name]));
    if (key === undefined) return family;
    const values = allowed[key].map((value) => brief(value)).join(' or ');
    needs.push(`${title} has ${key} ${values}, the model ${brief(config[key])}`);
  }
  throw new ConfigError(needs.length > 0 ? needs.join('; ') : `no family is known for ${brief(kind)}`, {
    op: 'toPretrained',
    expected: [...new Set(families.flatMap(({ kinds }) => kinds))],
    actual: kind,
  });
}
