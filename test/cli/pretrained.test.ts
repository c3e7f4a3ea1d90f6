/** @file Folders of Hugging Face on the command line: looked at, used, trained on, written. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { generateText } from '../../src/generate/index.js';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { decodeSafetensors, loadModel } from '../../src/io/index.js';
import { temporaryName } from '../../src/io/temporary-node.js';
import { CausalLM, MaskedLM, TextClassifier } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { fixture, read } from '../tokenizers/fixture.js';
import { command, inFolder, prenorm } from './spawn.js';

const test = suite('cli: folders of Hugging Face');
await init();
const hasPty = spawnSync('python3', ['-c', 'import pty']).status === 0;

const sizes = { dModel: 8, numHeads: 2, numLayers: 2, dFF: 12, maxSeqLen: 32 };
const smol = read(fixture('smollm2'), { chat_template: '{{ messages }}', eos_token: '<|im_end|>' });
const bert = read(fixture('bert-uncased'), { cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]' });
const lm = new CausalLM({
  ...sizes,
  vocabSize: smol.vocabSize,
  positions: 'learned',
  embeddingScale: 1,
  activation: 'geluTanh',
}).eval() as CausalLM;
const judge = new TextClassifier({
  ...sizes,
  vocabSize: bert.vocabSize,
  numClasses: 2,
  numSegments: 2,
  positions: 'learned',
  embeddingNorm: true,
  embeddingScale: 1,
  normPlacement: 'post',
  activation: 'gelu',
});

/** Writes files into a folder that is there. */
function write(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  spawnSync('mkdir', ['-p', folder]);
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
}
const lmFolder = (cwd: string): void => write(join(cwd, 'lm'), toPretrained(lm, { tokenizer: smol }));

test('info: family, sizes, memory, tokenizer, and the chat template as it is', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    const { stdout, code } = await prenorm(['info', 'lm'], { cwd });
    assert.is(code, 0);
    const parameters = lm.numParameters();
    assert.match(stdout, /^lm: gpt2, a causalLM here$/m);
    assert.match(
      stdout,
      new RegExp(`^parameters: ${String(parameters).replace(/(\d)(?=(\d{3})+$)/g, '$1,')}$`, 'm'),
    );
    assert.match(stdout, /^2 layers of width 8, 2 heads, norm placement pre, vocabulary 563, context 32$/m);
    assert.match(stdout, /^memory to run: 0\.0\d MB of weights and 0\.00 MB of keys and values/m);
    assert.match(stdout, /^memory to tune: \d+\.\d+ MB with Adam, for one row of 32 tokens$/m);
    assert.match(stdout, /^tokenizer: BPE, 563 ids$/m);
    assert.match(stdout, /chat template \(shown, never executed\):\n\{\{ messages \}\}$/m);
    const { stdout: json } = await prenorm(['info', 'lm', '--json'], { cwd });
    const facts = JSON.parse(json);
    assert.equal([facts.family, facts.kind, facts.parameters], ['gpt2', 'causalLM', parameters]);
    assert.is(facts.memory.weights, 4 * parameters);
    assert.is(facts.memory.cache, 2 * 4 * 2 * 32 * 8);
    assert.ok(facts.memory.tune > 16 * parameters);
    const { kind: _, ...sized } = facts.model;
    assert.is(new CausalLM(sized).numParameters(), parameters);
    const vit = fileURLToPath(new URL('../fixtures/pretrained/vit', import.meta.url));
    const { stdout: images } = await prenorm(['info', vit], { cwd });
    assert.match(images, /vit, a visionTransformer here/);
    assert.match(images, /MB with Adam, for one image$/m);
  });
});

test('generate: a prompt, standard input, and the same text as the library', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    const options = ['--max-new-tokens', '6', '--temperature', '0'];
    const { text } = await generateText(lm, smol, 'the end', { maxNewTokens: 6, temperature: 0 });
    const { stdout } = await prenorm(['generate', 'lm', '--prompt', 'the end', ...options], { cwd });
    assert.is(stdout, `the end${text}\n`);
    const piped = await prenorm(['generate', 'lm', ...options], { cwd, input: 'the end\n' });
    assert.is(piped.stdout, stdout);
    const empty = await prenorm(['generate', 'lm', ...options], { cwd, input: '' });
    assert.is(empty.code, 2);
    assert.match(empty.stderr, /the prompt is empty/);
    writeFileSync(join(cwd, 'lm/config.json'), '{"model_type":"mamba"}');
    const unknown = await prenorm(['generate', 'lm', '--prompt', 'a'], { cwd });
    assert.equal([unknown.code, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /model_type is "mamba"; known here are gpt2/);
  });
});

