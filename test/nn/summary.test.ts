/** @file What a model says of itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as library from '../../src/nn/index.js';
import { Linear, Module } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { smallLM, smallPair } from '../support.js';

const test = suite('nn/summary');
await init();

test('its rows have every parameter once, by the paths of the state dict', () => {
  for (const model of [smallLM(), smallLM({ tiedEmbeddings: false, qkNorm: 'layer' }), smallPair()]) {
    const { modules, parameters } = model.summary();
    const listed = modules.flatMap(({ path, shapes }) =>
      Object.entries(shapes).map(([name, shape]) => `${path}.${name}: ${shape}`),
    );
    const camel = (path: string) => path.replace(/_([a-z])(?=[^.]*$)/g, (_, letter) => letter.toUpperCase());
    const own = [...model.namedParameters()].map(([path, { shape }]) => `${camel(path)}: ${shape}`);
    assert.equal(listed.sort(), own.sort());
    assert.is(parameters, model.numParameters());
    assert.is(modules[0].parameters, parameters);
    const layer = modules.find(({ path }) => path === 'encoder.layers.1');
    assert.is(layer?.module, 'TransformerEncoderLayer');
    assert.is(layer?.parameters, model.encoder.layers[1].numParameters());
  }
});

test('frozen parameters need no gradients', () => {
  const model = smallLM();
  const size = 4 * model.numParameters();
  assert.equal(model.summary().memory, { parameters: size, gradients: size });
  model.setTrainable((path) => path.startsWith('encoder'));
  const some = 4 * model.numParameters({ trainable: true });
  const { memory, trainable } = model.summary();
  assert.equal(memory, { parameters: size, gradients: some });
  assert.is(4 * trainable, some);
});

test('the table has 80 columns, and layers that are alike once', () => {
  const text = String(smallLM({ numLayers: 11, vocabSize: 40000 }).summary());
  const lines = text.split('\n');
  assert.ok(
    lines.every((line) => line.length <= 80),
    text,
  );
  assert.match(lines[1], /CausalLM/);
  assert.is(lines.filter((line) => /TransformerEncoderLayer/.test(line)).length, 1);
  assert.match(text, /^ *layers\.0-10 +TransformerEncoderLayer +11 x 1,960$/m);
  assert.match(text, /40000x16/);
  assert.match(
    lines[lines.length - 1],
    /^[\d,]+ parameters, [\d,]+ trainable, [\d.]+ MB, gradients [\d.]+ MB$/,
  );
  const model = smallLM({ numLayers: 3 });
  model.encoder.layers[1].setTrainable(() => false);
  assert.is(String(model.summary()).match(/TransformerEncoderLayer/g)?.length, 1, 'alike in what it shows');
});

test('a module of ones own has a summary too', () => {
  class Twice extends Module {
    readonly first = new Linear(2, 3);
    readonly again = this.first;
  }
  const { modules, parameters } = new Twice().summary();
  assert.is(parameters, 9);
  assert.equal(
    modules.map(({ path, module }) => [path, module]),
    [
      ['', 'Twice'],
      ['first', 'Linear'],
    ],
  );
});

test('it names the same classes when a bundler has shortened their names', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `export * as nn from './dist/nn/index.js'; export { init } from './dist/inference.js';`,
      resolveDir: fileURLToPath(new URL('../../', import.meta.url)),
    },
    bundle: true,
    minify: true,
    format: 'esm',
    external: ['node:*'],
    write: false,
  });
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-summary-'));
  try {
    const file = join(folder, 'bundle.mjs');
    writeFileSync(file, outputFiles[0].text);
    const shortened = await import(pathToFileURL(file).href);
    await shortened.init();
    const sizes = { vocabSize: 20, dModel: 16, numLayers: 2, numHeads: 2 };
    const models = ({ nn }: { nn: typeof library }): library.Module[] => [
      new nn.CausalLM({ ...sizes, norm: 'dyt', positions: 'learned', tiedEmbeddings: false }),
      new nn.Transformer({ ...sizes, norm: 'rms', qkNorm: 'l2' }),
      new nn.MaskedLM({ ...sizes, norm: 'scale', numSegments: 2, nextSentence: true }),
      new nn.TextClassifier({ ...sizes, numClasses: 2 }),
      new nn.VisionTransformer({ dModel: 16, numLayers: 1, imageSize: 4, patchSize: 2, numClasses: 2 }),
    ];
    const texts = models({ nn: library }).map((model) => String(model.summary()));
    assert.equal(
      models(shortened).map((model) => String(model.summary())),
      texts,
    );
    const classes = Object.entries(library).filter(
      ([, value]) => (value as { prototype?: unknown }).prototype instanceof Module,
    );
    assert.ok(classes.length > 20);
    for (const [name, own] of classes)
      assert.is(shortened.nn[name].name, (own as { name: string }).name, name);
    assert.not.match(shortened.nn.Module.name, 'Module', 'names are shortened in this bundle');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
