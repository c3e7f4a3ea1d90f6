/** Two slots written in turn: whatever ends a write, the checkpoint before it is still there. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, ConfigError, EnvironmentError } from '../../src/errors.js';
import { CheckpointStore, type SlotName, type Slots } from '../../src/io/index.js';
import { sha256 } from '../../src/io/sha256.js';

const test = suite('io: browser storage');

class MemorySlots implements Slots {
  readonly kind = 'memory' as const;
  files: Record<SlotName, Uint8Array | null> = { a: null, b: null };
  /** What the next write does to its slot in place of writing. */
  accident: ((slot: SlotName, whole: Uint8Array) => void) | null = null;

  read(slot: SlotName): Promise<Uint8Array | null> {
    return Promise.resolve(this.files[slot]);
  }

  write(slot: SlotName, head: Uint8Array, body: Uint8Array): Promise<void> {
    const whole = Uint8Array.from([...head, ...body]);
    if (this.accident) this.accident(slot, whole);
    else this.files[slot] = whole;
    return Promise.resolve();
  }

  remove(slot: SlotName): Promise<void> {
    this.files[slot] = null;
    return Promise.resolve();
  }
}

const content = (n: number) => Uint8Array.from({ length: 50 }, (_, i) => (i * n) % 256);
const open = (slots: Slots) => CheckpointStore.open('run', { slots });

async function rejection(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => null,
    (error: Error) => error,
  );
  if (!outcome) throw new Error('it did not fail');
  return outcome;
}

test('a large one is hashed in slices, between which the page does what waits', async () => {
  const slots = new MemorySlots();
  const large = new Uint8Array(3_300_000);
  for (let i = 0; i < large.length; i++) large[i] = (i * 31) >> 5;
  const store = await open(slots);
  let turns = 0;
  const timer = setInterval(() => turns++);
  await store.write(large);
  clearInterval(timer);
  assert.ok(turns > 0, 'something else ran');
  const head = slots.files.a?.subarray(0, 32) as Uint8Array;
  assert.is(sha256(head, large), Buffer.from(slots.files.a?.subarray(32, 64) as Uint8Array).toString('hex'));
  assert.is(Buffer.compare((await (await open(slots)).read())?.bytes as Uint8Array, large), 0);
});

test('a page of a test runner has neither coders of texts nor a message channel', async () => {
  const host = globalThis as Record<string, unknown>;
  const missing = ['TextEncoder', 'TextDecoder', 'MessageChannel', 'setImmediate'];
  const before = missing.map((name) => [name, host[name]] as const);
  const slots = new MemorySlots();
  const large = new Uint8Array(2_200_000).fill(7);
  await open(slots); // the module is loaded with what Node has
  for (const name of missing) host[name] = undefined;
  try {
    await (await open(slots)).write(large);
    assert.is((await (await open(slots)).read())?.bytes.length, large.length);
  } finally {
    Object.assign(host, Object.fromEntries(before));
  }
});

test('the newest is read, by this object and the next', async () => {
  const slots = new MemorySlots();
  const store = await open(slots);
  assert.is(await store.read(), null);
  for (let n = 1; n <= 5; n++) assert.is(await store.write(content(n)), n);
  assert.equal(await store.read(), { bytes: content(5), generation: 5 });
  const other = await open(slots);
  assert.is(await other.write(content(6)), 6);
  assert.is(await store.write(content(7)), 7, 'a write of another tab was overlooked');
  assert.equal((await other.read())?.bytes, content(7));
  await store.remove();
  assert.is(await (await open(slots)).read(), null);
});

test('a write looks at the head of the other slot only, unless another tab has written it', async () => {
  const slots = new MemorySlots();
  let whole = 0;
  const counting: Slots = {
    kind: 'memory',
    read: (slot) => {
      whole++;
      return slots.read(slot);
    },
    readHead: (slot) => Promise.resolve(slots.files[slot]?.subarray(0, 64) ?? null),
    write: (slot, head, body) => slots.write(slot, head, body),
    remove: (slot) => slots.remove(slot),
  };
  const store = await open(counting);
  await store.write(content(1));
  whole = 0;
  for (let n = 2; n <= 5; n++) assert.is(await store.write(content(n)), n);
  assert.is(whole, 0);
  assert.is(await (await open(slots)).write(content(6)), 6);
  assert.is(await store.write(content(7)), 7, 'a write of another tab was overlooked');
  assert.is(whole, 1);
  assert.equal(await store.read(), { bytes: content(7), generation: 7 });
});

test('a write cut anywhere leaves the one before, and the next write succeeds', async () => {
  for (let cut = 0; cut < 114; cut++) {
    for (const tear of ['short', 'zeros'] as const) {
      const slots = new MemorySlots();
      const store = await open(slots);
      await store.write(content(1));
      await store.write(content(2));
      slots.accident = (slot, whole) => {
        slots.files[slot] =
          tear === 'short' ? whole.slice(0, cut) : whole.map((byte, i) => (i < cut ? byte : 0));
        throw new DOMException('the browser was closed', 'UnknownError');
      };
      const remove = slots.remove.bind(slots);
      slots.remove = () => Promise.reject(new Error('dead'));
      assert.instance(await rejection(store.write(content(3))), CheckpointError);
      slots.remove = remove;
      slots.accident = null;
      const later = await open(slots);
      assert.equal(await later.read(), { bytes: content(2), generation: 2 }, `${tear} ${cut}`);
      assert.is(await later.write(content(4)), 3);
      assert.equal((await (await open(slots)).read())?.bytes, content(4));
    }
  }
});

test('a flipped bit anywhere is noticed', async () => {
  const slots = new MemorySlots();
  const store = await open(slots);
  await store.write(content(1));
  await store.write(content(2));
  const whole = slots.files.b as Uint8Array;
  for (let at = 0; at < whole.length; at++) {
    slots.files.b = whole.map((byte, i) => (i === at ? byte ^ 4 : byte));
    assert.is((await (await open(slots)).read())?.generation, 1, `byte ${at}`);
  }
});

test('a full storage is a CheckpointError that says what is needed, and takes no room', async () => {
  const slots = new MemorySlots();
  const store = await open(slots);
  await store.write(content(1));
  slots.accident = (slot, whole) => {
    slots.files[slot] = whole.slice(0, 20);
    throw new DOMException('full', 'QuotaExceededError');
  };
  const error = (await rejection(store.write(content(2)))) as CheckpointError;
  assert.instance(error, CheckpointError);
  assert.is(error.expected, 114);
  assert.match(error.message, '114 bytes are needed');
  assert.is(slots.files.b, null);
  assert.is((await store.read())?.generation, 1);
});

test('writes that overlap are done in turn; shared bytes are copied', async () => {
  const slots = new MemorySlots();
  const store = await open(slots);
  const shared = new Uint8Array(new SharedArrayBuffer(50));
  shared.set(content(3));
  const done = Promise.all([store.write(content(1)), store.write(content(2)), store.write(shared)]);
  shared.fill(0);
  assert.equal(await done, [1, 2, 3]);
  assert.equal((await store.read())?.bytes, content(3));
});

test('names and hosts that will not do are refused', async () => {
  assert.instance(await rejection(CheckpointStore.open('../x')), ConfigError);
  assert.instance(await rejection(CheckpointStore.open('run')), EnvironmentError);
});

test.run();
