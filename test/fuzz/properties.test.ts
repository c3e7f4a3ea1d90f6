/** Properties of the parsers over arbitrary values, with fast-check: it shrinks what fails and prints its seed. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePairs } from '../../src/data/index.js';
import { ConfigError, DataError, FormatError, type PrenormError } from '../../src/errors.js';
import { decodeCheckpoint, encodeCheckpoint, type Json } from '../../src/io/checkpoint-file.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { parseJson, parseStrictJson } from '../../src/json.js';
import { makeSchedule } from '../../src/optim/index.js';
import { checkRecipe, recipeKeys } from '../../src/recipe/index.js';
import { init } from '../../src/runtime/init.js';
import { Tokenizer, trainBPE } from '../../src/text/index.js';
import { decodeUtf8Strict } from '../../src/utf8.js';
import { lm, text } from '../cli/corpus.js';

const test = suite('untrusted files: properties');
test.before(async () => {
  await init();
});

const RUNS = { numRuns: 150, seed: 7 };
/** No surrogate without its partner, which UTF-8 cannot carry. */
const isText = (value: string) => !/\p{Surrogate}/u.test(value);
const anyString = fc.string({ unit: 'binary' });
const anyKey = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toString', 'length', ''), anyString);
/** JSON values whose objects may have any own key, `__proto__` included. */
const anyJson = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
    fc.integer(),
    anyString,
    fc.array(tie('json'), { maxLength: 5 }),
    fc
      .array(fc.tuple(anyKey, tie('json')), { maxLength: 5 })
      .map((entries) =>
        JSON.parse(
          `{${[...new Map(entries)].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join()}}`,
        ),
      ),
  ),
})).json;

/** Runs; a typed error of the given kinds is as good as a result. */
function orRefused(run: () => void, ...kinds: (new (message: string) => PrenormError)[]): void {
  try {
    run();
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    assert.not.match((error as Error).message, /[\n\r]/);
  }
}

test('strict JSON is JSON', () => {
  fc.assert(
    fc.property(anyJson, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const json = JSON.stringify(value, null, space);
      assert.equal(JSON.stringify(parseStrictJson(json)), JSON.stringify(value));
    }),
    RUNS,
  );
});

test('any text is JSON for both parsers or for neither', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 01a\n') }), (json) => {
      let plain: unknown;
      try {
        plain = JSON.parse(json);
      } catch {
        assert.throws(() => parseStrictJson(json));
        return;
      }
      orRefused(() => assert.equal(parseStrictJson(json), plain), FormatError);
    }),
    { ...RUNS, numRuns: 2000 },
  );
});

test('tensors of any name, shape and metadata survive safetensors', () => {
  const tensor = fc
    .tuple(
      fc.array(fc.nat(3), { maxLength: 4 }),
      fc.constantFrom(Float32Array, Float64Array, Int32Array, Uint8Array),
    )
    .map(([shape, Kind]) => {
      const data = new Kind(shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < data.length; i++) data[i] = i * 37;
      return { shape, data };
    });
  const name = anyKey.filter((key) => key !== '__metadata__' && isText(key));
  const map = fc.array(fc.tuple(name, tensor), { maxLength: 5 }).map((entries) => new Map(entries));
  const metadata = fc
    .array(
      fc.tuple(
        anyKey.filter((key) => isText(key)),
        anyString.filter((value) => isText(value)),
      ),
    )
    .map((entries) =>
      JSON.parse(
        `{${[...new Map(entries)].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join()}}`,
      ),
    );
  fc.assert(
    fc.property(map, metadata, (tensors, notes: Record<string, string>) => {
      const decoded = decodeSafetensors(encodeSafetensors(tensors, notes), 'x');
      assert.equal([...decoded.tensors.keys()].sort(), [...tensors.keys()].sort());
      for (const [key, { shape, data }] of tensors) {
        assert.equal(decoded.tensors.get(key)!.shape, shape);
        assert.equal(decoded.tensors.get(key)!.data, data);
      }
      assert.equal(Object.entries(decoded.metadata).sort(), Object.entries(notes).sort());
    }),
    RUNS,
  );
});

