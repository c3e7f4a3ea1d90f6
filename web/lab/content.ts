/** @file Texts and pairs that the reader brings: read once, kept in the page, known by their SHA-256. */
import { sha256 } from '../../src/io/sha256.js';
import type { OwnContent } from '../../src/lab/configuration.js';
import { decodeUtf8Strict, encodeBytes } from '../../src/utf8.js';

export interface Content extends OwnContent {
  name: string;
  text: string;
}

/** More is refused before it is read. */
export const MOST_BYTES = 5_000_000;

const kept = new Map<string, Content>();

export function keepContent(content: Content): void {
  kept.set(content.sha256, content);
}

export function findContent({ sha256: wanted }: OwnContent): Content | null {
  return kept.get(wanted) ?? null;
}

/** @throws Error in words for the reader: too large, no text */
export async function readContent(file: File): Promise<Content> {
  if (file.size > MOST_BYTES) {
    const size = `${(file.size / 1e6).toFixed(0)} MB`;
    throw new Error(
      `${file.name} has ${size}; the Lab reads up to 5 MB. \`prenorm train\` takes the whole of it.`,
    );
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = decodeUtf8Strict(bytes, file.name);
  return contentOf(file.name, text);
}

export function contentOf(name: string, text: string): Content {
  const bytes = encodeBytes(text);
  return { name, text, sha256: sha256(bytes), bytes: bytes.length };
}

/** Whether most of its lines are pairs. */
export function looksLikePairs(text: string): boolean {
  const lines = text.split('\n', 50).filter((line) => line.trim() !== '');
  return (
    lines.length > 0 && lines.filter((line) => line.split('\t').length === 2).length > 0.8 * lines.length
  );
}
