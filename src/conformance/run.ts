/**
 * @file `runConformance()` trains fixed models for fixed steps on the current runtime and gives SHA-256 of what came
 * out. Any host that computes as it should gives the pinned hashes, whatever engine, processor or thread count.
 */
import { callback, checkOptions, flag, optional } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { ArithmeticName } from '../runtime/arithmetic.js';
import { currentRuntime } from '../runtime/runtime.js';
import { decoding } from './decoding-item.js';
import { hashText } from './digest.js';
import type { Item, ItemOptions, Parts } from './item.js';
import { alternating, causalLM, large } from './language-items.js';
import { maskedLM } from './masked-item.js';
import { opsItem } from './ops-item.js';
import { type PinnedHashes, pinned } from './pinned.js';
import { rotary } from './rotary-items.js';
import { tokenizer, translationPeri, translationPost, translationSGD } from './translation-items.js';
import { visionItem } from './vision-item.js';

/**
 * Version of the list below. A new item makes a new list and leaves the hashes of the others alone: since list 2
 * (version 0.2.0) no item's hash changes.
 */
export const LIST = 4;

/** In the order in which they run and are hashed. */
export const items: readonly Item[] = [
  tokenizer,
  causalLM,
  alternating,
  translationPost,
  translationPeri,
  translationSGD,
  maskedLM,
  visionItem,
  opsItem,
  large,
  rotary,
  decoding,
];

/** Names of the items, in the order in which they run. */
export const itemNames: readonly string[] = items.map(({ name }) => name);

/** What one item gave, and what it must give. */
export interface ItemResult {
  name: string;
  /** What is trained, with what. */
  about: string;
  /** What was hashed, by name. */
  parts: Parts;
  /** SHA-256 of the lines "part hash". */
  hash: string;
  /** The hash this version of the package must give. */
  expected: string;
  ok: boolean;
}

/** What a conformance run gave. */
export interface ConformanceResult {
  items: ItemResult[];
  /** Version of the list of items: a total speaks of all items of one list. */
  list: number;
  /** SHA-256 of the lines "list number" and "item hash"; null when only some items ran. */
  total: string | null;
  expected: string;
  /** Every item that ran gave its pinned hash. */
  ok: boolean;
}

/** What to run. */
export interface ConformanceOptions extends ItemOptions {
  /** Names of the items to run, of `itemNames`. Default: all. */
  only?: readonly string[];
  /** Called after each item; the next begins when its promise is settled. */
  onItem?: (result: ItemResult) => void | Promise<void>;
}

/**
 * Runs the items one after the other.
 * @throws ConfigError for an item that does not exist.
 */
export async function runConformance(options: ConformanceOptions = {}): Promise<ConformanceResult> {
  checkOptions<ConformanceOptions>('runConformance', options, {
    only: optional({ wanted: 'a list of names', holds: Array.isArray }),
    onItem: optional(callback),
    replay: optional(flag),
  });
  const { only = itemNames, onItem, replay } = options;
  const unknown = only.find((name) => !itemNames.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`there is no item ${JSON.stringify(unknown)}; there are ${itemNames.join(', ')}`, {
      op: 'conformance',
      expected: itemNames,
      actual: unknown,
    });
  }
  const expected = pinnedFor(currentRuntime().arithmetic);
  const results: ItemResult[] = [];
  for (const item of items.filter(({ name }) => only.includes(name))) {
    // Dropout masks do not depend on what ran before.
    currentRuntime().manualSeed(2002);
    const parts = await item.run({ replay });
    const result = judge(item, parts, expected);
    results.push(result);
    await onItem?.(result);
  }
  const whole = results.length === items.length;
  const lines = [`list ${LIST}\n`, ...results.map(({ name, hash }) => `${name} ${hash}\n`)];
  const total = whole ? hashText(lines.join('')) : null;
  return {
    items: results,
    list: LIST,
    total,
    expected: expected.total,
    ok: results.every(({ ok }) => ok) && (total === null || total === expected.total),
  };
}

/** The hashes of an arithmetic; those of `strict` for one that has none of its own, `relaxed`, to show where it differs. */
export function pinnedFor(arithmetic: ArithmeticName): PinnedHashes {
  return arithmetic === 'int12' ? pinned.int12 : pinned;
}

function judge({ name, about }: Item, parts: Parts, pins: PinnedHashes): ItemResult {
  const lines = Object.keys(parts)
    .sort()
    .map((part) => `${part} ${parts[part]}\n`);
  const hash = hashText(lines.join(''));
  const expected = pins.items[name] ?? '';
  return { name, about, parts, hash, expected, ok: hash === expected };
}
