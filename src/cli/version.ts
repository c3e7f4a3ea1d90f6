import { readFileSync } from 'node:fs';

let version: string | undefined;

/** The package's version, from its package.json (two folders up, in the sources as in dist). */
export function packageVersion(): string {
  version ??= JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    .version as string;
  return version;
}
