/**
 * @file SHA-256 (FIPS 180-4) without a platform API: SubtleCrypto is asynchronous and missing on pages that
 * are not served securely, and both matter for checkpoints. Whole files are hashed by Node's own where there is one,
 * which is ten times as fast.
 */
import { bytesOf } from '../checks.js';
import { nodeBuiltin } from '../runtime/node-builtin.js';

/** Round constants: the first 32 fractional bits of the cube roots of the first 64 primes. */
const K = /* @__PURE__ */ fractionalRoots(64, 3);
/** Initial state: likewise of the square roots of the first 8 primes. */
const INITIAL = /* @__PURE__ */ fractionalRoots(8, 2);

/** The SHA-256 of `bytes` in hexadecimal; of several, of one after the other. */
export function sha256(...bytes: (ArrayBufferView | ArrayBufferLike)[]): string {
  const node = nodeBuiltin('node:crypto') as typeof import('node:crypto') | null;
  const native = node?.createHash('sha256');
  const own = native ? null : new Sha256();
  for (const given of bytes) {
    const part = bytesOf('sha256', 'the message', given);
    // Neither takes 2 GiB at once, Node by its limit and the loop below by its speed.
    for (let at = 0; at < part.length; at += PIECE) (native ?? own)?.update(part.subarray(at, at + PIECE));
  }
  return native?.digest('hex') ?? (own as Sha256).hex();
}

const PIECE = 1 << 26;

/** SHA-256 of a message that comes in pieces. */
export class Sha256 {
  readonly #state = INITIAL.slice();
  readonly #block = new Uint8Array(64);
  readonly #schedule = new Int32Array(64);
  #length = 0;

  update(bytes: Uint8Array): this {
    let position = 0;
    const filled = this.#length % 64;
    this.#length += bytes.length;
    if (filled > 0) {
      position = Math.min(64 - filled, bytes.length);
      this.#block.set(bytes.subarray(0, position), filled);
      if (filled + position < 64) return this;
      this.#compress(this.#block, 0);
    }
    for (; position + 64 <= bytes.length; position += 64) this.#compress(bytes, position);
    this.#block.set(bytes.subarray(position));
    return this;
  }

  /** Closes the message: a 1 bit, zeros, and the length in bits as a 64-bit big-endian number. */
  hex(): string {
    const length = this.#length;
    const room = 64 - (length % 64);
    const padding = new Uint8Array(room < 9 ? room + 64 : room);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(length / 0x20000000));
    view.setUint32(padding.length - 4, (length << 3) >>> 0);
    this.update(padding);
    let text = '';
    for (const word of this.#state) text += (word >>> 0).toString(16).padStart(8, '0');
    return text;
  }

  #compress(bytes: Uint8Array, offset: number): void {
    const w = this.#schedule;
    for (let i = 0, p = offset; i < 16; i++, p += 4) {
      w[i] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const state = this.#state;
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let i = 0; i < 64; i++) {
      const S1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const choice = (e & f) ^ (~e & g);
      const t1 = (h + S1 + choice + K[i] + w[i]) | 0;
      const S0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const majority = (a & b) ^ (a & c) ^ (b & c);
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + S0 + majority) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

/** floor(frac(p^(1/degree)) * 2^32) of the first `count` primes p, by integer bisection: exact everywhere. */
function fractionalRoots(count: number, degree: 2 | 3): Int32Array {
  const roots = new Int32Array(count);
  for (let n = 0, prime = 2; n < count; prime++) {
    let isPrime = true;
    for (let d = 2; d * d <= prime; d++) if (prime % d === 0) isPrime = false;
    if (!isPrime) continue;
    // The greatest r with r^degree <= p * 2^(32 * degree); its low 32 bits are the fraction.
    const power = BigInt(prime) << BigInt(32 * degree);
    let low = 0n;
    for (let bit = 1n << 37n; bit > 0n; bit >>= 1n) {
      const r = low + bit;
      if ((degree === 2 ? r * r : r * r * r) <= power) low = r;
    }
    roots[n++] = Number(BigInt.asIntN(32, low));
  }
  return roots;
}
