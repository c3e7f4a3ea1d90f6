/**
 * @file A grid: a recipe with lists or ranges in any field, and the recipes that it stands for. A file has a recipe with
 * them in place, or `{ recipe, grid }`, or a list of whole recipes.
 */
import { brief, ConfigError, checkKeys } from '../errors.js';
import { isJsonObject } from '../json.js';
import { type Range, rangeValues } from './range.js';

/** What a grid's file holds. */
export type GridFile =
  | { recipes: readonly Record<string, unknown>[] }
  /** `recipe` is the recipe itself, or the name of its file. */
  | { recipe: string | Record<string, unknown>; grid?: unknown };

/** Far more runs than one submitter hands out. */
export const MOST_RUNS = 100_000;

/** Values by their fields. */
type Point = ReadonlyMap<string, unknown>;

/** What fields may be, as a list that is made when it is known to be short enough. */
interface Choices {
  fields: readonly string[];
  count: number;
  points(): Point[];
}

/**
 * The parts of a grid.
 * @param path of its file, for messages
 * @throws ConfigError for what is none
 */
export function readGrid(value: unknown, path: string): GridFile {
  if (Array.isArray(value)) {
    const bad = value.findIndex((recipe) => !isJsonObject(recipe));
    if (value.length > 0 && bad < 0) return { recipes: value };
    throw refusal(path, 'a list of recipes', value.length === 0 ? 'an empty one' : brief(value[bad]));
  }
  if (!isJsonObject(value)) throw refusal(path, 'an object, or a list of recipes', brief(value));
  if (!('recipe' in value)) return { recipe: value };
  checkKeys(path, value, ['recipe', 'grid']);
  const { recipe, grid } = value;
  if ((typeof recipe === 'string' && recipe !== '') || isJsonObject(recipe)) return { recipe, grid };
  throw refusal(`${path}: recipe`, 'a recipe, or the name of its file', brief(recipe));
}

/**
 * Every recipe of a grid, in order: the first field varies slowest. They are not checked as recipes yet.
 * @param grid products, zips and lists of fields beside what the recipe has in place
 * @throws ConfigError naming what is wrong, and where
 */
export function expandGrid(
  recipe: Readonly<Record<string, unknown>>,
  grid: unknown,
  path: string,
): Record<string, unknown>[] {
  const bare = structuredClone(recipe) as Record<string, unknown>;
  const parts = inPlace(bare, '', path);
  if (grid !== undefined) parts.push(choices(grid, `${path}: grid`));
  const all = product(parts, path);
  return all.points().map((point) => {
    const made = structuredClone(bare);
    for (const [field, value] of point) setField(made, field, value, path);
    return made;
  });
}

/** Content of these belongs to somebody else, who may have keys of those names. */
const FOREIGN = ['data.options', 'tokenizer.json'];

/** Takes lists and ranges out of a recipe, whose fields are left out where they were. */
function inPlace(part: Record<string, unknown>, at: string, path: string): Choices[] {
  return Object.entries(part).flatMap(([key, value]): Choices[] => {
    const field = at === '' ? key : `${at}.${key}`;
    if (typeof value !== 'object' || value === null || FOREIGN.includes(field)) return [];
    if (isVaried(value)) {
      delete part[key];
      return [fieldChoices(field, value, `${path}: ${field}`)];
    }
    return inPlace(value as Record<string, unknown>, field, path);
  });
}

function isVaried(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const [key, ...others] = Object.keys(value);
  return others.length === 0 && (key === 'list' || key === 'range');
}

const COMBINING = ['product', 'zip', 'list'] as const;

/** What an expression of a grid stands for. */
function choices(value: unknown, at: string): Choices {
  if (!isJsonObject(value)) throw refusal(at, 'an object with fields, product, zip or list', brief(value));
  const keys = Object.keys(value);
  const how = COMBINING.find((key) => key in value);
  if (how === undefined) {
    if (keys.length === 0) throw refusal(at, 'an object with fields, product, zip or list', 'an empty one');
    const fields = keys.map((field) => fieldChoices(field, value[field], `${at}.${field}`));
    return product(fields, at);
  }
  if (keys.length > 1) {
    throw new ConfigError(`${how} stands alone, got ${keys.join(', ')}`, {
      path: at,
      actual: keys,
      hint: `put the others into a product: { "product": [{ "${how}": … }, { … }] }`,
    });
  }
  const parts = value[how];
  if (!Array.isArray(parts) || parts.length === 0)
    throw refusal(`${at}.${how}`, 'a list that is not empty', brief(parts));
  const place = (i: number): string => `${at}.${how}[${i}]`;
  if (how === 'list') return pointList(parts, place, at);
  const made = parts.map((part, i) => choices(part, place(i)));
  return how === 'product' ? product(made, at) : zip(made, at);
}

/** Field names as they are written: keys and places in lists, with dots between. */
const FIELD = /^\w+(?:\.\w+)*$/;

function checkField(field: string, at: string): void {
  if (FIELD.test(field) && !field.split('.').includes('__proto__')) return;
  throw new ConfigError(`${brief(field)} is no field of a recipe`, {
    path: at,
    expected: 'keys with dots between',
    actual: field,
    hint: 'write it like schedule.maxLr, or optimizer.betas.1',
  });
}

