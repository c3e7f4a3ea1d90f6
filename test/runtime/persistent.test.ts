/** @file Long-lived blocks. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PersistentAllocator } from '../../src/runtime/persistent.js';

const test = suite('runtime/persistent');

function ground() {
  const state = { top: 4096, calls: 0, refuse: false, gap: 0 };
  const reserve = (bytes: number): number => {
    if (state.refuse) throw new RangeError(`no room for ${bytes}`);
    state.calls++;
    state.top += state.gap;
    const start = state.top;
    state.top += bytes;
    return start;
  };
  return { state, reserve };
}

test('blocks are aligned, apart, and counted in whole lines of 64 bytes', () => {
  const allocator = new PersistentAllocator(ground().reserve);
  const a = allocator.allocate(4);
  const b = allocator.allocate(100);
  const c = allocator.allocate(64);
  assert.equal([a % 64, b % 64, c % 64], [0, 0, 0]);
  assert.equal([b - a, c - b], [64, 128]);
  assert.is(allocator.inUse, 64 + 128 + 64);
});

test('a released block is reused for the same size only', () => {
  const allocator = new PersistentAllocator(ground().reserve);
  const a = allocator.allocate(256);
  allocator.allocate(64);
  allocator.release(a, 256);
  assert.is(allocator.inUse, 64);
  assert.is.not(allocator.allocate(128), a);
  assert.is(allocator.allocate(250), a, '250 bytes take as many lines as 256');
  assert.is.not(allocator.allocate(256), a, 'it is handed out once');
});

test('small blocks share a chunk and large ones get their own', () => {
  const { state, reserve } = ground();
  const allocator = new PersistentAllocator(reserve);
  for (let i = 0; i < 100; i++) allocator.allocate(1000);
  assert.is(state.calls, 1);
  const big = allocator.allocate(1 << 20);
  assert.ok(big + (1 << 20) <= state.top);
});

test('chunks that are not adjacent are never joined', () => {
  const { state, reserve } = ground();
  const allocator = new PersistentAllocator(reserve);
  allocator.allocate((1 << 18) - 64);
  state.gap = 8192;
  const next = allocator.allocate(128);
  assert.ok(next >= 4096 + (1 << 18) + 8192, 'the block must not lie in the gap');
});

test('a refused reservation changes nothing', () => {
  const { state, reserve } = ground();
  const allocator = new PersistentAllocator(reserve);
  const first = allocator.allocate(64);
  state.refuse = true;
  assert.throws(() => allocator.allocate(1 << 20), 'no room');
  assert.is(allocator.inUse, 64);
  assert.is(allocator.allocate(64), first + 64, 'what is left of the chunk is still usable');
  state.refuse = false;
  assert.ok(allocator.allocate(1 << 20) > first);
});

test('near the limit a chunk is as small as it must be', () => {
  let asked: number[] = [];
  const allocator = new PersistentAllocator((bytes) => {
    asked = [...asked, bytes];
    if (bytes > 4096) throw new RangeError('no room');
    return 1 << 16;
  });
  assert.is(allocator.allocate(1000), 1 << 16);
  assert.equal(asked, [1 << 18, 1024]);
});

test.run();
