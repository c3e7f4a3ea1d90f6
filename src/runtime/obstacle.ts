/**
 * @file What stands in the way, and what helps: of the kernels, of their memory, of a worker. It is loaded when something
 * has failed already, so it imports nothing.
 */

/** Message and hint of an error. */
export interface Obstacle {
  message: string;
  hint: string;
}

/** A module that returns a 128-bit vector: valid exactly where SIMD is. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
]);

/** Why the kernels did not compile. */
export function whyNoKernels(cause: unknown): Obstacle {
  if (typeof WebAssembly === 'undefined') {
    return {
      message: 'this host has no WebAssembly',
      hint: 'use Node 20 or later or a current browser; some turn it off in a lockdown mode',
    };
  }
  if (!WebAssembly.validate(SIMD_PROBE)) {
    return {
      message: 'the WebAssembly of this host has no SIMD',
      hint: 'use Node 20 or later, or a browser of 2023 or later',
    };
  }
  const text = String(cause);
  if (/content.security.policy|unsafe-eval|\bCSP\b/i.test(text)) {
    return {
      message: "the page's Content-Security-Policy forbids WebAssembly",
      hint: "add 'wasm-unsafe-eval' to its script-src",
    };
  }
  if (/code generation|disallowed/i.test(text)) {
    return {
      message: 'this host compiles no WebAssembly while it runs',
      hint: "import the compiled kernels and give them: import wasm from 'prenorm/kernels.wasm'; init({ wasm })",
    };
  }
  return {
    message: 'the kernels could not be compiled',
    hint: 'init({ wasm }) takes the whole file prenorm/kernels.wasm: its bytes, a compiled module or a Response',
  };
}

/** Why they did not come from their address: what the server answered, or what `fetch` threw. */
export function whyNotFetched(address: string, status: number | undefined, cause: unknown): Obstacle {
  const problem =
    status === undefined
      ? (cause as Error).message
      : status < 300
        ? 'what came is no WebAssembly'
        : `the server answered ${status}`;
  return {
    message: `the kernels could not be loaded from ${address}: ${problem}`,
    hint: 'put prenorm/kernels.wasm where it can be fetched, and give it: init({ wasm: await fetch(address) })',
  };
}

/** Why there is no memory for them, not even a small one. */
export function whyNoMemory(): Obstacle {
  const node = typeof process !== 'undefined' && process.versions?.node;
  return {
    message: 'the host gives the kernels no memory',
    hint: node
      ? 'addresses are limited (ulimit -v): WebAssembly reserves 10 GB of them, whatever it uses; lift that limit, or run node --disable-wasm-trap-handler (20.15 or later)'
      : 'close other pages, or reload this one',
  };
}

/** Why there is no worker: `cause` is what `new Worker` threw, or the message of its error event, which may be empty. */
export function whyNoWorker(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause ?? '');
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (/TrustedScriptURL|trusted type/i.test(text)) {
    return "the page's Trusted Types allow no address as it is: give `worker` what a policy of yours makes of it (createScriptURL)";
  }
  if (/origin/i.test(text)) {
    return `${text}: serve the file from the page's own origin, and say where with \`worker\``;
  }
  if (text !== '') return text;
  return crossOriginIsolated
    ? 'its file could not be loaded; on a page with Cross-Origin-Embedder-Policy it must be sent with that header too'
    : 'its file could not be loaded';
}
