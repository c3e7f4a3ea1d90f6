/** @file The families that are known, which of them a model of ours is of, and the names of its tensors there. */
import { brief, ConfigError, FormatError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { bert } from './bert.js';
import type { AnyConfig, Family, KeyRow } from './family.js';
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

/** A tensor of a folder under the name that its module has now; what stands before it in whole models is there. */
export interface Named<T> {
  tensors: Map<string, T>;
  /** How the files would call a tensor of this name. */
  inFile(name: string): string;
}

/** @throws FormatError for two tensors of one name */
export function namedNow<T extends { path: string }>(
  family: Family,
  found: ReadonlyMap<string, T>,
): Named<T> {
  const { prefix, heads } = family;
  const tensors = new Map<string, T>();
  const whole = [...found.keys()].some((name) => name.startsWith(prefix));
  for (const [full, tensor] of found) {
    if (family.buffers.test(full)) continue;
    const current = family.renamed?.(full) ?? full;
    const name = whole || heads.test(current) ? current : prefix + current;
    if (tensors.has(name)) {
      throw new FormatError(`tensor ${brief(full)} is there twice`, {
        op: 'fromPretrained',
        path: tensor.path,
        actual: full,
        hint: 'it stands under an older name, too: fetch the file again',
      });
    }
    tensors.set(name, tensor);
  }
  const inFile = (name: string) => (!whole && name.startsWith(prefix) ? name.slice(prefix.length) : name);
  return { tensors, inFile };
}

/** Families of which every one of these tensors may be: where there are any, the files are of no other. */
export const familiesOf = (found: ReadonlyMap<string, { path: string }>): Family[] =>
  families.filter((family) => {
    const config = { tiedEmbeddings: false } as AnyConfig;
    const rows = family.architectures.flatMap((architecture) => family.rows(config, architecture));
    const known = new Set(rows.map(({ theirs }) => theirs));
    const names = [...namedNow(family, found).tensors.keys()];
    return names.every((name) => known.has(name.replace(/\.\d+\./, '.N.')));
  });

/** Keys of the model's configuration that a family cannot express, with the values that it can. */
const obstaclesOf = (family: Family, { config }: LibraryModel): [string, readonly unknown[]][] => {
  const own = config as unknown as Record<string, unknown>;
  return Object.entries(family.allowed(config)).filter(([key, values]) => !values.includes(own[key]));
};

/** The first family that can express the model; null for none. */
export const fittingFamily = (model: LibraryModel): Family | null =>
  families.find((family) => family.kinds.includes(model.kind) && obstaclesOf(family, model).length === 0) ??
  null;

/** @throws ConfigError that says all that each family of the model's kind would need, and what to train with for the nearest */
export function familyFor(model: LibraryModel): Family {
  const ofKind = families.filter(({ kinds }) => kinds.includes(model.kind));
  const config = model.config as unknown as Record<string, unknown>;
  const fitting = fittingFamily(model);
  if (fitting) return fitting;
  const obstacles = ofKind.map((family) => obstaclesOf(family, model));
  if (ofKind.length === 0) {
    const known = [...new Set(families.flatMap(({ kinds }) => kinds))];
    throw new ConfigError(
      `no family of Hugging Face is known for a ${model.kind}, only for ${known.join(', ')}`,
      {
        op: 'toPretrained',
        expected: known,
        actual: model.kind,
        hint: 'saveTorchSafetensors writes names of PyTorch, saveModel one file for loadModel',
      },
    );
  }
  const needs = obstacles.map((all, i) => {
    const one = ([key, values]: [string, readonly unknown[]]): string => {
      const wanted = [...new Set(values)].map((value) => brief(value)).join(' or ');
      return `${key} ${wanted}, the model ${brief(config[key])}`;
    };
    return `${ofKind[i].title} has ${all.map(one).join('; ')}`;
  });
  const nearest = obstacles.reduce((best, all) => (all.length < best.length ? all : best));
  const { title } = ofKind[obstacles.indexOf(nearest)];
  const options = Object.fromEntries(nearest.map(([key, [value]]) => [key, value]));
  throw new ConfigError(needs.join('. '), {
    op: 'toPretrained',
    expected: nearest.map(([key]) => key),
    actual: model.kind,
    hint: `for ${title} train a model with ${brief(options, 400)}; saveModel writes this one as it is`,
  });
}
