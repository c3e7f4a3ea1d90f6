/** prenorm prepare as a user runs it: encodings, and an account in which no line is missing. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lines, lm, text } from './corpus.js';
import { inFolder, type Outcome, prenorm } from './spawn.js';

const test = suite('cli: account of prepare');

interface Account {
  files: Record<string, { read: number; kept: number }>;
  dropped: { reason: string; count: number; first: string[] }[];
  leaks: { part: string; seenIn: string; same: number; sameSource: number; first: string[] }[];
}

/** Runs it in a folder with these files; `out` is read when it was written. */
async function prepared(
  files: Record<string, string | Uint8Array>,
  args: string[],
  use: (outcome: Outcome, account: Account, read: (name: string) => string[]) => void,
): Promise<void> {
  await inFolder(async (cwd) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(cwd, name, '..'), { recursive: true });
      writeFileSync(join(cwd, name), content);
    }
    const outcome = await prenorm(['prepare', ...args, '--out', 'out'], { cwd });
    const path = join(cwd, 'out/prepare.json');
    const account = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
    if (outcome.code !== 0) assert.not.ok(existsSync(join(cwd, 'out')));
    use(outcome, account, (name) =>
      readFileSync(join(cwd, 'out', name), 'utf8')
        .split('\n')
        .slice(0, -1),
    );
  });
}

const pairs = (n: number) => lines(n, (i) => `ein schöner Satz ${i}\ta nice sentence ${i}`);

