/** @file The examples as their readers meet them: plain Node, the built package, its public entries only. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { fixture, read } from '../tokenizers/fixture.js';
import { copyExample, inProject, runNode } from './project.js';

const test = suite('examples');
const source = (file: string): string =>
  readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8');

test('train-your-own trains on the embedded text and samples', () =>
  inProject(async (folder) => {
    copyExample('train-your-own', folder);
    const { code, stdout, stderr } = await runNode(folder, 'index.mjs', ['', '4']);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^\d+ tokens, \d+ parameters\n/);
    assert.match(stdout, /step 4: loss \d\.\d{3}, held-out \d\.\d{3}\n/);
    assert.match(stdout, /\nIn the beginning God\|./);
  }));

test('train-your-own takes a file', () =>
  inProject(async (folder) => {
    copyExample('train-your-own', folder);
    const lines = Array.from({ length: 900 }, (_, i) => `Zeile ${i}: über ${(i * 7919) % 1000} Bäume.`);
    writeFileSync(join(folder, 'text.txt'), lines.join('\n'));
    const { code, stdout, stderr } = await runNode(folder, 'index.mjs', ['text.txt', '2']);
    assert.is(code, 0, stderr);
    assert.match(stdout, /step 2: loss \d\.\d{3}, held-out \d\.\d{3}\n/);
    assert.match(stdout, /\nZeile 0: über 0 Bäum\|/);
  }));

test('train-your-own refuses a text that is too short in one clear line', () =>
  inProject(async (folder) => {
    copyExample('train-your-own', folder);
    writeFileSync(join(folder, 'text.txt'), 'Too little.');
    const { code, stderr } = await runNode(folder, 'index.mjs', ['text.txt', '2']);
    assert.is(code, 1);
    assert.match(stderr, /DataError: TextWindows: the text is too short: .+ \(use a longer text/);
  }));

test('own-layer passes gradcheck and trains', () =>
  inProject(async (folder) => {
    copyExample('own-layer', folder);
    const { code, stdout, stderr } = await runNode(folder, 'index.mjs', ['3']);
    assert.is(code, 0, stderr);
    const errors = [...stdout.matchAll(/^gradcheck .+: \d+ elements, largest relative error (\S+)$/gm)];
    assert.is(errors.length, 4);
    for (const [line, error] of errors) assert.ok(Number(error) < 1e-6, line);
    assert.match(stdout, /^gated sandwich: loss \d\.\d\d at step 1, \d\.\d\d over the last 10 of 3$/m);
    assert.match(stdout, /^gates after training:( -?\d\.\d\d){12}$/m);
    assert.match(stdout, /^Pre-LN: loss \d\.\d\d at step 1/m);
  }));

test('tune-a-folder trains a folder of Hugging Face and writes one', () =>
  inProject(async (folder) => {
    copyExample('tune-a-folder', folder);
    await init();
    const tokenizer = read(fixture('smollm2'));
    const sizes = { dModel: 16, numHeads: 2, numLayers: 2, maxSeqLen: 32, vocabSize: tokenizer.vocabSize };
    const model = new CausalLM({ ...sizes, positions: 'learned', embeddingScale: 1 });
    mkdirSync(join(folder, 'lm'));
    for (const [name, bytes] of toPretrained(model, { tokenizer }))
      writeFileSync(join(folder, 'lm', name), bytes);
    writeFileSync(
      join(folder, 'text.txt'),
      'the quick end of the story, and the quick end of it. '.repeat(120),
    );
    const { code, stdout, stderr } = await runNode(folder, 'index.mjs', ['lm', 'text.txt', 'out', '20']);
    assert.is(code, 0, stderr);
    const [, before, after] =
      /held-out loss (\S+)\nafter 20 steps: (\S+)\nwritten: out\n$/.exec(stdout) ?? [];
    assert.ok(Number(after) < Number(before) - 0.5, stdout);
    const tuned = await fromPretrained(join(folder, 'out'), { tokenizers });
    assert.equal([tuned.family, tuned.tokenizer?.vocabSize], ['gpt2', tokenizer.vocabSize]);
    const again = await runNode(folder, 'index.mjs', ['lm', 'text.txt', 'out', '1']);
    assert.is(again.code, 1);
    assert.match(again.stderr, /EEXIST/);
  }));

test('onnx trains, writes graphs and serves the page that runs them', () =>
  inProject(async (folder) => {
    copyExample('onnx', folder);
    const child = spawn(process.execPath, ['index.mjs', '', '2', '0'], { cwd: folder });
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      let said = '';
      for await (const chunk of child.stdout.setEncoding('utf8')) {
        said += chunk;
        if (/http:\S+\n/.test(said)) break;
      }
      const [address] = /http:\S+/.exec(said) as RegExpExecArray;
      const get = async (path: string) => {
        const response = await fetch(`${address}${path}`);
        return [response.status, (await response.text()).length];
      };
      assert.equal(await get('/'), [200, source('onnx/index.html').length]);
      const [status, length] = await get('/model/onnx/model.onnx');
      assert.ok(status === 200 && length > 100_000, `${status}, ${length}`);
      assert.is((await get('/../package.json'))[0], 200, 'its own, whatever the path');
      assert.is((await get('/nothing'))[0], 404);
    } finally {
      child.kill();
      await ended;
    }
  }));

test('examples use public entries only', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const file of [
    'train-your-own/index.mjs',
    'own-layer/index.mjs',
    'tune-a-folder/index.mjs',
    'onnx/index.mjs',
    'own-layer/gated-sandwich.mjs',
    'own-layer/z-loss.mjs',
  ]) {
    for (const [, name] of source(file).matchAll(/from '([^']+)'/g)) {
      if (name.startsWith('node:') || name.startsWith('./')) continue;
      assert.ok(name.replace(/^prenorm/, '.') in exports, `${file} imports ${name}`);
    }
  }
});

test('train-your-own stays small', () => {
  const code = source('train-your-own/index.mjs')
    .split('\n')
    .filter((line) => line && !/^(?:import|\/\/)/.test(line));
  assert.ok(code.length <= 36, `${code.length} lines of code`);
});

test.run();