function fieldChoices(field: string, given: unknown, at: string): Choices {
  checkField(field, at);
  const values = valuesOf(given, at);
  return {
    fields: [field],
    count: values.length,
    points: () => values.map((one) => new Map([[field, one]])),
  };
}

function valuesOf(given: unknown, at: string): readonly unknown[] {
  const list = isJsonObject(given) && isVaried(given) ? (given.list ?? given.range) : given;
  if (isJsonObject(given) && isVaried(given) && 'range' in given) return rangeValues(list as Range, at);
  if (Array.isArray(list) && list.length > 0) return list;
  throw new ConfigError(`must be a list that is not empty, or a range, got ${brief(given)}`, {
    path: at,
    expected: '[…] or { "range": { "from", "to", "step" } }',
    actual: given,
    hint: 'a single value belongs into the recipe',
  });
}

function pointList(entries: readonly unknown[], place: (i: number) => string, at: string): Choices {
  const points = entries.map((entry, i): Point => {
    if (!isJsonObject(entry) || Object.keys(entry).length === 0)
      throw refusal(place(i), 'an object with fields and their values', brief(entry));
    const fields = Object.keys(entry);
    for (const field of fields) checkField(field, place(i));
    refuseOverlap(
      fields.map((field) => [field]),
      place(i),
    );
    return new Map(Object.entries(entry));
  });
  const fields = [...new Set(points.flatMap((point) => [...point.keys()]))];
  refuseMany(points.length, at);
  return { fields, count: points.length, points: () => points };
}

function product(parts: readonly Choices[], at: string): Choices {
  const fields = refuseOverlap(
    parts.map((part) => part.fields),
    at,
  );
  const count = parts.reduce((all, part) => all * part.count, 1);
  refuseMany(count, at);
  return {
    fields,
    count,
    points: () =>
      parts.reduce<Point[]>(
        (made, part) => {
          const own = part.points();
          return made.flatMap((before) => own.map((point) => new Map([...before, ...point])));
        },
        [new Map()],
      ),
  };
}

function zip(parts: readonly Choices[], at: string): Choices {
  const fields = refuseOverlap(
    parts.map((part) => part.fields),
    at,
  );
  const counts = parts.map((part) => part.count);
  if (counts.some((count) => count !== counts[0])) {
    throw new ConfigError(`the parts of a zip have equally many values, got ${counts.join(', ')}`, {
      path: at,
      expected: counts[0],
      actual: counts,
      hint: 'make them equally long, or write product',
    });
  }
  return {
    fields,
    count: counts[0],
    points() {
      const all = parts.map((part) => part.points());
      return all[0].map((_, i) => new Map(all.flatMap((points) => [...points[i]])));
    },
  };
}

/** @throws ConfigError where two parts say something of one field, or of a field and what is in it */
function refuseOverlap(groups: readonly (readonly string[])[], at: string): string[] {
  const seen: string[] = [];
  for (const fields of groups) {
    const others = [...seen];
    for (const field of fields) {
      const other = others.find(
        (one) => one === field || one.startsWith(`${field}.`) || field.startsWith(`${one}.`),
      );
      seen.push(field);
      if (other === undefined) continue;
      throw new ConfigError(
        other === field ? `${field} is given twice` : `${field} and ${other} are given, one in the other`,
        { path: at, actual: [other, field], hint: 'give each field in one place' },
      );
    }
  }
  return seen;
}

function refuseMany(count: number, at: string): void {
  if (count <= MOST_RUNS) return;
  throw new ConfigError(`the grid has ${count} runs, at most ${MOST_RUNS}`, {
    path: at,
    expected: MOST_RUNS,
    actual: count,
    hint: 'leave values out, or divide it into several grids',
  });
}

/** Puts a value into a recipe; null leaves the field out. */
function setField(recipe: Record<string, unknown>, field: string, value: unknown, path: string): void {
  const keys = field.split('.');
  const last = keys.pop() as string;
  let part: Record<string, unknown> | unknown[] = recipe;
  for (const [depth, key] of [...keys, last].entries()) {
    if (Array.isArray(part) && !(Number(key) < part.length)) {
      const at = keys.slice(0, depth).join('.');
      throw new ConfigError(`${at} has ${part.length} entries, and none at ${key}`, {
        path: `${path}: ${field}`,
        actual: key,
        hint: 'the first is 0',
      });
    }
    if (depth === keys.length) break;
    const inner: unknown = Object.hasOwn(part, key) ? part[key as never] : undefined;
    if (inner !== undefined && (typeof inner !== 'object' || inner === null)) {
      const at = keys.slice(0, depth + 1).join('.');
      throw new ConfigError(`${at} is ${brief(inner)}, which has no ${keys[depth + 1] ?? last}`, {
        path: `${path}: ${field}`,
        actual: inner,
        hint: `give ${at} whole`,
      });
    }
    if (inner === undefined) (part as Record<string, unknown>)[key] = {};
    part = (part as Record<string, unknown>)[key] as Record<string, unknown>;
  }
  if (value === null && !Array.isArray(part)) delete part[last];
  else (part as Record<string, unknown>)[last] = structuredClone(value);
}

function refusal(path: string, wanted: string, came: string): ConfigError {
  return new ConfigError(`must be ${wanted}, got ${came}`, { path, expected: wanted, actual: came });
}
