/** finetune as a user runs it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toPretrained } from '../../src/interop/index.js';
import { saveModel } from '../../src/io/index.js';
import { CausalLM, MaskedLM, VisionTransformer } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import { writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: finetune');
test.before(async () => {
  await init();
});

/** A small GPT-2 with a tokenizer, as a folder of Hugging Face, and a masked model as a file. */
function writeBases(cwd: string): void {
  const tokenizer = trainBPE(['the quick brown fox jumps over the lazy dog'], { vocabSize: 270 });
  const sizes = { vocabSize: tokenizer.vocabSize, dModel: 16, numHeads: 2, numLayers: 1, maxSeqLen: 32 };
  const gpt2 = {
    positions: 'learned',
    embeddingScale: 1,
    normPlacement: 'pre',
    activation: 'geluTanh',
  } as const;
  const model = new CausalLM({ ...sizes, ...gpt2, seed: 1 });
  mkdirSync(join(cwd, 'gpt2'));
  for (const [name, bytes] of toPretrained(model, { tokenizer }))
    writeFileSync(join(cwd, 'gpt2', name), bytes);
  writeFileSync(
    join(cwd, 'masked.safetensors'),
    saveModel(new MaskedLM({ ...sizes, vocabSize: sizes.vocabSize + 2, seed: 2 }), {
      tokenizer,
      spareIds: true,
    }),
  );
}

test('a folder of Hugging Face learns a text: Ctrl-C can be resumed, and the adapter stands beside the run', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    writeBases(cwd);
    const before = readFileSync(join(cwd, 'gpt2/model.safetensors'));
    const tune = ['finetune', 'gpt2', 'text.txt', '--steps', '60', '--rank', '2', '--out'];
    const [whole, cut] = await Promise.all([
      prenorm([...tune, 'whole'], { cwd }),
      prenorm([...tune, 'cut'], { cwd, interruptAt: /step \d+:/ }),
    ]);
    assert.is(whole.code, 0, whole.stderr);
    assert.match(
      whole.stdout,
      /^task: lm; trained: \{"lora":\{"rank":2\}\}; 60 steps; the recipe is in whole.recipe\.json\n/,
    );
    assert.match(whole.stdout, /60 steps, loss .*\nthe adapter alone is in whole.adapter\n$/);
    assert.is(cut.code, 130, cut.stderr);
    const resumed = await prenorm(['finetune', 'gpt2', 'text.txt', '--out', 'cut', '--resume'], { cwd });
    assert.is(resumed.code, 0, resumed.stderr);
    const read = (name: string) => readFileSync(join(cwd, name));
    for (const name of ['checkpoint.safetensors', 'model.safetensors', 'adapter/adapter_model.safetensors'])
      assert.is(Buffer.compare(read(`cut/${name}`), read(`whole/${name}`)), 0, name);
    assert.is(Buffer.compare(read('gpt2/model.safetensors'), before), 0);
    const { target_modules: modules } = JSON.parse(read('whole/adapter/adapter_config.json').toString());
    assert.equal(modules, ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj']);
    assert.ok(existsSync(join(cwd, 'whole/report.html')));
    const judged = await prenorm(['evaluate', 'whole', '--json'], { cwd });
    const [, told] = /valid NLL (\S+)/.exec(whole.stdout) as RegExpExecArray;
    assert.ok(Math.abs(JSON.parse(judged.stdout).nll - Number(told)) < 1e-3, `${judged.stdout} ${told}`);
  }));

