/** An error that has crossed to another process or worker says what it said on the other side. */
import { MessageChannel } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as errors from '../src/errors.js';
import { fromWire, toWire, type WireError } from '../src/wire-error.js';

const test = suite('wire-error');

/** By a real channel: what it cannot carry throws. */
async function crossed(error: unknown): Promise<Error & Record<string, unknown>> {
  const { port1, port2 } = new MessageChannel();
  try {
    const arrived = new Promise<WireError>((resolve) => port2.once('message', resolve));
    port1.postMessage(toWire(error));
    return fromWire(await arrived) as Error & Record<string, unknown>;
  } finally {
    port1.close();
  }
}

const every = Object.values(errors).filter(
  (value): value is typeof errors.ConfigError =>
    typeof value === 'function' && value.prototype instanceof errors.PrenormError,
);

test('every class of ours arrives as itself, with every field', async () => {
  assert.is(every.length, 8);
  for (const Class of every) {
    const sent = new Class('does not fit', {
      op: 'linear',
      path: 'encoder.layers.0',
      expected: [2, Number.POSITIVE_INFINITY],
      actual: { shape: [2, 3], dtype: undefined },
      hint: 'turn it round',
      cause: new errors.DataError('an empty line', { path: 'a.tsv:3' }),
    });
    const came = await crossed(sent);
    assert.instance(came, Class);
    assert.is(came.message, sent.message);
    assert.is(came.stack, sent.stack);
    for (const key of Object.keys(sent) as (keyof typeof sent)[]) {
      assert.equal(came[key], sent[key], `${Class.name}: ${key}`);
    }
    assert.instance(came.cause, errors.DataError);
    assert.is((came.cause as errors.DataError).path, 'a.tsv:3');
  }
});

test('norms that are not finite stay what they are', async () => {
  const gradNorms = [1, Number.POSITIVE_INFINITY, Number.NaN];
  const layerGradNorms = [{ path: 'encoder.layers.0', norm: Number.NaN }];
  const came = await crossed(new errors.NumericError('diverged', { step: 7, gradNorms, layerGradNorms }));
  assert.equal([came.step, came.gradNorms, came.layerGradNorms], [7, gradNorms, layerGradNorms]);
});

test("an error of the system keeps its code, one of the browser its class, anybody's its name", async () => {
  const gone = Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open', errno: -2 });
  const came = await crossed(gone);
  assert.equal([came.code, came.syscall, came.errno, came.stack], ['ENOENT', 'open', -2, gone.stack]);
  const aborted = await crossed(new DOMException('interrupted', 'AbortError'));
  assert.instance(aborted, DOMException);
  assert.is(aborted.name, 'AbortError');
  assert.is((await crossed(new TypeError('x is not a function'))).name, 'TypeError');
});

test('what cannot cross becomes text', async () => {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic.self = cyclic;
  const odd = new errors.ConfigError('no', { actual: () => 1, expected: [Symbol('s'), cyclic] });
  const came = await crossed(odd);
  assert.type(came.actual, 'string');
  assert.type((came.expected as unknown[])[0], 'string');
  const long = await crossed(new errors.DataError('long', { actual: new Float32Array(5000) }));
  assert.match(String(long.actual), /…$/);
  assert.is((await crossed('a text')).message, '"a text"');
  assert.is((await crossed(null)).message, 'null');
});

test.run();
