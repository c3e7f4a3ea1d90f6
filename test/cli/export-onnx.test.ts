/** @file `prenorm export --to onnx`: a folder for onnxruntime, checked first when that is asked for, or nothing at all. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { saveModel } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import { onnxRuntime, runtimeFolder } from '../interop/onnx-models.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: export --to onnx');
await init();
const runtime = await onnxRuntime();

const tokenizer = trainBPE(['to be or not to be, that is the question'], { vocabSize: 280 });
const model = new CausalLM({
  vocabSize: tokenizer.vocabSize,
  dModel: 16,
  numLayers: 2,
  normPlacement: 'peri',
  maxSeqLen: 32,
});
const file = saveModel(model, { tokenizer });
const WRITTEN = ['config.json', 'generation_config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json'];

test('a folder, replaced with --force, and never over what no export has written', async () => {
  await inFolder(async (cwd) => {
    const at = (name: string) => join(cwd, name);
    writeFileSync(at('lm.safetensors'), file);
    const run = (...args: string[]) => prenorm(['export', 'lm.safetensors', ...args], { cwd });
    const done = await run('--to', 'onnx', '--out', 'web', '--json');
    assert.is(done.code, 0, done.stderr);
    assert.equal(JSON.parse(done.stdout).files, [
      'config.json',
      'generation_config.json',
      'onnx/model.onnx',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const beside = ['--max-shard-size', '9kB', '--dtype', 'f16', '--opset', '20'];
    assert.match((await run('--to', 'onnx', '--out', 'web')).stderr, 'the folder is there already');
    const again = await run('--to', 'onnx', '--out', 'web', '--force', ...beside);
    assert.is(again.code, 0, again.stderr);
    assert.equal(readdirSync(at('web')).sort(), WRITTEN);
    const graphs = readdirSync(at('web/onnx')).sort();
    assert.ok(graphs.length > 2 && graphs[0] === 'model_fp16.onnx' && graphs[1] === 'model_fp16.onnx_data');
    writeFileSync(at('web/onnx/mine.bin'), 'mine');
    const kept = await run('--to', 'onnx', '--out', 'web', '--force');
    assert.match(kept.stderr, /the folder has onnx\/mine\.bin, which no export has written/);
    assert.equal(readdirSync(cwd).sort(), ['lm.safetensors', 'web']);
  });
});

test('what cannot be is refused before anything is written', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'lm.safetensors'), file);
    const refusals: [args: string[], message: RegExp][] = [
      [['--to', 'onnx', '--dtype', 'int8'], /quantize_dynamic/],
      [['--to', 'onnx', '--opset', '16'], /at least 17/],
      [['--to', 'onnx', '--opset', '99'], /from 17 to 23/],
      [['--to', 'hf', '--opset', '17'], /--opset: --to hf has no such thing.*--to onnx/],
      [['--to', 'torch', '--check'], /--check: --to torch has no such thing/],
      [['--to', 'prenorm', '--max-shard-size', '1MB'], /--max-shard-size: --to prenorm writes one file/],
    ];
    for (const [args, message] of refusals) {
      const { code, stderr } = await prenorm(['export', 'lm.safetensors', '--out', 'x', ...args], { cwd });
      assert.is(code, 2, stderr);
      assert.match(stderr, message);
    }
    assert.not.ok(existsSync(join(cwd, 'x')));
  });
});

test('--check says what to install, and with it how near the graphs are', async () => {
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'lm.safetensors'), file);
    const check = ['export', 'lm.safetensors', '--to', 'onnx', '--out', 'web', '--check'];
    if (!existsSync(join(import.meta.dirname, '../../node_modules/onnxruntime-web'))) {
      const { code, stderr } = await prenorm(check, { cwd });
      assert.is(code, 2);
      assert.match(stderr, /--check: onnxruntime-web is not installed.*npm install onnxruntime-web/);
      assert.not.ok(existsSync(join(cwd, 'web')));
    }
    if (!runtime) return;
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(
      join(runtimeFolder as string, 'node_modules/onnxruntime-web'),
      join(cwd, 'node_modules/onnxruntime-web'),
    );
    writeFileSync(join(cwd, 'package.json'), '{}');
    const { code, stdout, stderr } = await prenorm([...check, '--json'], { cwd });
    assert.is(code, 0, stderr);
    assert.match(stderr, /the graphs give the model's numbers to \d\.\de-\d/);
    const { largest, compared, isNear } = JSON.parse(stdout).check;
    assert.ok(isNear && largest < 1e-4 && compared > 0, stdout);
  });
});

test.run();