test('a masked model becomes a classifier of labelled texts; what does not go together is refused before anything is written', () =>
  inFolder(async (cwd) => {
    writeBases(cwd);
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${i % 2 ? 'sun' : 'rain'} on day ${i}\t${i % 2 ? 'good' : 'bad'}`,
    );
    writeFileSync(join(cwd, 'days.tsv'), `${rows.join('\n')}\n`);
    writeFileSync(join(cwd, 'text.txt'), 'the quick brown fox '.repeat(50));
    const tuned = await prenorm(
      [
        'finetune',
        'masked.safetensors',
        'days.tsv',
        '--trainable',
        'norms',
        '--epochs',
        '1',
        '--out',
        'days',
      ],
      { cwd },
    );
    assert.is(tuned.code, 0, tuned.stderr);
    assert.match(tuned.stdout, /^task: classify; trained: \["norms","head"\]; 4 steps/);
    assert.match(tuned.stdout, /model\.safetensors: accuracy /);
    const config = JSON.parse(readFileSync(join(cwd, 'days/config.json'), 'utf8'));
    assert.equal([config.recipe.model.kind, config.recipe.model.numClasses], ['textClassifier', 2]);
    const labels = await prenorm(['classify', 'days', '--json'], { cwd, input: 'sun on day 3\n' });
    assert.is(labels.code, 0, labels.stderr);
    const wrong: [string[], RegExp][] = [
      [['nowhere', 'text.txt', '--out', 'x'], /nowhere: there is no such file or folder/],
      [['gpt2', 'nowhere.txt', '--out', 'x'], /nowhere\.txt: there is no such file or folder/],
      [
        ['masked.safetensors', 'text.txt', '--task', 'lm', '--out', 'x'],
        /a maskedLM cannot be tuned for the task lm/,
      ],
      [['gpt2', 'text.txt', '--steps', '2', '--epochs', '1', '--out', 'x'], /not both/],
      [
        ['gpt2', 'text.txt', '--trainable', 'norms', '--rank', '2', '--out', 'x'],
        /--rank is of low-rank parts/,
      ],
      [
        ['gpt2', 'text.txt', '--trainable', 'nothing.*', '--steps', '1', '--out', 'x'],
        /"nothing\.\*" matches no parameter/,
      ],
      [['gpt2', 'text.txt', '--targets', 'mlp', '--steps', '1', '--out', 'x'], /no projection "mlp"/],
      [['gpt2', 'text.txt', '--rank', '0', '--out', 'x'], /--rank/],
      [['gpt2', 'text.txt', '--out', 'x', '--resume'], /recipe\.json/],
      [['gpt2', 'text.txt', '--out', 'days'], /holds a run already/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr, stdout } = await prenorm(['finetune', ...args], { cwd });
      assert.is(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, message);
      assert.is(stdout, '');
    }
    assert.not(existsSync(join(cwd, 'x')));
  }));

test('a base in 16 bits, and an adapter put on it where it is used; without --out the run is named after both', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    writeBases(cwd);
    const tune = ['finetune', 'gpt2', 'text.txt', '--steps', '20', '--rank', '2', '--dtype', 'f16'];
    const tuned = await prenorm([...tune, '--json'], { cwd });
    assert.is(tuned.code, 0, tuned.stderr);
    const run = join(cwd, 'runs/gpt2-text');
    const { recipe } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    assert.is(recipe.dtype, 'f16');
    const adapter = join(run, 'adapter');
    const judge = async (...args: string[]): Promise<number> => {
      const { code, stdout, stderr } = await prenorm(
        ['evaluate', ...args, '--input', 'text.txt', '--limit', '20', '--json'],
        { cwd },
      );
      assert.is(code, 0, stderr);
      return JSON.parse(stdout).nll;
    };
    const [base, half, put, merged] = [
      await judge('gpt2'),
      await judge('gpt2', '--dtype', 'f16', '--adapter', adapter),
      await judge('gpt2', '--adapter', adapter),
      await judge(run),
    ];
    assert.ok(half < base - 0.1, `${half} after, ${base} before`);
    // The same weights with the parts in the matrices, or on the base before it was rounded.
    assert.ok(Math.abs(half - merged) < 1e-4 && Math.abs(half - put) < 1e-2, `${half} ${merged} ${put}`);
    const say = ['generate', 'gpt2', '--prompt', 'the ', '--length', '20', '--temperature', '0'];
    const texts = await Promise.all(
      [[], ['--adapter', adapter], ['--adapter', adapter, '--dtype', 'bf16']].map((more) =>
        prenorm([...say, ...more], { cwd }),
      ),
    );
    assert.equal([texts[0].code, texts[1].code], [0, 0], texts[1].stderr);
    assert.is.not(texts[0].stdout, texts[1].stdout);
    assert.is(texts[2].code, 2);
    assert.match(texts[2].stderr, /was trained on a base in f16, and the model is in bf16/);
    const wrong: [string[], RegExp][] = [
      [['generate', 'gpt2', '--dtype', 'f8', '--prompt', 'a'], /--dtype/],
      [['generate', 'gpt2', '--adapter', 'gpt2', '--prompt', 'a'], /there is no adapter_config\.json/],
      [
        ['generate', 'gpt2', '--adapter', 'nowhere', '--prompt', 'a'],
        /nowhere: .*give the folder of an adapter/,
      ],
      [
        ['finetune', 'gpt2', 'text.txt', '--rank', '99', '--out', 'x'],
        /^prenorm: LoraAdapter: rank 99 is larger/,
      ],
      [['classify', 'masked.safetensors', '--adapter', adapter], /the model has no module|does not classify/],
      [[...tune, '--trainable', 'all', '--out', 'x'], /--rank is of low-rank parts/],
      [
        ['finetune', 'gpt2', 'text.txt', '--dtype', 'f16', '--trainable', 'all', '--out', 'x'],
        /dtype must be left out where all is trained/,
      ],
      [['finetune', 'gpt2', 'text.txt', '--rescale', '0.5', '--out', 'x'], /no norm of the model is trained/],
      [tune, /holds a run already/],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await prenorm(args, { cwd, input: 'a\n' });
      assert.is(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.not(existsSync(join(cwd, 'x')));
  }));

test('a vision transformer learns other images in its norms, which are rescaled', () =>
  inFolder(async (cwd) => {
    const sizes = { dModel: 16, numHeads: 2, numLayers: 2, dFF: 32, imageSize: 8, patchSize: 4 };
    mkdirSync(join(cwd, 'vit'));
    const model = new VisionTransformer({ ...sizes, numClasses: 3, seed: 1, finalNorm: true });
    for (const [name, bytes] of toPretrained(model, { labels: ['a', 'b', 'c'] }))
      writeFileSync(join(cwd, 'vit', name), bytes);
    const tune = ['finetune', 'vit', 'digits', '--trainable', 'norms', '--steps', '30', '--out', 'run'];
    const tuned = await prenorm([...tune, '--rescale', '0', '0.8', '1', '1.2'], { cwd });
    assert.is(tuned.code, 0, tuned.stderr);
    assert.match(tuned.stdout, /^task: images; trained: \["norms","head"\]; 30 steps/);
    const told = /norms rescaled by (\S+) \(valid NLL of 0: (\S+), 0\.8: (\S+), 1: (\S+), 1\.2: (\S+)\)/.exec(
      tuned.stdout,
    ) as RegExpExecArray;
    assert.ok(told, tuned.stdout);
    const [lambda, ...losses] = told.slice(1).map(Number);
    assert.is(lambda, [0, 0.8, 1, 1.2][losses.indexOf(Math.min(...losses))]);
    const judged = await prenorm(['evaluate', 'run', '--json'], { cwd });
    assert.ok(Math.abs(JSON.parse(judged.stdout).nll - Math.min(...losses)) < 1e-3, judged.stdout);
    const again = await prenorm(['finetune', 'vit', 'digits', '--out', 'run', '--resume'], { cwd });
    assert.is(again.code, 0, again.stderr);
    const text = await prenorm(['finetune', 'vit', 'digits', '--task', 'lm', '--out', 'x'], { cwd });
    assert.is(text.code, 2);
  }));

test.run();
