/** @file Serves the repository's files to a test page, on this machine only. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** The two headers that make a page cross-origin isolated, so that memory may be shared with its workers. */
export const ISOLATION: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Starts on a free port; paths never leave `root`. `change` may put another body in place of a file's,
 * `headersOf` other headers. */
export async function serve(
  root: string,
  headers: Record<string, string> = {},
  change: (path: string, body: Buffer) => string | Buffer = (_, body) => body,
  headersOf: (path: string, headers: Record<string, string>) => Record<string, string> = (_, all) => all,
): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    if (path === '/' && !existsSync(join(root, 'index.html'))) {
      response.writeHead(200, { 'content-type': TYPES['.html'], ...headers });
      response.end(
        '<!doctype html><html lang="en"><title>Prenorm test page</title><link rel="icon" href="data:,">',
      );
      return;
    }
    try {
      const file = path === '/' ? '/index.html' : path;
      const body = change(file, await readFile(join(root, file)));
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        ...headersOf(file, headers),
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
