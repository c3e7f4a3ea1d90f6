/** @file A recipe as the list of its values, each with its place. */

/** Places and values; a list of plain values is one value, and an object or list without any is too. */
export function* leaves(value: unknown, name = ''): Generator<[name: string, value: unknown]> {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || isPlainList(value)) {
    yield [name, value];
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) yield [name, value];
  for (const [key, part] of entries) yield* leaves(part, name === '' ? key : `${name}.${key}`);
}

function isPlainList(value: object): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => typeof part !== 'object' || part === null || isPlainList(part))
  );
}