test('classify: labels of the folder, and evaluate on lines of its own', async () => {
  await inFolder(async (cwd) => {
    write(join(cwd, 'judge'), toPretrained(judge, { tokenizer: bert, labels: ['bad', 'good'] }));
    const { stdout, stderr, code } = await prenorm(['classify', 'judge'], {
      cwd,
      input: 'the end\nends the\n',
    });
    assert.is(code, 0, stderr);
    assert.match(stdout, /^(bad|good)\t0\.\d{4}\n(bad|good)\t0\.\d{4}\n$/);
    writeFileSync(join(cwd, 'own.tsv'), 'the end\tgood\nends the\tbad\n');
    const judged = await prenorm(['evaluate', 'judge', '--input', 'own.tsv'], { cwd });
    assert.is(judged.code, 0, judged.stderr);
    assert.match(judged.stdout, /accuracy/);
  });
});

test('export: folders and files that are read back to the same bits, and never over what is there', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    const at = (name: string) => join(cwd, name);
    const run = (...args: string[]) => prenorm(['export', ...args], { cwd });
    const file = await run('lm', '--to', 'prenorm', '--out', 'one.safetensors');
    assert.is(file.code, 0, file.stderr);
    const loaded = await loadModel(at('one.safetensors'), { tokenizers });
    assert.is(loaded.tokenizer?.vocabSize, smol.vocabSize);
    const sharded = await run('one.safetensors', '--to', 'hf', '--out', 'again', '--max-shard-size', '9kB');
    assert.is(sharded.code, 0, sharded.stderr);
    const names = readdirSync(at('again')).sort();
    assert.ok(names.length > 5 && names.includes('model.safetensors.index.json'), names.join());
    assert.ok(names.includes('tokenizer.json') && names.includes('tokenizer_config.json'));
    const { model, tokenizer } = await fromPretrained(at('again'), { tokenizers });
    for (const [name, { data }] of lm.stateDict())
      assert.equal(model.stateDict().get(name)?.data, data, name);
    assert.equal([tokenizer?.eosId, tokenizer?.chatTemplate], [smol.eosId, smol.chatTemplate]);
    const refused = await run('one.safetensors', '--to', 'hf', '--out', 'again');
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /again: the folder is there already \(give another name, or --force/);
    assert.equal(readdirSync(at('again')).sort(), names);
    assert.is((await run('one.safetensors', '--to', 'hf', '--out', 'again', '--force')).code, 0);
    assert.equal(readdirSync(at('again')).sort(), [
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    writeFileSync(at('again/notes.txt'), 'mine');
    const kept = await run('one.safetensors', '--to', 'hf', '--out', 'again', '--force');
    assert.match(kept.stderr, /the folder has notes\.txt, which no export has written/);
    const torch = await run('lm', '--to', 'torch', '--out', 'torch.safetensors');
    assert.is(torch.code, 0, torch.stderr);
    assert.match(
      torch.stderr,
      /left out, .* have none of it: embedding\.tokens\.weight, embedding\.positions\.weight; --to/,
    );
    const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(at('torch.safetensors'))));
    assert.ok(tensors.size > 10);
    assert.match(
      (await run('lm', '--to', 'torch', '--out', 'torch.safetensors')).stderr,
      /already .*--force/,
    );
    assert.match(
      (await run('lm', '--to', 'torch', '--out', 'x', '--max-shard-size', '1MB')).stderr,
      /--max-shard-size: --to torch writes one file/,
    );
    assert.match(
      (await run('lm', '--to', 'hf', '--out', 'x', '--max-shard-size', '-1')).stderr,
      /must be a size/,
    );
    assert.match((await run('lm', '--out', 'x')).stderr, /--to/);
    const leftovers = readdirSync(cwd).filter((name) => name.startsWith('.'));
    assert.equal([leftovers, existsSync(at('x'))], [[], false]);
  });
});

