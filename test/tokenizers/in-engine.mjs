/** @file What an engine makes of the lines with every small tokenizer, as one hash each; runs in Node, Bun and pages. */
import { mixedLines, oddLines } from './lines.mjs';

const NAMES = [
  'llama3',
  'qwen2',
  'smollm2',
  'llama2',
  'llama2-metaspace',
  'bert-cased',
  'bert-uncased',
  'unigram',
  'small-pieces',
];

/** Those that together use every table. */
const SWEPT = ['qwen2', 'bert-uncased', 'unigram', 'small-pieces'];

/** Every code point up to U+323FF, assigned or not, and the last planes' beginnings: where engines' tables differ. */
function everyCharacter() {
  const lines = [];
  for (let code = 0; code < 0x32400; code += 64) {
    const characters = Array.from({ length: 64 }, (_, i) => String.fromCodePoint(code + i));
    lines.push(characters.join('a'));
  }
  for (const start of [0xe0000, 0xf0000, 0x10ff00])
    lines.push(Array.from({ length: 256 }, (_, i) => String.fromCodePoint(start + i)).join(' '));
  return lines;
}

async function read(address) {
  if (!address.startsWith('file:')) return (await fetch(address)).text();
  const { readFile } = await import('node:fs/promises');
  return readFile(new URL(address), 'utf8');
}

async function sha256(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Hashes of ids and texts by tokenizer.
 * @param base address of the built package
 * @param fixtures address of the folder with the tokenizers
 */
export async function tokenizerHashes(base, fixtures) {
  const { tokenizerFrom } = await import(`${base}/tokenizers/index.js`);
  const lines = [...mixedLines(2000), ...oddLines];
  const characters = everyCharacter();
  const hashes = {};
  for (const name of NAMES) {
    const tokenizer = tokenizerFrom({ 'tokenizer.json': await read(`${fixtures}/${name}.json`) });
    const rows = [...lines, ...(SWEPT.includes(name) ? characters : [])].map((line) => {
      const ids = tokenizer.encode(line);
      return `${ids.join()} ${tokenizer.decode(ids)}`;
    });
    hashes[name] = await sha256(rows.join('\n'));
  }
  return hashes;
}
