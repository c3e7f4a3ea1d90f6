/**
 * @file Kernels that lie beside the program as a file, prenorm/kernels.wasm, for `prenorm/external`: nothing of them is
 * in the JavaScript, and caches keep them apart from it.
 */
import { EnvironmentError } from '../errors.js';
import { chooseThreads, startPool } from './host.js';
import { createRuntimeFrom, type InitOptions, initFrom, type KernelSupply } from './init.js';
import { nodeModule, onDemand } from './node-builtin.js';
import type { Runtime } from './runtime.js';

const external: KernelSupply = {
  chooseThreads,
  startPool,
  load: (arithmetic) => {
    if (arithmetic === 'relaxed') {
      throw new EnvironmentError('only the strict kernels lie beside this entry', {
        op: 'init',
        hint: "leave out arithmetic: 'relaxed', or import init from `prenorm`",
      });
    }
    // Bundlers look for exactly this expression, and copy the file.
    return fromAddress(new URL('./prenorm-kernels.wasm', import.meta.url));
  },
};

/** Like `init` of `prenorm`, with the kernels fetched from their file. */
export function init(options: InitOptions = {}): Promise<Runtime> {
  return initFrom(external, options);
}

/** Like `createRuntime` of `prenorm`, with the kernels fetched from their file. */
export function createRuntime(options: InitOptions = {}): Promise<Runtime> {
  return createRuntimeFrom(external, options);
}

async function fromAddress(address: URL): Promise<BufferSource> {
  const fs = (await nodeModule('node:fs')) as typeof import('node:fs') | null;
  if (fs && address.protocol === 'file:') return new Uint8Array(fs.readFileSync(address));
  let status: number | undefined;
  let cause: unknown;
  try {
    const response = await fetch(address);
    const bytes = new Uint8Array(await response.arrayBuffer());
    // "\0asm"; a server that answers everything with its start page gives "<!do".
    if (response.ok && bytes[0] === 0 && bytes[1] === 97) return bytes;
    status = response.status;
  } catch (error) {
    cause = error;
  }
  const { whyNotFetched } = await onDemand(import('./obstacle.js'));
  const { href } = address;
  const { message, hint } = whyNotFetched(href, status, cause);
  throw new EnvironmentError(message, { op: 'init', path: href, hint, cause });
}
