/** @file Which projections of a model LoRA may stand on, and what they are called. */
import { brief, ConfigError } from '../errors.js';
import { MultiHeadAttention } from '../nn/attention.js';
import { Linear } from '../nn/layers.js';
import type { Module } from '../nn/module.js';
import { Projection } from '../nn/projection.js';
import { PACKED, rowsOfPart } from './merge.js';

/** Every projection of attention and feed-forward. */
export const ALL_TARGETS: readonly string[] = ['in_proj', 'out_proj', 'linear1', 'linear2', 'linear3'];

/** A projection, or rows of a packed one, as LoRA sees it. */
export interface Target {
  /** Path of its parameters: `encoder.layers.0.self_attn.q_proj`. */
  path: string;
  /** Key in the part of its projection. */
  key: 'own' | 'inProj' | 'qProj' | 'kProj' | 'vProj';
  projection: Projection;
  first: number;
  rows: number;
}

const KEYS = { in_proj: 'inProj', q_proj: 'qProj', k_proj: 'kProj', v_proj: 'vProj' } as const;

/** All that LoRA may stand on. A table of tokens is not among it: it is read by rows, too, where nothing could be added. */
export function targetsOf(model: Module): Target[] {
  const found: Target[] = [];
  const seen = new Set<unknown>();
  for (const [path, module] of model.namedModules()) {
    if (module instanceof MultiHeadAttention) {
      const { inProj: projection, dModel, kvWidth } = module;
      for (const name of PACKED) {
        const [first, rows] = rowsOfPart(name, dModel, kvWidth);
        found.push({ path: path ? `${path}.${name}` : name, key: KEYS[name], projection, first, rows });
      }
    } else if (module instanceof Linear && !seen.has(module.weight)) {
      const { projection, weight } = module;
      found.push({ path, key: 'own', projection, first: 0, rows: weight.shape[0] });
    } else {
      // What multiplies with the matrix of another, and adds its own bias, is none of its own.
      for (const value of Object.values(module)) if (value instanceof Projection) seen.add(value.weight);
    }
  }
  return found;
}

/**
 * The targets of these names: a name is that of a path, or of its last parts.
 * @throws ConfigError for a name that none has, and for one part of a projection that is named twice
 */
export function chooseTargets(op: string, model: Module, names: readonly string[]): Target[] {
  const all = targetsOf(model);
  const chosen = new Map<string, Target>();
  for (const name of names) {
    const found = all.filter(({ path }) => path === name || path.endsWith(`.${name}`));
    if (found.length === 0) {
      const known = [...new Set(all.map(({ path }) => path.replace(/^.*\./, '')))];
      throw new ConfigError(`the model has no projection ${brief(name)}`, {
        op,
        expected: known,
        actual: name,
        hint: `its projections are ${known.join(', ')}, or whole paths such as ${all[0]?.path}`,
      });
    }
    for (const target of found) chosen.set(target.path, target);
  }
  const targets = all.filter(({ path }) => chosen.has(path));
  for (const { path, key, projection } of targets) {
    if (key === 'own' || key === 'inProj') continue;
    if (!targets.some((other) => other.projection === projection && other.key === 'inProj')) continue;
    throw new ConfigError(`${path} is a part of in_proj, which is a target, too`, {
      op,
      actual: names,
      hint: 'take in_proj, or some of q_proj, k_proj and v_proj',
    });
  }
  return targets;
}
