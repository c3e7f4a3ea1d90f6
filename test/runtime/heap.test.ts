/** @file The two address spaces. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Heap, ReferenceHeap, WasmHeap } from '../../src/runtime/heap.js';
import { refusal } from '../support.js';

const test = suite('runtime/heap');
const PAGE = 65536;

const wasm = (maximum = 16) => new WasmHeap(new WebAssembly.Memory({ initial: 1, maximum }), maximum * PAGE);
const heaps: [string, () => Heap][] = [
  ['wasm', wasm],
  ['reference', () => new ReferenceHeap()],
];

for (const [name, make] of heaps) {
  test(`${name}: what is written at an address is read there, also after growing`, () => {
    const heap = make();
    heap.writeFloats(128, [1.5, -2, 0.25]);
    heap.writeInts(256, [7, -1, 2147483647]);
    heap.ensure(heap.byteLength + 3 * PAGE);
    assert.equal([...heap.floats(128, 3)], [1.5, -2, 0.25]);
    assert.equal([...heap.readInts(256, 3)], [7, -1, 2147483647]);
    heap.zero(132, 1);
    assert.equal([...heap.floats(128, 3)], [1.5, 0, 0.25]);
  });

  test(`${name}: ensure makes the last byte addressable and never shrinks`, () => {
    const heap = make();
    const end = 5 * PAGE + 4;
    heap.ensure(end);
    assert.ok(heap.byteLength >= end);
    heap.writeFloats(end - 4, [3]);
    const size = heap.byteLength;
    heap.ensure(100);
    assert.is(heap.byteLength, size);
  });

  test(`${name}: integers read are a copy`, () => {
    const heap = make();
    heap.writeInts(64, [5]);
    const copy = heap.readInts(64, 1);
    heap.writeInts(64, [6]);
    assert.is(copy[0], 5);
  });
}

test('the last page of the limit can be had, one byte more cannot', () => {
  const heap = wasm(4);
  heap.ensure(4 * PAGE);
  assert.is(heap.byteLength, 4 * PAGE);
  const error = refusal(() => heap.ensure(4 * PAGE + 1));
  assert.equal([error.code, error.expected, error.actual], ['MEMORY', 4 * PAGE + 1, 4 * PAGE]);
  assert.match(error.message, `${4 * PAGE + 1} bytes`);
  assert.is(heap.byteLength, 4 * PAGE);
});

test('the reference heap keeps doubles', () => {
  const heap = new ReferenceHeap();
  heap.writeFloats(64, [0.1]);
  assert.is(heap.floats(64, 1)[0], 0.1);
});

test.run();
