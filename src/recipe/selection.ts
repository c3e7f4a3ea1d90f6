/** @file Which parameters of a model a recipe means. */
import type { Parameter } from '../autograd/variable.js';
import { brief, ConfigError } from '../errors.js';
import type { Module } from '../nn/index.js';
import { normParameters } from '../train/index.js';
import type { Selection } from './recipe.js';

/**
 * The paths that a selection means.
 * @throws ConfigError for a part that matches nothing
 */
export function select(model: Module, selection: Selection, op: string): Set<string> {
  const parts = typeof selection === 'string' ? [selection] : selection;
  const all = [...model.namedParameters()];
  const chosen = new Set(parts[0]?.startsWith('!') ? all.map(([path]) => path) : []);
  for (const part of parts) {
    const found = matching(model, all, part.replace(/^!/, ''));
    if (found.length === 0) {
      throw new ConfigError(`${brief(part)} matches no parameter of the model`, {
        op,
        expected: all.map(([path]) => path),
        actual: part,
        hint: `its parameters are ${all
          .slice(0, 6)
          .map(([path]) => path)
          .join(', ')}${all.length > 6 ? ', …' : ''}; use all, norms, biases or a pattern with *`,
      });
    }
    for (const path of found) {
      if (part.startsWith('!')) chosen.delete(path);
      else chosen.add(path);
    }
  }
  return chosen;
}

function matching(model: Module, all: readonly [string, Parameter][], word: string): string[] {
  const paths = all.map(([path]) => path);
  if (word === 'all') return paths;
  if (word === 'norms') return [...normParameters(model).keys()];
  if (word === 'biases') return paths.filter((path) => path.endsWith('bias'));
  const literal = word.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${literal.join('.*')}$`);
  return paths.filter((path) => pattern.test(path));
}

/** Whether a value is a selection. */
export function isSelection(value: unknown): value is Selection {
  const parts = typeof value === 'string' ? [value] : value;
  const isPart = (part: unknown) => typeof part === 'string' && /^!?[^!]+$/.test(part);
  return Array.isArray(parts) && parts.length > 0 && parts.every(isPart);
}
