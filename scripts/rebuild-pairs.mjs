/**
 * @file Builds a set of sentence pairs, like the embedded German-English one, from the npm packages it came
 * from, for any language pack:
 *
 *   node scripts/rebuild-pairs.mjs --lang de --out DIR [--version 25.1.2] [--seed 1]
 *
 * Languages: cs de es fr it ja ko pl pt-br ru tr zh-hans zh-hant. Needs `npm`, `tar` and the registry. Writes
 * train.tsv, valid.tsv and test.tsv (target language TAB English) and SOURCES.md with the licence notice.
 *
 * The language pack holds its messages as one numbered list, the API package the English ones as numbered
 * calls `localize(123, "text")`; the extensions' bundles have the English text as key.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const MIN_WORDS = 2;
const MAX_WORDS = 18;
const MAX_CHARACTERS = 140;
/** Sentences whose word sets overlap at least this much stay in one split. */
const NEAR_DUPLICATE = 0.6;
/** Share of the validation set and of the test set. */
const HELD_OUT = 0.1;

const { lang, out, version, seed } = readArguments();
const apiPackage = `@codingame/monaco-vscode-api@${version}`;
const languagePackage = `@codingame/monaco-vscode-language-pack-${lang}@${version}`;

const folder = mkdtempSync(join(tmpdir(), 'rebuild-pairs-'));
try {
  const api = download(apiPackage, join(folder, 'api'));
  const pack = download(languagePackage, join(folder, 'pack'));
  const candidates = [...numberedPairs(api, pack), ...bundlePairs(pack)];
  const pairs = select(candidates);
  const clusters = cluster(pairs);
  write(split(clusters), candidates.length, clusters.length);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function readArguments() {
  const usage = 'usage: node scripts/rebuild-pairs.mjs --lang de --out DIR [--version 25.1.2] [--seed 1]';
  try {
    const { values } = parseArgs({
      options: {
        lang: { type: 'string' },
        out: { type: 'string' },
        version: { type: 'string', default: '25.1.2' },
        seed: { type: 'string', default: '1' },
      },
    });
    if (!values.out || !values.lang || !/^[a-z]{2}(-[a-z]+)?$/.test(values.lang))
      throw new Error('--lang and --out are needed');
    if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(values.version)) throw new Error(`no version: ${values.version}`);
    return { ...values, lang: values.lang, out: values.out };
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

/** Fetches and unpacks a package; returns the folder of its content. */
function download(name, into) {
  mkdirSync(into, { recursive: true });
  try {
    /** @type {import('node:child_process').StdioOptions} */
    const stdio = ['ignore', 'pipe', 'pipe'];
    execFileSync('npm', ['pack', name, '--loglevel', 'error', '--pack-destination', into], { stdio });
    const archive = readdirSync(into).find((file) => file.endsWith('.tgz')) ?? '';
    execFileSync('tar', ['-xzf', archive], { cwd: into, stdio });
  } catch (error) {
    const reason = String(error.stderr || error.message).trim();
    console.error(`cannot fetch ${name} (check --lang, --version and the network):\n${reason}`);
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  }
  return join(into, 'package');
}

/** `[foreign, english]` by message number. */
function numberedPairs(api, pack) {
  const english = new Map();
  const call = /\blocalize2?\(\s*(\d+)\s*,\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\.)*`)/g;
  for (const file of readdirSync(api, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.js')) continue;
    for (const [, number, literal] of readFileSync(join(api, file), 'utf8').matchAll(call)) {
      english.set(Number(number), readLiteral(literal));
    }
  }
  const source = readFileSync(join(pack, 'translations/main.i18n.json.js'), 'utf8');
  const list = source.slice(source.indexOf('['), source.lastIndexOf(']') + 1);
  const foreign = JSON.parse(list.replace(/^\s*undefined(,?)$/gm, 'null$1'));
  const numbers = [...english.keys()].sort((a, b) => a - b);
  return numbers.filter((n) => typeof foreign[n] === 'string').map((n) => [foreign[n], english.get(n)]);
}

/** `[foreign, english]` of every extension's bundle. */
function bundlePairs(pack) {
  const folder = join(pack, 'translations/extensions');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const bundle = JSON.parse(readFileSync(join(folder, file), 'utf8')).contents?.bundle ?? {};
      return Object.entries(bundle).map(([english, foreign]) => [foreign, english]);
    });
}

/** The value of a JavaScript string literal without substitutions. */
function readLiteral(literal) {
  const simple = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0' };
  return literal
    .slice(1, -1)
    .replace(
      /\\(?:u\{([0-9a-f]+)\}|u([0-9a-f]{4})|x([0-9a-f]{2})|(\n)|(.))/gi,
      (_, long, u, x, newline, other) => {
        const code = long ?? u ?? x;
        if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
        return newline ? '' : (simple[other] ?? other);
      },
    );
}

/** Cleans, filters and deduplicates: no normalised sentence of either side stands twice. */
function select(candidates) {
  const seen = [new Set(), new Set()];
  const pairs = [];
  for (const candidate of candidates) {
    if (!candidate.every((text) => typeof text === 'string')) continue;
    const pair = candidate.map(removeMnemonic);
    if (!pair.every(isSentence) || !isPlausible(pair)) continue;
    const keys = pair.map(normalise);
    if (keys[0] === keys[1] || keys.some((key, side) => key === '' || seen[side].has(key))) continue;
    keys.forEach((key, side) => {
      seen[side].add(key);
    });
    pairs.push(pair);
  }
  return pairs;
}

/** `&&File` and, where letters are not Latin, a trailing `(&&F)` mark a keyboard mnemonic. */
function removeMnemonic(text) {
  return text
    .replace(/\s*\(&&\w\)/g, '')
    .replaceAll('&&', '')
    .trim();
}

function isSentence(text) {
  // Markup, paths, code, settings and commands; control characters; links and mail addresses.
  if (/[/\\`<>[\]$_*~^=#;|\p{Cc}]|:\/\/|\w@\w|www\./u.test(text)) return false;
  // A placeholder is {0}; other braces are templates.
  if (/[{}]/.test(text.replace(/\{\d+\}/g, ''))) return false;
  const count = words(text).length;
  return count >= MIN_WORDS && count <= MAX_WORDS && text.length <= MAX_CHARACTERS && /\p{L}/u.test(text);
}

/** Both sides carry the same placeholders and are of comparable length: else one is no translation. */
function isPlausible([foreign, english]) {
  const placeholders = (text) => [...new Set(text.match(/\{\d+\}/g) ?? [])].sort().join();
  if (placeholders(foreign) !== placeholders(english)) return false;
  const ratio = words(foreign).length / words(english).length;
  return ratio >= 1 / 3 && ratio <= 3;
}

/** Words by spaces; by dictionary where the script has none between words. */
function words(text) {
  if (!/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(text)) {
    return text.split(/\s+/).filter(Boolean);
  }
  const segments = new Intl.Segmenter(lang, { granularity: 'word' }).segment(text);
  return [...segments].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment);
}

/** What two sentences must share to count as one: letters and digits, in lower case. */
function normalise(text) {
  return words(text)
    .map((word) => word.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]/gu, ''))
    .filter(Boolean)
    .join(' ');
}

