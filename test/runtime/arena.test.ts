/** @file The step arena: a stack over a chain of segments. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../src/runtime/arena.js';

const test = suite('runtime/arena');
const MB = 1 << 20;

/** Memory without bytes: remembers what was reserved and can be made to refuse. */
function ground(limit = Number.POSITIVE_INFINITY) {
  const reserved: { start: number; bytes: number }[] = [];
  let top = 4096;
  const reserve = (bytes: number): number => {
    if (top + bytes > 4096 + limit) throw new RangeError(`no room for ${bytes}`);
    reserved.push({ start: top, bytes });
    top += bytes;
    return top - bytes;
  };
  return { reserved, reserve };
}

test('allocations are aligned to 64 bytes, do not overlap and lie in reserved memory', () => {
  const { reserved, reserve } = ground();
  const arena = new Arena(reserve);
  arena.push();
  const blocks = [1, 64, 65, 4, 1000, 0, MB, 3 * MB, 8].map(
    (bytes) => [arena.allocate(bytes), bytes] as const,
  );
  blocks.forEach(([ptr, bytes], i) => {
    assert.is(ptr % 64, 0);
    assert.ok(
      reserved.some(({ start, bytes: size }) => ptr >= start && ptr + bytes <= start + size),
      `block ${i} straddles segments`,
    );
    for (const [other, size] of blocks.slice(i + 1)) {
      assert.ok(other >= ptr + bytes || ptr >= other + size, `block ${i} overlaps another`);
    }
  });
});

test('popping a frame gives back exactly what was allocated since', () => {
  const arena = new Arena(ground().reserve);
  const outer = arena.push();
  arena.allocate(128);
  const before = arena.inUse;
  const inner = arena.push();
  const first = arena.allocate(640);
  assert.is(arena.inUse, before + 640);
  arena.pop(inner);
  assert.is(arena.inUse, before);
  assert.is(inner.alive, false);
  assert.is(outer.alive, true);
  arena.push();
  assert.is(arena.allocate(64), first, 'freed memory is handed out again');
});

test('popping an outer frame kills the inner ones, and popping those again is harmless', () => {
  const arena = new Arena(ground().reserve);
  const outer = arena.push();
  arena.allocate(64);
  const inner = arena.push();
  const innermost = arena.push();
  arena.allocate(64);
  arena.pop(outer);
  assert.equal([outer.alive, inner.alive, innermost.alive], [false, false, false]);
  assert.equal([arena.depth, arena.inUse], [0, 0]);
  const next = arena.push();
  arena.allocate(64);
  arena.pop(innermost);
  arena.pop(outer);
  assert.is(next.alive, true);
  assert.is(arena.inUse, 64);
});

test('top is the innermost open frame', () => {
  const arena = new Arena(ground().reserve);
  assert.is(arena.top, undefined);
  const outer = arena.push();
  const inner = arena.push();
  assert.is(arena.top, inner);
  arena.pop(inner);
  assert.is(arena.top, outer);
});

test('a loop over the same sizes reserves memory once', () => {
  const { reserved, reserve } = ground();
  const arena = new Arena(reserve);
  const step = () => {
    const frame = arena.push();
    for (const size of [MB / 2, MB, 2 * MB, 100, 5 * MB]) arena.allocate(size);
    arena.pop(frame);
  };
  step();
  const segments = reserved.length;
  const { highWater } = arena;
  for (let i = 0; i < 50; i++) step();
  assert.is(reserved.length, segments);
  assert.is(arena.highWater, highWater);
  assert.is(arena.inUse, 0);
});

test('the high-water mark is the most ever in use and can be reset to what is in use', () => {
  const arena = new Arena(ground().reserve);
  arena.push();
  arena.allocate(256);
  const inner = arena.push();
  arena.allocate(1024);
  arena.pop(inner);
  assert.is(arena.highWater, 1280);
  arena.resetHighWater();
  assert.is(arena.highWater, 256);
  arena.allocate(64);
  assert.is(arena.highWater, 320);
});

test('clear pops everything', () => {
  const arena = new Arena(ground().reserve);
  const frames = [arena.push(), arena.push()];
  arena.allocate(64);
  arena.clear();
  assert.equal([arena.depth, arena.inUse, frames.some((frame) => frame.alive)], [0, 0, false]);
  arena.clear();
  assert.is(arena.depth, 0);
});

test('a refused reservation changes nothing: the rest of the segment is still usable', () => {
  const { reserve } = ground(MB);
  const arena = new Arena(reserve);
  arena.push();
  const first = arena.allocate(1000);
  const before = [arena.inUse, arena.highWater];
  assert.throws(() => arena.allocate(2 * MB), 'no room');
  assert.equal([arena.inUse, arena.highWater], before);
  assert.is(arena.allocate(64), first + 1024);
});

test('near the limit a segment is as small as it must be', () => {
  const { reserved, reserve } = ground(MB + 4096);
  const arena = new Arena(reserve);
  arena.push();
  arena.allocate(MB);
  arena.allocate(4000);
  assert.equal(
    reserved.map(({ bytes }) => bytes),
    [MB, 4032],
  );
});

test.run();
