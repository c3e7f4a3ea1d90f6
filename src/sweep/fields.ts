/** @file Which fields of a sweep's recipes differ, and what the runs are called by them. */
import { leaves } from '../recipe/leaves.js';
import { isSeed, type SweptField } from './results.js';

/** Values of a recipe by their places. */
export function valuesOf(recipe: object): Map<string, unknown> {
  return new Map(leaves(recipe));
}

/** Fields that are not the same in all recipes, in the order in which they turn up; seeds last. */
export function sweptFields(recipes: readonly object[]): SweptField[] {
  const all = recipes.map(valuesOf);
  const names = new Set(all.flatMap((values) => [...values.keys()]));
  const fields = [...names].flatMap((name): SweptField[] => {
    const found = new Map<string, unknown>();
    for (const values of all) {
      const value = values.get(name) ?? null;
      found.set(JSON.stringify(value), value);
    }
    return found.size > 1 ? [{ name, values: [...found.values()] }] : [];
  });
  return [...fields.filter(({ name }) => !isSeed(name)), ...fields.filter(({ name }) => isSeed(name))];
}

/** The shortest end of each name that no other one has: `schedule.maxLr` is `maxLr`. */
export function shortNames(names: readonly string[]): Map<string, string> {
  return new Map(
    names.map((name) => {
      const keys = name.split('.');
      const ends = keys.map((_, i) => keys.slice(keys.length - 1 - i).join('.'));
      const own = ends.find(
        (end) =>
          !/^\d/.test(end) && names.every((other) => other === name || !`.${other}`.endsWith(`.${end}`)),
      );
      return [name, own ?? name];
    }),
  );
}

/** A value of a field as people read it; null is a field that a recipe leaves out. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `maxLr 0.002, normPlacement pre, seed 1` */
export function labelOf(recipe: object, fields: readonly SweptField[], short: Map<string, string>): string {
  const values = valuesOf(recipe);
  const parts = fields.map(({ name }) => `${short.get(name) ?? name} ${valueText(values.get(name))}`);
  return parts.length > 0 ? parts.join(', ') : 'the recipe';
}