function utf16(content: string, { big = false, mark = true } = {}): Buffer {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${content}`, 'utf16le');
  return big ? bytes.swap16() : bytes;
}

const count = (account: Account) =>
  account.dropped.map(({ reason, count: n, first }) => [reason, n, first[0]]);

test('UTF-16 with a mark gives what UTF-8 gives; without one it is refused by name', async () => {
  let expected: string[] = [];
  await prepared({ 'a.tsv': pairs(46) }, ['a.tsv'], ({ code, stderr }, _, read) => {
    assert.is(code, 0, stderr);
    expected = read('train.tsv');
  });
  assert.is(expected[0], 'ein schöner Satz 0\ta nice sentence 0');
  for (const big of [false, true]) {
    await prepared({ 'a.tsv': utf16(pairs(46), { big }) }, ['a.tsv'], ({ code, stderr }, account, read) => {
      assert.is(code, 0, stderr);
      assert.equal(read('train.tsv'), expected);
      assert.equal(account.dropped, []);
    });
    const name = big ? 'UTF-16BE' : 'UTF-16LE';
    const bare = utf16(pairs(46), { big, mark: false });
    for (const args of [['a.tsv'], ['a.tsv', '--kind', 'text']]) {
      await prepared({ 'a.tsv': bare }, args, ({ code, stderr }) => {
        assert.is(code, 2);
        assert.match(
          stderr,
          `prenorm: a.tsv: the text looks like ${name} without a byte order mark, not UTF-8 (save the file as UTF-8, e.g. iconv -f ${name.toLowerCase()} -t utf-8 a.tsv)`,
        );
      });
    }
  }
});

test('training reads and refuses the same encodings: text, pairs, configuration, and lines to translate', async () => {
  await inFolder(async (cwd) => {
    const train = async (out: string, content: string | Uint8Array, config: string | Uint8Array) => {
      writeFileSync(join(cwd, 'text.txt'), content);
      writeFileSync(join(cwd, 'c.json'), config);
      return prenorm(['train', 'c.json', '--out', out, '--json'], { cwd });
    };
    const config = JSON.stringify({ ...lm, steps: 1 });
    const plain = await train('a', text, config);
    const wide = await train('b', utf16(text), utf16(config, { big: true }));
    assert.is(wide.code, 0, wide.stderr);
    assert.is(JSON.parse(wide.stdout).hash, JSON.parse(plain.stdout).hash);
    const bare = await train('c', utf16(text, { mark: false }), config);
    assert.is(bare.code, 2);
    assert.match(bare.stderr, /text\.txt: the text looks like UTF-16LE without a byte order mark/);
    const latin = await train('d', Buffer.from('ok\nschön\n', 'latin1'), config);
    assert.match(latin.stderr, /text\.txt:2: invalid UTF-8 at byte 6 \(0xF6\)/);
    mkdirSync(join(cwd, 'pairs'));
    for (const part of ['train', 'valid', 'test']) {
      writeFileSync(join(cwd, `pairs/${part}.tsv`), utf16(pairs(4), { mark: false, big: true }));
    }
    const other = await prenorm(['reproduce', '--data', 'pairs', '--dry-run'], { cwd });
    assert.is(other.code, 2);
    assert.match(other.stderr, /train\.tsv: the text looks like UTF-16BE without a byte order mark/);
  });
});

test('--columns takes columns of a wider table; what is too narrow or too wide is counted with reason and line', async () => {
  const three = lines(46, (i) => `ein Satz ${i}\ta sentence ${i}\tid ${i}`);
  await prepared(
    { 'a.tsv': `${three}only one\n` },
    ['a.tsv', '--columns', '1,2'],
    (outcome, account, read) => {
      assert.is(outcome.code, 0, outcome.stderr);
      assert.is(read('train.tsv')[0], 'ein Satz 0\ta sentence 0');
      assert.equal(count(account), [['fewer than 2 columns', 1, 'a.tsv:47']]);
      assert.match(outcome.stdout, /left out +1 fewer than 2 columns: a\.tsv:47/);
      assert.is(account.files['train.tsv'].read, 47);
    },
  );
  // Without --columns every line is a mistake, and the refusal says which.
  await prepared({ 'a.tsv': three }, ['a.tsv'], ({ code, stderr }) => {
    assert.is(code, 2);
    assert.match(stderr, /no example is left for train: .*; left out: more than 2 columns: 46 \(a\.tsv:1, /);
  });
});

test('every line that was read is kept or has a reason', async () => {
  const file = `${pairs(46)}\tempty source\n${'w '.repeat(176)}\t${'w '.repeat(176)}\nein\teins zwei drei\nno tab\n`;
  const latin = Buffer.concat([Buffer.from(file), Buffer.from('schön\tnice\n', 'latin1')]);
  await prepared({ 'a.tsv': latin }, ['a.tsv'], (outcome, account) => {
    assert.is(outcome.code, 0, outcome.stderr);
    assert.equal(count(account), [
      ['fewer than 2 columns', 1, 'a.tsv:50'],
      ['not UTF-8', 1, 'a.tsv:51'],
      ['empty', 1, 'a.tsv:47'],
      ['more than 175 words', 1, 'a.tsv:48'],
      ['lengths differ by more than a factor of 1.5', 1, 'a.tsv:49'],
    ]);
    for (const [reason, n, where] of count(account)) {
      assert.match(outcome.stdout, `${n} ${reason}: ${where}\n`);
    }
    const { files } = account;
    const kept = Object.values(files).reduce((sum, part) => sum + part.kept, 0);
    assert.is(files['train.tsv'].read, 51);
    assert.is(kept + 5, 51);
  });
  await prepared({ 'a.txt': 'one\n\n\n\ntwo\n' }, ['a.txt', '--kind', 'text'], (outcome, account) => {
    assert.is(outcome.code, 0, outcome.stderr);
    assert.equal(account.files['text.txt'].read, 5);
    assert.equal(account.files['text.txt'].kept, 3);
    assert.equal(count(account), [['empty, with no text since the last empty line', 2, 'a.txt:3']]);
  });
  await prepared({ 'a.txt': 'one two\n' }, ['a.txt', '--kind', 'text', '--max-words', '1'], ({ stderr }) => {
    assert.match(stderr, /no text is left; left out: more than 1 words: 1 \(a\.txt:1\)/);
  });
});

test('a leak between parts is always told, pairs apart from sources; --dedupe removes pairs before the split', async () => {
  // Lines 23 and 46 become valid, 11 and 34 test. The first pair stands in both, a source of train in the other.
  const row = (i: number) => {
    if (i === 22) return 'Ein Satz 0\tA sentence 0';
    if (i === 33) return 'ein Satz  1\tanother sentence 1';
    return `ein Satz ${i}\ta sentence ${i}`;
  };
  const file = { 'a.tsv': lines(46, row) };
  await prepared(file, ['a.tsv', '--lowercase'], ({ code, stdout, stderr }, account) => {
    assert.is(code, 0, stderr);
    assert.equal(account.leaks, [
      { part: 'valid', seenIn: 'train', same: 1, sameSource: 0, first: ['a.tsv:23'] },
      { part: 'test', seenIn: 'train', same: 0, sameSource: 1, first: ['a.tsv:34'] },
      { part: 'test', seenIn: 'valid', same: 0, sameSource: 0, first: [] },
    ]);
    assert.match(stdout, /leak +1 of valid stand in train too: a\.tsv:23\n/);
    assert.match(stdout, /leak +1 of test have a source that stands in train: a\.tsv:34\n/);
  });
  await prepared(file, ['a.tsv', '--lowercase', '--dedupe'], ({ code, stdout, stderr }, account, read) => {
    assert.is(code, 0, stderr);
    assert.equal(count(account), [['repeated', 1, 'a.tsv:23']]);
    assert.match(stdout, /left out +1 repeated: a\.tsv:23/);
    assert.is(
      account.leaks.every(({ same }) => same === 0),
      true,
    );
    const all = ['train.tsv', 'valid.tsv', 'test.tsv'].flatMap(read);
    assert.is(new Set(all).size, 45);
    assert.is(all.length, 45);
  });
  // Without capitals made small the two differ.
  await prepared(file, ['a.tsv'], (_, account) => assert.is(account.leaks[0].same, 0));
});

test('with valid and test given, --dedupe takes what they hold out of train and leaves them as they are', async () => {
  const files = {
    'd/train.tsv': 'a b\tc d\na b\tc d\ne f\tg h\ni j\tk l\ne f\tother words\n',
    'd/valid.tsv': 'e f\tg h\ne f\tg h\n',
    'd/test.tsv': 'm n\to p\n',
  };
  await prepared(files, ['d'], (_, { leaks }) => {
    assert.equal(leaks[0], {
      part: 'valid',
      seenIn: 'train',
      same: 2,
      sameSource: 0,
      first: ['d/valid.tsv:1', 'd/valid.tsv:2'],
    });
  });
  await prepared(files, ['d', '--dedupe'], ({ code, stdout }, account, read) => {
    assert.is(code, 0);
    assert.equal(read('train.tsv'), ['a b\tc d', 'i j\tk l', 'e f\tother words']);
    assert.is(read('valid.tsv').length, 2);
    assert.equal(count(account), [
      ['repeated', 1, 'd/train.tsv:2'],
      ['also in valid', 1, 'd/train.tsv:3'],
    ]);
    assert.match(stdout, /leak +2 of valid have a source that stands in train/);
  });
});

test('the same texts with another label leak, and are no repetition', async () => {
  const row = (i: number) => (i === 22 ? 'a 0\tb 0\tno' : `a ${i}\tb ${i}\t${i % 2 ? 'no' : 'yes'}`);
  const file = { 'l.tsv': lines(46, row) };
  await prepared(file, ['l.tsv', '--kind', 'labelled', '--dedupe'], ({ stderr }, account) => {
    assert.equal(account?.dropped, [], stderr);
    assert.is(account.leaks[0].same, 1);
  });
});

test('nothing but one pair: all of it leaks, and with --dedupe too little is left to split', async () => {
  const file = { 'a.tsv': lines(46, () => 'ein Satz\ta sentence') };
  await prepared(file, ['a.tsv'], ({ code, stdout }, { leaks }) => {
    assert.is(code, 0);
    assert.equal(
      leaks.map(({ same }) => same),
      [2, 2, 2],
    );
    assert.match(stdout, /leak +2 of valid stand in train too/);
  });
  await prepared(file, ['a.tsv', '--dedupe'], ({ code, stderr }) => {
    assert.is(code, 2);
    assert.match(
      stderr,
      /no example is left for valid: 1 in all, 23 are needed.*; left out: repeated: 45 \(a\.tsv:2, /,
    );
  });
});

test('options that would have no effect are refused', async () => {
  const two = { 'a.de': 'ein\n', 'a.en': 'one\n', 'a.tsv': 'ein\tone\n' };
  const cases: [string[], RegExp][] = [
    [['a.de', 'a.en', '--columns', '2,1'], /--columns is for tab-separated files/],
    [['a.de', 'a.en', '--header'], /--header is for tab-separated files/],
    [['a.tsv', '--test', 'test'], /--test is for a folder with files like train\.de and train\.en/],
    [['a.de', '--kind', 'text', '--dedupe'], /--dedupe is for --kind pairs and labelled/],
    [['a.de', '--kind', 'text', '--header'], /--header is for --kind pairs and labelled/],
  ];
  for (const [args, pattern] of cases) {
    await prepared(two, args, ({ code, stderr }) => {
      assert.is(code, 2, args.join(' '));
      assert.match(stderr, pattern);
    });
  }
});

test.run();
