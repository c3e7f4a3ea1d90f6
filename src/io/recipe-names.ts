/** @file Names of files in a recipe that goes to others: no folder of this machine stays in them. */
import { isJsonObject } from '../json.js';

/** Of POSIX, of Windows, and as URLs. */
const ABSOLUTE = /^(?:file:|~?[\\/]|[a-z]:[\\/])/i;

/**
 * A recipe whose absolute names of files are what they end in; relative ones, names of embedded data and addresses in the
 * web stay. Whoever has the file finds the data beside it, and its content is still known by its hash.
 */
export function withoutFolders(recipe: object): object {
  const { data, tokenizer, weights } = recipe as { data?: unknown; tokenizer?: unknown; weights?: unknown };
  return {
    ...recipe,
    ...(isJsonObject(data) && { data: { ...data, ...named(data, 'source'), ...named(data, 'url') } }),
    ...(isJsonObject(tokenizer) && { tokenizer: { ...tokenizer, ...named(tokenizer, 'path') } }),
    ...named({ weights }, 'weights'),
  };
}

function named(of: { readonly [key: string]: unknown }, key: string): object {
  const name = of[key];
  if (typeof name !== 'string' || !ABSOLUTE.test(name)) return {};
  return { [key]: /([^\\/]*)[\\/]*$/.exec(name)?.[1] || '.' };
}
