/** @file The classes of a classifier in config.json: their number, and their names. */
import type { ConfigReader } from './family.js';

/** Keys that say it; `num_labels` alone is what older files have. */
export const labelKeys: readonly string[] = ['id2label', 'label2id', 'num_labels', '_num_labels'];

/** As Hugging Face names classes that nobody named. */
export const unnamedLabels = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `LABEL_${i}`);

/**
 * Names of the classes in their order, all different: results and files name classes by them. A name that stood before, as
 * ImageNet's "crane" does, gets the number of its class behind it. Without any there are two, as with Hugging Face.
 */
export function labelsOf(config: ConfigReader): string[] {
  const names = config.object('id2label');
  if (!names) return unnamedLabels(config.whole('num_labels', 1, 1e6, 2));
  const count = Object.keys(names.json).length;
  if (count === 0) config.refuse('id2label', 'names of one class at least');
  const labels = Array.from({ length: count }, (_, i) => names.text(String(i)));
  if (config.json.num_labels != null) config.only('num_labels', count);
  const taken = new Set<string>();
  return labels.map((label, i) => {
    let name = label;
    while (taken.has(name) || (name !== label && labels.includes(name))) name += ` (${i})`;
    taken.add(name);
    return name;
  });
}

/** What says it in config.json. */
export const labelEntries = (labels: readonly string[]): Record<string, unknown> => ({
  id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
  label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
});
