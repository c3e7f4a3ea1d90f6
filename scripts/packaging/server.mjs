/** @file A tool's own server, for as long as something is asked of it. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

/**
 * What `use` makes of the address of a server that Node runs in `path`; an error carries what the server said.
 * @template T
 * @param {(port: number) => string[]} command program and arguments
 * @param {string} path
 * @param {(url: string) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withServer(command, path, use) {
  const port = await freePort();
  // A group of its own, since some servers are children of the program that is started.
  const server = spawn(process.execPath, command(port), { cwd: path, detached: true });
  let said = '';
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (text) => {
      said += text;
    });
  const ended = new Promise((resolve) => server.on('exit', resolve));
  try {
    const url = `http://127.0.0.1:${port}/`;
    for (let tries = 0; ; tries++) {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) break;
      if (tries > 600 || server.exitCode !== null) throw new Error(`${command(port)[0]} did not start`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return await use(url);
  } catch (error) {
    throw new Error(`${error.message}\n${said}`);
  } finally {
    if (server.exitCode === null) process.kill(-(/** @type {number} */ (server.pid)));
    await ended;
  }
}

async function freePort() {
  const server = createServer();
  await /** @type {Promise<void>} */ (new Promise((resolve) => server.listen(0, '127.0.0.1', resolve)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
