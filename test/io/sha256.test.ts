import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Sha256, sha256 } from '../../src/io/sha256.js';

/** Ours, and what whole files are hashed by here. */
const hashes = [
  (bytes: Uint8Array) => new Sha256().update(bytes).hex(),
  (bytes: Uint8Array) => sha256(bytes),
];
const platform = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 255);

test('the examples of FIPS 180-4', () => {
  for (const hashOf of hashes) {
    const hash = (text: string) => hashOf(new TextEncoder().encode(text));
    assert.is(hash('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.is(hash(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.is(
      hash('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
    const million = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0';
    assert.is(hash('a'.repeat(1_000_000)), million);
  }
});

test('every length around the block and padding borders agrees with the platform', () => {
  for (let length = 0; length < 260; length++) {
    const bytes = bytesOf(length);
    for (const hash of hashes) assert.is(hash(bytes), platform(bytes), `length ${length}`);
  }
});

test('pieces give the hash of the whole, however they are cut', () => {
  const bytes = bytesOf(1000);
  for (let cut = 1; cut < 200; cut += 3) {
    const hash = new Sha256();
    for (let start = 0; start < bytes.length; start += cut) hash.update(bytes.subarray(start, start + cut));
    hash.update(new Uint8Array(0));
    assert.is(hash.hex(), platform(bytes), `pieces of ${cut}`);
  }
});

test('views into larger and shared buffers are hashed as they are', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(300));
  shared.set(bytesOf(300));
  const expected = platform(bytesOf(300).subarray(7, 207));
  for (const hash of hashes) assert.is(hash(shared.subarray(7, 207)), expected);
  assert.is(sha256(shared.subarray(7, 50), shared.subarray(50, 207)), expected, 'one after the other');
  assert.is(sha256(), platform(new Uint8Array(0)));
});

test.run();
