/** Progress: what never goes from a line, whatever the columns; lines where there is no terminal; bars on a terminal. */
import { EventEmitter } from 'node:events';
import stringWidth from 'string-width';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { progressBars } from '../../src/cli/progress.js';
import {
  formatRate,
  Pace,
  type ProgressState,
  plainLine,
  progressLine,
  timeLeft,
} from '../../src/cli/progress-line.js';
import { columnsOf, hasColor, hasCursor } from '../../src/terminal/output.js';
import { writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: progress');

const state = (over: Partial<ProgressState> = {}): ProgressState => ({
  label: 'german-english-peri-ln-warmup-0.002',
  unit: 'step',
  done: 1200,
  total: 60000,
  rate: 12.34,
  measured: ['loss 3.214', 'valid 3.300'],
  ...over,
});

test('loss, step and time left stand in every line from 120 columns to 40', () => {
  const states = [
    state(),
    state({ label: '日本語の本と日本語の辞書を読む長い名前', measured: ['loss 3.214'] }),
    state({ label: 'a' }),
    state({ label: '' }),
    state({
      done: 1234567,
      total: 9999999,
      rate: 3,
      measured: ['loss 12.345', 'valid 12.300', 'macroF1 0.512'],
    }),
    state({ rate: Number.NaN }),
    state({ rate: 0.01, done: 59999 }),
    state({ label: '👩‍🔬👩‍🔬 étude e\u0301te\u0301' }),
  ];
  for (const one of states) {
    for (let columns = 40; columns <= 120; columns++) {
      const line = progressLine(one, columns);
      assert.ok(stringWidth(line) <= columns, `${columns}: ${stringWidth(line)}: ${line}`);
      for (const part of [`${one.done}/${one.total}`, one.measured[0], timeLeft(one)]) {
        assert.ok(line.includes(part), `${columns}: no "${part}" in: ${line}`);
      }
    }
  }
});

test('parts go in the order that is stated, and come back in the other', () => {
  const has = (columns: number) => {
    const line = progressLine(state(), columns);
    return {
      label: /german-english-peri-ln-warmup-0\.002/.test(line),
      shortLabel: /^ger\S*…/.test(line),
      bar: /[█░]/.test(line),
      rate: line.includes('12/s'),
      valid: line.includes('valid 3.300'),
    };
  };
  const seen = Array.from({ length: 81 }, (_, i) => has(120 - i));
  const last = (key: keyof (typeof seen)[0]) => seen.map((one) => one[key]).lastIndexOf(true);
  assert.ok(seen[0].label && seen[0].bar && seen[0].rate && seen[0].valid);
  assert.ok(last('label') < last('bar'), 'the label is shortened before the bar goes');
  assert.ok(last('bar') < last('rate'), 'the bar goes before the rate');
  assert.ok(last('rate') < last('valid'), 'the rate goes before what is measured beside the loss');
  assert.ok(last('valid') < last('shortLabel'), 'the label goes last');
});

test('below 40 columns a line is cut, never wrapped', () => {
  for (let columns = 1; columns < 40; columns++) {
    const line = progressLine(state(), columns);
    assert.ok(stringWidth(line) <= columns, `${columns}: ${line}`);
  }
});

test('times and rates are short and say their units', () => {
  const left = (seconds: number) => timeLeft({ ...state(), done: 0, total: seconds, rate: 1 });
  assert.equal([9, 60, 754, 3600, 11520, 187200].map(left), [
    '9s left',
    '1m00s left',
    '12m34s left',
    '1h00m left',
    '3h12m left',
    '2d04h left',
  ]);
  assert.is(timeLeft(state({ rate: 0 })), '? left');
  assert.is(timeLeft(state({ done: 60000 })), '0s left');
  assert.equal([123.4, 1.25, 0.25, 0, Number.NaN].map(formatRate), ['123/s', '1.3/s', '4.0s each', '', '']);
});

test('the rate is that of the last half minute, and not of steps done before', () => {
  let now = 0;
  const pace = new Pace(1000, () => now);
  assert.ok(Number.isNaN(pace.at(1000)));
  now = 1;
  assert.ok(Number.isNaN(pace.at(1001)), 'a thousand a second, from one millisecond');
  for (let i = 1; i <= 60; i++) {
    now = i * 1000;
    assert.is(Math.round(pace.at(1000 + i * 10)), 10);
  }
  for (let i = 1; i <= 60; i++) {
    now = 60_000 + i * 1000;
    pace.at(1600 + i);
  }
  assert.is(Math.round(pace.at(1660)), 1);
});

/** A terminal of so many columns that keeps what is written. */
function fakeTerminal(columns: number) {
  const stream = Object.assign(new EventEmitter(), {
    isTTY: true,
    columns,
    written: '',
    write(text: string) {
      stream.written += text;
      return true;
    },
  });
  return stream;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const plain = (text: string) => text.replace(/\u001b\[\??\d*[A-Za-z]/g, '\n');

test('bars follow the terminal when it is resized, and what was logged last is written', async () => {
  const stream = fakeTerminal(100);
  const bars = progressBars({ stream: stream as unknown as NodeJS.WriteStream });
  const bar = bars.add('a-run-with-quite-a-long-name-of-its-own', 600);
  const pause = () => new Promise((done) => setTimeout(done, 150));
  for (const columns of [100, 60, 40, 120]) {
    stream.columns = columns;
    stream.written = '';
    stream.emit('resize');
    bar.update(columns, 'loss 3.214, valid 3.300');
    await pause();
    const lines = plain(stream.written)
      .split('\n')
      .filter((line) => line.includes(`${columns}/600`));
    assert.ok(lines.length > 0, `nothing drawn at ${columns}`);
    for (const line of lines) {
      assert.ok(stringWidth(line) < columns, `${columns}: ${line}`);
      assert.match(line, /loss 3\.214/);
      assert.match(line, / left$/);
    }
  }
  stream.columns = 40;
  bars.log('step 500: loss 2.2524, valid NLL 2.3332 (best so far)');
  bars.log('step 600: the last words');
  bar.stop();
  bars.stop();
  assert.match(stream.written, 'step 500: loss 2.2524, valid NLL 2.3332\n  (best so far)\n');
  assert.match(stream.written, 'step 600: the last words\n');
  assert.is(stream.listenerCount('resize'), 0);
});

test('without a terminal, or on a dumb one, the first line comes at once and the last always', () => {
  const stream = fakeTerminal(80);
  stream.isTTY = false;
  const bars = progressBars({ stream: stream as unknown as NodeJS.WriteStream });
  const bar = bars.add('run', 500);
  for (let step = 1; step <= 321; step++) bar.update(step, 'loss 3.000, valid 3.100');
  bar.stop();
  const lines = stream.written.trimEnd().split('\n');
  assert.is(lines.length, 2);
  assert.match(lines[0], /^run: step 1\/500, loss 3\.000, valid 3\.100, .*left$/);
  assert.match(lines[1], /^run: step 321\/500, loss 3\.000, valid 3\.100, .*left$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what must not be there
  assert.not.match(stream.written, /\u001b/);
});

test('a line every n steps where that is asked for, and none when progress is quiet', () => {
  const linesOf = (options: { quiet?: boolean; logEvery?: number }) => {
    const stream = fakeTerminal(80);
    stream.isTTY = false;
    const bar = progressBars({ ...options, stream: stream as unknown as NodeJS.WriteStream }).add(
      'run',
      10,
      2,
    );
    for (let step = 3; step <= 10; step++) bar.update(step, 'loss 1.000');
    bar.stop();
    return [...stream.written.matchAll(/step (\d+)\/10/g)].map(([, step]) => Number(step));
  };
  assert.equal(linesOf({ logEvery: 4 }), [3, 4, 8, 10]);
  assert.equal(linesOf({ quiet: true, logEvery: 5 }), [3, 5, 10]);
  assert.equal(linesOf({ quiet: true }), []);
});

test('colours and cursor: NO_COLOR, FORCE_COLOR, TERM=dumb', () => {
  const tty = { isTTY: true, columns: 60 };
  const pipe = {};
  assert.is(hasColor(tty, {}), true);
  assert.is(hasColor(pipe, {}), false);
  assert.is(hasColor(tty, { NO_COLOR: '1' }), false);
  assert.is(hasColor(tty, { NO_COLOR: '' }), true);
  assert.is(hasColor(pipe, { FORCE_COLOR: '1' }), true);
  assert.is(hasColor(tty, { FORCE_COLOR: '0' }), false);
  assert.is(hasColor(tty, { NO_COLOR: '1', FORCE_COLOR: '1' }), false);
  assert.is(hasColor(tty, { TERM: 'dumb' }), false);
  assert.equal([hasCursor(tty, {}), hasCursor(tty, { NO_COLOR: '1' })], [true, true]);
  assert.equal([hasCursor(tty, { TERM: 'dumb' }), hasCursor(pipe, { FORCE_COLOR: '1' })], [false, false]);
  assert.equal([tty, pipe, { isTTY: true }, { columns: 30 }].map(columnsOf), [60, Infinity, 80, Infinity]);
});

test('train tells its steps without a terminal, and each one that --log-every asks for', async () => {
  await inFolder(async (cwd) => {
    writeCorpus(cwd);
    const usual = await prenorm(['train', 'lm.json', '--out', 'a'], { cwd });
    assert.match(usual.stderr, /^a: step 1\/4, loss \d\.\d{3}/m);
    assert.match(usual.stderr, /^a: step 4\/4, loss .*0s left$/m);
    const json = await prenorm(['train', 'lm.json', '--out', 'b', '--json'], { cwd });
    assert.is(json.stderr, '');
    const asked = await prenorm(['train', 'lm.json', '--out', 'c', '--json', '--log-every', '2'], { cwd });
    assert.equal(
      [...asked.stderr.matchAll(/step (\d)\/4/g)].map(([, step]) => step),
      ['1', '2', '4'],
    );
    JSON.parse(asked.stdout);
    for (const bad of ['0', '1.5', 'often', '']) {
      const refused = await prenorm(['train', 'lm.json', '--log-every', bad], { cwd });
      assert.is(refused.code, 2);
      assert.match(
        refused.stderr,
        /^prenorm: .*--log-every <n>.*must be a whole number of at least 1\..*\n$/,
      );
    }
  });
});

test('the plain line names what it says', () => {
  assert.is(
    plainLine(state({ label: 'run', rate: 20 })),
    'run: step 1200/60000, loss 3.214, valid 3.300, 20/s, 49m00s left',
  );
});

test.run();