/** Groups pairs of which either side is a near-duplicate, transitively. */
function cluster(pairs) {
  const parent = pairs.map((_, i) => i);
  const find = (i) => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]];
      i = parent[i];
    }
    return i;
  };
  for (const side of [0, 1]) {
    const sets = pairs.map((pair) => new Set(normalise(pair[side]).split(' ')));
    const sentencesWith = new Map();
    sets.forEach((set, i) => {
      const shared = new Map();
      for (const word of set) {
        const earlier = sentencesWith.get(word) ?? [];
        for (const j of earlier) shared.set(j, (shared.get(j) ?? 0) + 1);
        earlier.push(i);
        sentencesWith.set(word, earlier);
      }
      for (const [j, common] of shared) {
        if (common >= NEAR_DUPLICATE * (set.size + sets[j].size - common)) parent[find(i)] = find(j);
      }
    });
  }
  const clusters = new Map();
  pairs.forEach((pair, i) => {
    const root = find(i);
    if (!clusters.has(root)) clusters.set(root, []);
    clusters.get(root).push(pair);
  });
  return [...clusters.values()];
}

/**
 * Whole clusters to the splits, in an order drawn by hash of seed and sentence, which is the same everywhere.
 * A cluster beyond a twentieth of a held-out set always trains, so that no family of messages rules a score.
 */
function split(clusters) {
  const drawn = (key) => createHash('sha256').update(`${seed}\n${key}`).digest('hex');
  const byHash = (items, text) =>
    items
      .map((item) => ({ item, hash: drawn(text(item)) }))
      .sort((a, b) => (a.hash < b.hash ? -1 : 1))
      .map(({ item }) => item);
  const total = clusters.reduce((sum, members) => sum + members.length, 0);
  const target = Math.floor(total * HELD_OUT);
  /** @type {Record<'train' | 'valid' | 'test', string[][]>} */
  const splits = { train: [], valid: [], test: [] };
  for (const members of byHash(clusters, (cluster) => cluster[0].join('\t'))) {
    const fits = (held) => held.length + members.length <= target && members.length <= target / 20;
    const into = [splits.valid, splits.test].find(fits) ?? splits.train;
    into.push(...members);
  }
  for (const name of Object.keys(splits)) splits[name] = byHash(splits[name], (pair) => pair.join('\t'));
  return splits;
}

function write(splits, numCandidates, numClusters) {
  mkdirSync(out, { recursive: true });
  const rows = [];
  for (const [name, pairs] of Object.entries(splits)) {
    const text = pairs.map((pair) => `${pair.join('\t')}\n`).join('');
    writeFileSync(join(out, `${name}.tsv`), text);
    const hash = createHash('sha256').update(text).digest('hex');
    rows.push(`| ${name}.tsv | ${pairs.length} | ${Buffer.byteLength(text)} | ${hash} |`);
    console.log(`${name}: ${pairs.length} pairs`);
  }
  console.log(`from ${numCandidates} messages, in ${numClusters} clusters; written to ${out}`);
  const notice = [
    `# Sentence pairs ${lang}-en`,
    '',
    `Made by \`node scripts/rebuild-pairs.mjs --lang ${lang} --version ${version} --seed ${seed}\` from the npm`,
    `packages ${languagePackage} and ${apiPackage}, both under the MIT License,`,
    'Copyright (c) Microsoft Corporation, Copyright (c) CodinGame.',
    '',
    '| file | pairs | bytes | SHA-256 |',
    '|---|---|---|---|',
    ...rows,
    '',
  ];
  writeFileSync(join(out, 'SOURCES.md'), notice.join('\n'));
}