test('export: no folder but its own is ever replaced', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    const at = (name: string) => join(cwd, name);
    const run = (...args: string[]) =>
      prenorm(['export', at('lm'), '--to', 'hf', ...args], { cwd: at('here') });
    mkdirSync(at('here/below'), { recursive: true });
    writeFileSync(at('here/notes.txt'), 'mine');
    writeFileSync(at('plain'), '');
    symlinkSync(at('nowhere'), at('dangling'));
    mkdirSync(at('real'));
    symlinkSync(at('real'), at('link'));
    const refusals: [out: string, message: RegExp][] = [
      ['', /--out is empty/],
      ['.', /the folder that the command runs in/],
      ['..', /one around it/],
      ['../plain', /there is a file of this name/],
      ['../plain/x', /cannot create the folder/],
      ['../dangling', /there is a file of this name/],
    ];
    for (const [out, message] of refusals)
      for (const force of [[], ['--force']]) {
        const { code, stderr } = await run('--out', out, ...force);
        assert.is(code, 2, `${out}: ${stderr}`);
        assert.match(stderr, message, out);
        assert.is(stderr.trim().split('\n').length, 1, stderr);
      }
    assert.equal(readdirSync(at('here')).sort(), ['below', 'notes.txt']);
    assert.equal(readdirSync(cwd).sort(), ['dangling', 'here', 'link', 'lm', 'plain', 'real']);
    for (const force of [[], ['--force']]) assert.is((await run('--out', '../link', ...force)).code, 0);
    assert.ok(lstatSync(at('link')).isSymbolicLink());
    assert.ok(readdirSync(at('real')).includes('model.safetensors'));
    assert.is(statSync(at('real')).mode & 0o777, 0o777 & ~process.umask());
    assert.equal(
      readdirSync(cwd).filter((name) => name.startsWith('.')),
      [],
    );
  });
});

test('export: what a killed one has left is put right by the next', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    const at = (name: string) => join(cwd, name);
    const run = (...args: string[]) =>
      prenorm(['export', 'lm', '--to', 'hf', '--out', 'hf', ...args], { cwd });
    assert.is((await run()).code, 0);
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const made = temporaryName(at('hf')).replace(`-${process.pid}-`, `-${dead}-`);
    // Between its two renames: the old folder has given up its place, the new one has not taken it.
    renameSync(at('hf'), `${made}.old`);
    mkdirSync(made);
    writeFileSync(join(made, 'model.safetensors'), 'half');
    const refused = await run();
    assert.match(refused.stderr, 'the folder is there already');
    assert.ok(readdirSync(at('hf')).includes('config.json'), 'the folder of before is back');
    assert.is((await run('--force')).code, 0);
    assert.equal(readdirSync(cwd).sort(), ['hf', 'lm']);
    // Behind the second: the new one has taken it.
    mkdirSync(`${made}.old`);
    writeFileSync(join(`${made}.old`, 'config.json'), '{}');
    assert.is((await run('--force')).code, 0);
    assert.equal(readdirSync(cwd).sort(), ['hf', 'lm']);
  });
});

test('train: from the weights and the tokenizer of a folder, with the options that it has', async () => {
  await inFolder(async (cwd) => {
    lmFolder(cwd);
    writeFileSync(join(cwd, 'a.txt'), 'the quick end of the story, and the quick end of it. '.repeat(60));
    const recipe = {
      model: { kind: 'causalLM', dropout: 0 },
      weights: 'lm',
      data: { kind: 'text', source: 'a.txt', seqLen: 16, batchSize: 2 },
      tokenizer: { kind: 'saved', path: 'lm' },
      optimizer: { kind: 'adam', lr: 0.01 },
      steps: 3,
    };
    writeFileSync(join(cwd, 'tune.json'), JSON.stringify(recipe));
    const done = await prenorm(['train', 'tune.json', '--out', 'run'], { cwd });
    assert.is(done.code, 0, done.stderr);
    const { model, tokenizer } = await loadModel(join(cwd, 'run'), { tokenizers });
    assert.is(tokenizer?.vocabSize, smol.vocabSize);
    assert.is((model.config as { positions?: string }).positions, 'learned');
    const before = lm.stateDict().get('embedding.positions.weight')?.data as Float32Array;
    const after = model.stateDict().get('embedding.positions.weight')?.data as Float32Array;
    const far = Math.max(...after.map((value, i) => Math.abs(value - before[i])));
    assert.ok(far > 0 && far < 0.05, `moved by ${far}`);
    const back = await prenorm(['export', 'run', '--to', 'hf', '--out', 'tuned'], { cwd });
    assert.is(back.code, 0, back.stderr);
    const said = await prenorm(['generate', 'tuned', '--prompt', 'the', '--max-new-tokens', '3'], { cwd });
    assert.is(said.code, 0, said.stderr);
  });
});

