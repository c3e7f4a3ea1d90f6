/** Signals in commands that do not train: real processes, real signals, how they end and what they leave. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lm, writeCorpus } from './corpus.js';
import { command, inFolder, prenorm } from './spawn.js';

const test = suite('cli: signals elsewhere');

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof SIGNALS;
const signals = Object.keys(SIGNALS) as Signal[];

/** Sends signals to a command at a moment, one after the other; what it has ended by, and how long that took. */
async function killed(
  cwd: string,
  args: readonly string[],
  when: number | RegExp,
  sent: readonly NodeJS.Signals[],
) {
  const child = spawn(process.execPath, [...command, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const end = new Promise<number | NodeJS.Signals | null>((done) =>
    child.on('close', (code, signal) => done(signal ?? code)),
  );
  const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
  if (typeof when === 'number') await wait(when);
  else while (child.exitCode === null && !when.test(stderr)) await wait(10);
  const children = childrenOf(child.pid as number);
  const begun = performance.now();
  for (const signal of sent) {
    child.kill(signal);
    await wait(20);
  }
  const outcome = await end;
  return { outcome, ms: performance.now() - begun, stdout, stderr, children };
}

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number) : [];
}

/** Much shorter than what is interrupted takes, and enough for a busy machine. */
const SOON_MS = 3000;

test('what saves nothing ends at once by the signal itself, and leaves no file', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    writeFileSync(join(cwd, 'labels.tsv'), 'good\tgood\nbad\tbad\n'.repeat(30));
    const gpt2 = { positions: 'learned', embeddingScale: 1, activation: 'geluTanh' };
    writeFileSync(join(cwd, 'gpt2.json'), JSON.stringify({ ...lm, model: { ...lm.model, ...gpt2 } }));
    writeFileSync(
      join(cwd, 'labels.json'),
      JSON.stringify({
        model: { kind: 'textClassifier', dModel: 16, numHeads: 2, numLayers: 1, pooling: 'mean' },
        data: { kind: 'labelledTexts', source: 'labels.tsv' },
        tokenizer: { kind: 'bpe', vocabSize: 270 },
        optimizer: { kind: 'adam', lr: 0.01 },
        steps: 2,
      }),
    );
    for (const [recipe, out] of [
      ['lm.json', 'lm'],
      ['gpt2.json', 'gpt2'],
      ['translation.json', 'pairs'],
      ['labels.json', 'labels'],
    ]) {
      const { code, stderr } = await prenorm(['train', recipe, '--out', out], { cwd });
      assert.is(code, 0, stderr);
    }
    writeFileSync(join(cwd, 'long.txt'), 'the quick brown fox jumps over the lazy dog\n'.repeat(60_000));
    writeFileSync(join(cwd, 'words.txt'), 'good\n'.repeat(1_000_000));
    writeFileSync(join(cwd, 'sentences.txt'), 'ein Satz\n'.repeat(20_000));
    const there = readdirSync(cwd).sort();
    const commands: string[][] = [
      ['evaluate', 'lm', '--input', 'long.txt'],
      // The likeliest goes round in circles, and never ends.
      ['generate', 'lm', '--prompt', 'the', '--length', '1000000', '--top-k', '1'],
      ['generate', 'lm'], // which waits for its prompt
      ['translate', 'pairs', '--input', 'sentences.txt'],
      ['classify', 'labels', '--input', 'words.txt'],
    ];
    for (const [at, args] of commands.entries()) {
      const signal = signals[at % signals.length];
      const { outcome, ms, stdout } = await killed(cwd, args, 1500, [signal]);
      assert.is(outcome, signal, args.join(' '));
      assert.ok(ms < SOON_MS, `${args[0]}: ${ms} ms`);
      assert.is(stdout, '', args.join(' '));
    }
    assert.equal(readdirSync(cwd).sort(), there);
    // Short ones, at moments all over them: nothing, or all of it.
    await prenorm(['train', 'lm.json', '--out', 'other', '--seed', '5'], { cwd });
    for (const args of [
      ['compare', 'lm', 'other', '--out', 'page.html'],
      ['report', join(import.meta.dirname, '../../docs/results/quick.json'), '--out', 'page.html'],
      ['export', 'gpt2', '--to', 'hf', '--out', 'hf', '--force'],
      ['info', 'lm'],
    ]) {
      for (let i = 0; i < 9; i++) {
        const signal = signals[i % signals.length];
        const { outcome, stdout } = await killed(cwd, args, 60 * (i + 1), [signal]);
        assert.ok(outcome === signal || outcome === 0, `${args[0]}: ${outcome}`);
        assert.ok(outcome === signal || stdout !== '', args[0]);
        const page = join(cwd, 'page.html');
        if (existsSync(page)) assert.match(readFileSync(page, 'utf8'), /<\/html>\n?$/);
        if (existsSync(join(cwd, 'hf'))) assert.is(readdirSync(join(cwd, 'hf')).length, 4);
      }
    }
  }));

test('verify stops between two steps of a run, by the code of its signal; a second one ends it', () =>
  inFolder(async (cwd) => {
    const file = join(import.meta.dirname, '../../docs/results/quick.json');
    const row = JSON.parse(readFileSync(file, 'utf8')).runs.find(
      ({ config }: { config: { kind: string } }) => config.kind === 'translation',
    ).id;
    for (const [signal, code] of Object.entries(SIGNALS) as [Signal, number][]) {
      const { outcome, ms, stdout, stderr } = await killed(cwd, ['verify', file, '--row', row], /step \d/, [
        signal,
      ]);
      assert.is(outcome, code, stderr);
      assert.ok(ms < SOON_MS, `${ms} ms`);
      assert.match(stderr, /stopping; .*\n(?:.*\n)*prenorm: interrupted\n$/);
      assert.is(stdout, '');
    }
    const twice = await killed(cwd, ['verify', file, '--row', row], /step \d/, ['SIGINT', 'SIGTERM']);
    assert.ok(twice.outcome === 130 || twice.outcome === 143, String(twice.outcome));
  }));

test('reproduce keeps what is finished, by the code of its signal; its processes end with it, however it ends', () =>
  inFolder(async (cwd) => {
    const ids = ['gradients-toy-post', 'gradients-toy-pre'];
    for (const signal of [...signals, 'SIGKILL'] as const) {
      const args = ['reproduce', '--out', signal, '--processes', '2', '--only', ...ids];
      const { outcome, children } = await killed(cwd, args, /step \d/, [signal]);
      assert.is(outcome, signal === 'SIGKILL' ? signal : SIGNALS[signal]);
      if (process.platform === 'linux') assert.is(children.length, 2);
      const alive = () => children.filter((pid) => existsSync(`/proc/${pid}`) && !isZombie(pid));
      for (let waited = 0; alive().length > 0 && waited < SOON_MS; waited += 50)
        await new Promise((done) => setTimeout(done, 50));
      assert.equal(alive(), [], `${signal}: processes compute for nobody`);
      assert.not.ok(existsSync(join(cwd, signal, 'results.json')));
    }
  }));

const isZombie = (pid: number): boolean => {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
};

test.run();
