/** `prenorm lab`: a page that is served isolated, one file, a link without a page, and what is refused. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../src/io/sha256.js';
import { decodeLab } from '../../src/lab/link.js';
import { runLab } from '../../src/lab/run.js';
import { command, prenorm } from './spawn.js';

const test = suite('cli: lab');
const folder = mkdtempSync(join(tmpdir(), 'prenorm-lab-'));
test.after(() => rmSync(folder, { recursive: true }));
const SMALL = '1&n=5&l=1&d=16&lane=p.post&lane=p.pre';

test('--headless prints the losses and the fingerprint of the link', async () => {
  const { fingerprint, lanes } = await runLab(decodeLab(SMALL));
  const plain = await prenorm(['lab', `https://example.org/lab.html#${SMALL}`, '--headless']);
  assert.is(plain.code, 0, plain.stderr);
  assert.match(plain.stdout, `Post-LN: step 5, loss ${lanes[0].rows[4][0].toFixed(4)}`);
  assert.match(plain.stdout, `Fingerprint ${fingerprint}\n`);
  const json = await prenorm(['lab', `#${SMALL}`, '--headless', '--json']);
  const told = JSON.parse(json.stdout);
  assert.is(told.fingerprint, fingerprint);
  assert.is(told.link, '#1&n=5&l=1&d=16&lane=p.post&lane=');
  assert.equal(
    told.lanes.map(({ digest, loss }: { digest: string; loss: number }) => [digest, loss]),
    lanes.map(({ digest, rows }) => [digest, rows[4][0]]),
  );
});

test('a link with a text of its maker wants the same file', async () => {
  const text = 'And it came to pass in those days.\n'.repeat(200);
  const path = join(folder, 'mine.txt');
  writeFileSync(path, text);
  const link = `#1&task=text&n=2&l=1&d=16&lane=&own=${sha256(new TextEncoder().encode(text))}.${text.length}`;
  const good = await prenorm(['lab', link, '--headless', '--text', path]);
  assert.is(good.code, 0, good.stderr);
  const none = await prenorm(['lab', link, '--headless']);
  assert.is(none.code, 2);
  assert.match(none.stderr, /does not carry \(give the same file: --text FILE\)/);
  writeFileSync(path, `${text}!`);
  const other = await prenorm(['lab', link, '--headless', '--text', path]);
  assert.is(other.code, 2);
  assert.match(other.stderr, /is not the text that the link was made with/);
});

test('--out writes one file under 700 KB that asks for nothing', async () => {
  const out = join(folder, 'lab.html');
  const { code, stderr } = await prenorm(['lab', '--out', out]);
  assert.is(code, 0, stderr);
  const page = readFileSync(out, 'utf8');
  assert.ok(Buffer.byteLength(page) < 700_000, String(Buffer.byteLength(page)));
  assert.match(page, /connect-src 'none'/);
  assert.not.match(page, /@@\w+@@/);
  assert.not.match(page, /<(script|link|img)[^>]+(src|href)="(?!data:)/);
});

test('it serves the page with the headers that isolate it, and ends by Ctrl-C', async () => {
  const child = spawn(process.execPath, [...command, 'lab', `#${SMALL}`, '--json']);
  try {
    const address: string = await new Promise((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (part) => {
        text += part;
        if (text.includes('\n')) resolve(JSON.parse(text).lab);
      });
      child.on('close', () => reject(new Error(`it ended: ${text}`)));
    });
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/#1&n=5/);
    const { origin } = new URL(address);
    const response = await fetch(address);
    assert.is(response.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.is(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
    assert.match(await response.text(), '<title>Prenorm Lab</title>');
    assert.is((await fetch(`${origin}/../../etc/passwd`)).status, 404);
    assert.is((await fetch(origin, { method: 'POST' })).status, 405);
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGINT');
    assert.is(await ended, 0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('what does not go together is refused before anything is written', async () => {
  const out = join(folder, 'never.html');
  const refused: [args: string[], says: RegExp][] = [
    [['#1&d=1000000'], /"1000000" for the width/],
    [['#9'], /version 9, this Lab reads 1/],
    [['--headless', '--out', out], /--out writes a page, and --headless makes none/],
    [['--out', out, '--port', '8000'], /--port is for a page that is served/],
    [['--text', out], /--text is for --headless/],
    [[`#${SMALL}`, '--headless', '--text', out], /--text is given, and the task chars brings its own/],
  ];
  for (const [args, says] of refused) {
    const { code, stderr } = await prenorm(['lab', ...args]);
    assert.is(code, 2, args.join(' '));
    assert.match(stderr, says);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
  assert.not.ok(existsSync(out));
});

test.run();