test('train: masked texts go on from a BERT with its own tokenizer, and another without a mask is refused', async () => {
  await inFolder(async (cwd) => {
    const roles = { cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]' };
    const words = read(fixture('bert-uncased'), { ...roles, mask_token: '[MASK]' });
    const {
      numClasses: _,
      multiLabel: __,
      classWeights: ___,
      pooling: ____,
      causal: _____,
      ...config
    } = judge.config;
    // A vocabulary is often padded: ids that the tokenizer does not have.
    const vocabSize = words.vocabSize + 3;
    const masked = new MaskedLM({ ...config, vocabSize, nextSentence: true });
    write(join(cwd, 'bert'), toPretrained(masked, { tokenizer: words }));
    const story = Array.from(
      { length: 60 },
      (_, i) => `the end of the quick story ${i % 20 === 19 ? '\n' : ''}`,
    );
    writeFileSync(join(cwd, 'a.txt'), `${story.join('\n')}\n`);
    const recipe = {
      model: { kind: 'maskedLM', dropout: 0 },
      weights: 'bert',
      data: { kind: 'masked', source: 'a.txt', batchSize: 2 },
      tokenizer: { kind: 'saved', path: 'bert' },
      optimizer: { kind: 'adam', lr: 0.01 },
      steps: 3,
    };
    writeFileSync(join(cwd, 'tune.json'), JSON.stringify(recipe));
    const done = await prenorm(['train', 'tune.json', '--out', 'run'], { cwd });
    assert.is(done.code, 0, done.stderr);
    const back = await prenorm(['export', 'run', '--to', 'hf', '--out', 'tuned'], { cwd });
    assert.is(back.code, 0, back.stderr);
    const { model, tokenizer } = await fromPretrained(join(cwd, 'tuned'), { tokenizers });
    assert.instance(model, MaskedLM);
    assert.equal([tokenizer?.maskId, (model as MaskedLM).config.vocabSize], [words.maskId, vocabSize]);
    const judged = await prenorm(['evaluate', 'run'], { cwd });
    assert.is(judged.code, 0, judged.stderr);
    write(join(cwd, 'bert'), toPretrained(masked, { tokenizer: bert }));
    const refused = await prenorm(['train', 'tune.json', '--out', 'other'], { cwd });
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /the tokenizer has no token to mask with \(take that of a BERT/);
  });
});

/** Types a line, Ctrl-C while it is answered, twice; then Ctrl-D. Prints what was seen, and fails where nothing comes. */
const TALK = `
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
def until(done):
    global seen
    end = time.time() + 60
    while not done():
        if time.time() > end: sys.exit('nothing came: ' + repr(seen))
        if not select.select([terminal], [], [], 1)[0]: continue
        try: got = os.read(terminal, 65536)
        except OSError: return
        if not got: return
        seen += got
PROMPT = b'\\x1b[0J> '
until(lambda: seen.count(PROMPT) == 1)
for turn, line in enumerate([b'the end', b'of it']):
    before = len(seen)
    os.write(terminal, line + b'\\r')
    until(lambda: len(seen) > before + 100)
    os.write(terminal, b'\\x03')
    until(lambda: seen.count(PROMPT) == turn + 2)
os.write(terminal, b'\\x04')
until(lambda: False)
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

(hasPty ? test : test.skip)('generate in a terminal is a conversation; Ctrl-C stops an answer', async () => {
  await inFolder((cwd) => {
    lmFolder(cwd);
    const args = [...command, 'generate', 'lm', '--max-new-tokens', '1000000'];
    const done = spawnSync('python3', ['-c', TALK, process.execPath, ...args], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, TERM: 'xterm' },
    });
    assert.is(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /what you type is continued; Ctrl-C stops an answer, Ctrl-D ends/);
    assert.match(done.stdout, /> .*the end\r\r?\n[\s\S]+> .*of it\r\r?\n[\s\S]+> /);
  });
});

test.run();
