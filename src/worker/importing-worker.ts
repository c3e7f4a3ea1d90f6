/** @file Workers of a library that lies on another origin than the page: a CDN. */

/**
 * The address of a program that imports the worker's file at `address`, when that is of another origin, from where no
 * browser starts one; null when it is not.
 */
export function importingWorker(address: string | URL | undefined): string | null {
  const { location } = globalThis as { location?: { origin: string } };
  if (!location || !/^https?:/.test(String(address))) return null;
  const { href, origin } = new URL(address as string);
  if (origin === location.origin) return null;
  const program = `import ${JSON.stringify(href)};`;
  return URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
}