test('any configuration, cursor and extra survive a checkpoint, and its bytes do not depend on their order', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    const out = Object.create(null);
    for (const [key, item] of Object.entries(value).reverse()) out[key] = reversed(item);
    return out;
  };
  fc.assert(
    fc.property(anyJson, anyJson, fc.nat(), (config, extra, step) => {
      const content = {
        tensors: new Map(),
        config: config as Json,
        cursor: null,
        rng: null,
        step,
        kernelHash: 'k',
        extra: extra as Json,
      };
      const bytes = encodeCheckpoint(content);
      const decoded = decodeCheckpoint(bytes, 'x');
      assert.equal(encodeCheckpoint(decoded), bytes);
      assert.is(decoded.step, step);
      const other = { ...content, config: reversed(config) as Json, extra: reversed(extra) as Json };
      assert.equal(encodeCheckpoint(other), bytes);
    }),
    RUNS,
  );
});

test('any JSON is a tokenizer or refused, and leaves no trace on the prototype of objects', () => {
  const good = trainBPE([text], { vocabSize: 280 }).toJSON();
  const field = fc.constantFrom(...Object.keys(good));
  fc.assert(
    fc.property(field, anyJson, fc.boolean(), (key, value, asText) => {
      const file = { ...good, [key]: value };
      orRefused(() => void Tokenizer.fromJSON(asText ? JSON.stringify(file) : file), FormatError);
      orRefused(() => void Tokenizer.fromJSON(value), FormatError);
      assert.equal(Object.keys(Object.prototype), []);
    }),
    RUNS,
  );
});

test('merges of any numbers make a tokenizer through which every text survives, or are refused', () => {
  const id = fc.oneof(fc.integer({ min: 3, max: 300 }), fc.integer(), fc.double());
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 3, max: 262 }), id), { maxLength: 8 }),
      anyString,
      (pairs, sample) => {
        orRefused(() => {
          const made = new Tokenizer(['<pad>', '<bos>', '<eos>'], pairs.flat());
          assert.is(made.decode(made.encode(sample)), sample);
        }, FormatError);
      },
    ),
    RUNS,
  );
});

test('any JSON is a recipe or refused with the file', () => {
  fc.assert(
    fc.property(fc.constantFrom(...recipeKeys, 'x'), anyJson, (key, value) => {
      const json = JSON.stringify({ ...lm, [key]: value });
      orRefused(
        () => {
          const { schedule, optimizer } = checkRecipe(parseJson(json, 'c.json'), 'c.json');
          assert.type(schedule ? makeSchedule(schedule)(1) : optimizer.lr, 'number');
        },
        ConfigError,
        DataError,
      );
    }),
    { ...RUNS, numRuns: 400 },
  );
});

test('pairs of any text without separators survive their file', () => {
  const side = anyString.filter((value) => value.trim() !== '' && !/[\t\r\n]/.test(value) && isText(value));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(side, side), { minLength: 1 }),
      fc.constantFrom('\n', '\r\n'),
      (pairs, end) => {
        fc.pre(!pairs[0][0].startsWith('\ufeff'));
        const bytes = new TextEncoder().encode(pairs.map((pair) => pair.join('\t') + end).join(''));
        assert.equal(parsePairs(decodeUtf8Strict(bytes, 'p'), 'p'), pairs);
      },
    ),
    RUNS,
  );
});

test('any bytes are UTF-8 for us exactly when they are for the platform', () => {
  const platform = new TextDecoder('utf-8', { fatal: true });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      let expected: string | undefined;
      try {
        expected = platform.decode(bytes);
      } catch {}
      let actual: string | undefined;
      orRefused(() => {
        actual = decodeUtf8Strict(bytes, 'x');
      }, DataError);
      assert.is(actual, expected);
    }),
    { ...RUNS, numRuns: 3000 },
  );
});

test.run();
