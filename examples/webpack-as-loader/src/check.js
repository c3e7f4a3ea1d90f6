/**
 * Runs one matrix product and one LayerNorm and returns the SHA-256 of the bits they wrote: the same value from
 * every compiler, engine and processor. `shared`: the kernels import a memory that threads may share.
 */
export async function check(wasm, shared = false) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared });
  const abort = () => {
    throw new Error('assertion failed in a kernel');
  };
  const { instance } = await WebAssembly.instantiate(wasm, { env: { memory, abort } });
  const kernels = instance.exports;

  let free = (kernels.heapBase() + 63) & ~63;
  const allocate = (bytes) => {
    const address = free;
    free = (free + bytes + 63) & ~63;
    return address;
  };
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2147483648;
  };
  const input = (count) => {
    const address = allocate(count * 4);
    new Float32Array(memory.buffer, address, count).forEach((_, i, view) => {
      view[i] = random();
    });
    return address;
  };

  // y (m, n) = x (m, k) w^T, then LayerNorm over its rows.
  const [m, n, k] = [101, 67, 300];
  const x = input(m * k);
  const w = input(n * k);
  const weight = input(n);
  const bias = input(n);
  const y = allocate(m * n * 4);
  const out = allocate(m * n * 4);
  const mean = allocate(m * 4);
  const rstd = allocate(m * 4);
  const workspace = allocate(kernels.gemmWorkspaceBytes());
  kernels.sgemm(y, x, w, m, n, k, k, k, n, 0, 1, 0, workspace);
  kernels.layerNormForward(out, 0, mean, rstd, y, 0, weight, bias, m, n, 1e-5);

  const bits = new Uint8Array(memory.buffer).slice(y, workspace);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bits));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
