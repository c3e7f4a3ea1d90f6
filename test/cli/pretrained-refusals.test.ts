/** @file Folders of Hugging Face that a command cannot use, and an export that is killed: what a user is told, and what is left. */
import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classify } from '../../src/cli/classify.js';
import { EXIT, reportError } from '../../src/cli/errors.js';
import { evaluate } from '../../src/cli/evaluate.js';
import { exportModel } from '../../src/cli/export.js';
import { info } from '../../src/cli/info.js';
import { noModel } from '../../src/cli/pretrained-folder.js';
import { train } from '../../src/cli/train.js';
import { generate } from '../../src/cli/use-run.js';
import { PrenormError } from '../../src/errors.js';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { command, prenorm } from './spawn.js';

const test = suite('cli: folders of Hugging Face that are refused');
await init();

const simd = 'strict' as const;
const scratch = mkdtempSync(join(tmpdir(), 'prenorm-refused-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));
const fixtures = fileURLToPath(new URL('../fixtures/pretrained/', import.meta.url));

/** A folder with these files; null copies the fixture's of GPT-2. */
function folder(name: string, files: Record<string, string | Uint8Array | null>): string {
  const at = join(scratch, name);
  mkdirSync(at);
  for (const [file, content] of Object.entries(files)) {
    if (content === null) copyFileSync(join(fixtures, 'gpt2', file), join(at, file));
    else writeFileSync(join(at, file), content);
  }
  return at;
}

/** The one line that a command ends with. */
async function said(run: () => Promise<number>): Promise<string> {
  let written = '';
  const { write } = process.stderr;
  process.stderr.write = ((chunk: string) => {
    written += chunk;
    return true;
  }) as typeof write;
  const code = await run()
    .catch(reportError)
    .finally(() => {
      process.stderr.write = write;
    });
  assert.is(code, EXIT.usage, written);
  assert.match(written, /^prenorm: .*\n$/);
  return written;
}

const all = (path: string): Record<string, () => Promise<number>> => ({
  info: () => info(path, { simd }),
  generate: () => generate(path, { simd, prompt: 'a', length: 3 }),
  classify: () => classify(path, { simd, input: join(fixtures, 'gpt2/config.json') }),
  evaluate: () => evaluate(path, { simd }),
  export: () => exportModel(path, { simd, to: 'prenorm', out: join(scratch, 'never.safetensors') }),
});

test('what is no model: every command says what is there, and what to give', async () => {
  const config = 'config.json';
  const weights = 'model.safetensors';
  const cases: [at: string, says: RegExp][] = [
    [
      folder('gguf', { 'm.gguf': 'GGUF' }),
      /gguf\/m\.gguf: a GGUF file, .*fetch the folder of the original model/,
    ],
    [
      folder('pickle', { 'pytorch_model.bin': 'x' }),
      /pytorch_model\.bin: a pickle .*write it as model\.safetensors/,
    ],
    [
      folder('empty', {}),
      /empty: there is no config\.json in it, so it is neither a run nor a folder of Hugging Face \(it is empty; give/,
    ],
    [
      folder('bare', { [weights]: null }),
      /bare: there is no config\.json in it.*it has "model\.safetensors"; give .*a folder with config\.json and \*\.safetensors/,
    ],
    [
      folder('list', { [config]: '[]', [weights]: null }),
      /list\/config\.json: it has no model_type.*it has "a list"/,
    ],
    [
      folder('null', { [config]: 'null', [weights]: null }),
      /null\/config\.json: it has no model_type.*it has "null"/,
    ],
    [
      folder('typeless', { [config]: '{"n_embd":12}', [weights]: null }),
      /typeless\/config\.json: it has no model_type, as a folder of Hugging Face has, and no recipe, .*it has "n_embd"/,
    ],
    [
      folder('number', { [config]: '{"model_type":5}', [weights]: null }),
      /number\/config\.json: model_type is 5; known here are gpt2/,
    ],
    [folder('alone', { [config]: null }), /alone: there is no model\.safetensors/],
    [
      folder('halves', { [config]: null, 'pytorch_model.bin': 'x' }),
      /a pickle .*write it as model\.safetensors/,
    ],
    [join(scratch, 'gguf/m.gguf'), /m\.gguf: a GGUF file/],
    [
      join(fixtures, 'gpt2/model.safetensors'),
      /this is a file of a folder of Hugging Face \(give the folder, .*gpt2\)/,
    ],
    [join(scratch, 'nothing'), /nothing: there is no such file or folder \(give .*a folder of Hugging Face/],
  ];
  for (const [at, says] of cases)
    for (const [name, run] of Object.entries(all(at))) assert.match(await said(run), says, `${name} ${at}`);
  const recipe = {
    model: { kind: 'causalLM' },
    data: { kind: 'text', text: 'to be or not to be '.repeat(40), seqLen: 8, batchSize: 2 },
    optimizer: { kind: 'adam', lr: 0.01 },
    steps: 1,
  };
  for (const [weightsFrom, says] of [
    ['gguf', /m\.gguf: a GGUF file/],
    ['gguf/m.gguf', /m\.gguf: a GGUF file/],
    ['empty', /neither a run nor a folder of Hugging Face/],
    ['typeless', /it has no model_type/],
  ] as const) {
    writeFileSync(join(scratch, 'tune.json'), JSON.stringify({ ...recipe, weights: weightsFrom }));
    const out = join(scratch, 'out');
    assert.match(await said(() => train(join(scratch, 'tune.json'), { simd, out })), says);
    assert.is(existsSync(out), false);
  }
});

test('a pipe and a link to itself in the place of config.json are named, and nothing waits for them', async () => {
  const piped = folder('piped', { 'model.safetensors': null });
  execFileSync('mkfifo', [join(piped, 'config.json')]);
  const looped = folder('looped', { 'model.safetensors': null });
  symlinkSync('config.json', join(looped, 'config.json'));
  for (const [at, says] of [
    [piped, /piped\/config\.json: it is a pipe, not a file \(put config\.json itself into the folder\)/],
    [
      looped,
      /looped\/config\.json: it is listed in its folder and cannot be reached \(put the file itself in the place of a link/,
    ],
  ] as const)
    for (const [name, run] of Object.entries(all(at))) assert.match(await said(run), says, name);
  // As for a folder without permission, which there is not for who runs as root.
  const error = noModel(join(looped, 'model.safetensors'));
  assert.instance(error, PrenormError);
  assert.match(error.message, /cannot read the folder: a part of the path is a file/);
});

test('a tensor that is missing, and one of no numbers, are named by every command', async () => {
  const tensors = () =>
    decodeSafetensors(new Uint8Array(readFileSync(join(fixtures, 'gpt2/model.safetensors')))).tensors;
  const lacking = tensors();
  lacking.delete('transformer.h.1.ln_2.bias');
  const broken = tensors();
  (broken.get('transformer.h.1.ln_2.bias')?.data as Float32Array)[3] = Number.NaN;
  const cases: [at: string, says: RegExp][] = [
    [
      folder('lacking', { 'config.json': null, 'model.safetensors': encodeSafetensors(lacking) }),
      /lacking: missing transformer\.h\.1\.ln_2\.bias \(config\.json asks for what no file of weights has/,
    ],
    [
      folder('broken', { 'config.json': null, 'model.safetensors': encodeSafetensors(broken) }),
      /broken\/model\.safetensors: transformer\.h\.1\.ln_2\.bias has NaN as its value 3, so the model computes nothing/,
    ],
  ];
  for (const [at, says] of cases)
    for (const [name, run] of Object.entries(all(at))) assert.match(await said(run), says, name);
});

test('without a tokenizer texts are of no use, and the folder is told where to have one', async () => {
  const judge = join(fixtures, 'bert-classifier');
  const lines = join(scratch, 'lines.tsv');
  writeFileSync(lines, 'one text\tLABEL_0\n');
  const hint = /\(put the tokenizer\.json of the model, or its vocab\.txt, into the folder\)/;
  for (const [run, says] of [
    [
      () => classify(judge, { simd, input: lines }),
      /bert-classifier: there is no tokenizer, so texts cannot be classified/,
    ],
    [
      () => generate(join(fixtures, 'gpt2'), { simd, prompt: 'a', length: 2 }),
      /gpt2: there is no tokenizer, so a text cannot be continued/,
    ],
  ] as const) {
    const line = await said(run);
    assert.match(line, says);
    assert.match(line, hint);
  }
  const judged = await said(() => evaluate(judge, { simd, input: lines }));
  assert.match(judged, /bert-classifier: there is no tokenizer, so a file of texts cannot judge it/);
  assert.match(judged, hint);
  assert.match(
    await said(() => evaluate(judge, { simd })),
    /a folder of Hugging Face does not say which data it was trained on \(give a file of your own with --input/,
  );
});

test('names of classes that stand twice: info, export and the file that is read back agree', async () => {
  const at = join(scratch, 'cranes');
  cpSync(join(fixtures, 'vit'), at, { recursive: true });
  const config = JSON.parse(readFileSync(join(at, 'config.json'), 'utf8'));
  config.id2label = { 0: 'crane', 1: 'crane', 2: 'c', 3: 'd', 4: 'e' };
  writeFileSync(join(at, 'config.json'), JSON.stringify(config));
  const out = join(scratch, 'cranes.safetensors');
  const labels = async (path: string) => JSON.parse((await prenorm(['info', path, '--json'])).stdout).labels;
  assert.equal(await labels(at), ['crane', 'crane (1)', 'c', 'd', 'e']);
  const { code, stderr } = await prenorm(['export', at, '--to', 'prenorm', '--out', out]);
  assert.is(code, 0, stderr);
  assert.equal(await labels(out), await labels(at));
});

test('an export that is killed leaves the whole folder of before, a whole new one, or none', async () => {
  const sizes = { vocabSize: 400, dModel: 96, numHeads: 4, numLayers: 6, maxSeqLen: 64 };
  const model = (seed: number) => new CausalLM({ ...sizes, positions: 'learned', embeddingScale: 1, seed });
  const write = (at: string, seed: number) => {
    mkdirSync(at);
    for (const [name, bytes] of toPretrained(model(seed))) writeFileSync(join(at, name), bytes);
  };
  const [from, out] = [join(scratch, 'from'), join(scratch, 'killed')];
  write(from, 1);
  const values = async (at: string) =>
    (await fromPretrained(at)).model.stateDict().get('embedding.tokens.weight')?.data[0] as number;
  const [before, after] = [model(2), model(1)].map((one) => one.parameters()[0].toArray()[0]);
  const args = [
    ...command,
    'export',
    from,
    '--to',
    'hf',
    '--out',
    out,
    '--force',
    '--max-shard-size',
    '50kB',
  ];
  const run = () => spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = (child: ReturnType<typeof run>) =>
    new Promise<void>((done) => child.on('close', () => done()));
  let killed = 0;
  const leftovers = () => readdirSync(scratch).filter((name) => name.startsWith('.killed.'));
  for (const wait of [0, 3, 10, 30, 60]) {
    rmSync(out, { recursive: true, force: true });
    write(out, 2);
    const child = run();
    const end = ended(child);
    // Until it writes, and then a moment more.
    while (leftovers().length === 0 && child.exitCode === null) await setTimeout(2);
    await setTimeout(wait);
    if (child.kill('SIGKILL')) killed++;
    await end;
    if (existsSync(out)) assert.ok([before, after].includes(await values(out)), `after ${wait} ms`);
    for (const name of leftovers()) {
      // Whoever gives it to a command is told that it is not whole, or has a whole model.
      const at = join(scratch, name);
      const outcome = await values(at).catch((error) => error.code);
      assert.ok([before, after, 'FORMAT'].includes(outcome), `${name}: ${outcome}`);
      rmSync(at, { recursive: true });
    }
  }
  assert.ok(killed > 0, 'one was killed at least');
});

test.run();
