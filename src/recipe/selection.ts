/** @file Which parameters of a model a recipe means. */
import type { Parameter } from '../autograd/variable.js';
import { brief, ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { Module } from '../nn/index.js';
import { normParameters } from '../train/index.js';
import type { LoraTuning, Selection } from './recipe.js';

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
          .join(
            ', ',
          )}${all.length > 6 ? ', …' : ''}; use all, norms, bias, head, a pattern with * or a /regular expression/`,
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
  if (word === 'head') return headOf(paths);
  if (word === 'bias' || word === 'biases') return paths.filter((path) => path.endsWith('bias'));
  if (isExpression(word)) {
    const expression = new RegExp(word.slice(1, -1), 'u');
    return paths.filter((path) => expression.test(path));
  }
  const literal = word.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${literal.join('.*')}$`);
  return paths.filter((path) => pattern.test(path));
}

/** Of a head, of the output projection, or the table of tokens where that is the output projection. */
function headOf(paths: readonly string[]): string[] {
  const of = (pattern: RegExp) => paths.filter((path) => pattern.test(path));
  const head = of(/^(head|next_sentence)\./);
  if (head.length > 0) return head;
  const output = of(/^output\./);
  return output.length > 0 ? output : of(/^embedding\.tokens\.weight$/);
}

/** Whether a word is a regular expression between slashes; one that cannot be read is none. */
function isExpression(word: string): boolean {
  if (!/^\/.+\/$/.test(word)) return false;
  try {
    new RegExp(word.slice(1, -1), 'u');
    return true;
  } catch {
    return false;
  }
}

/** Whether a value is a selection. */
export function isSelection(value: unknown): value is Selection {
  const parts = typeof value === 'string' ? [value] : value;
  const isPart = (part: unknown) =>
    typeof part === 'string' &&
    (/^!?\/.*\/$/.test(part) ? isExpression(part.replace(/^!/, '')) : /^!?[^!]+$/.test(part));
  return Array.isArray(parts) && parts.length > 0 && parts.every(isPart);
}

/** Whether what is to be trained are low-rank parts. */
export function isLora(trainable: unknown): trainable is LoraTuning {
  return isJsonObject(trainable);
}
