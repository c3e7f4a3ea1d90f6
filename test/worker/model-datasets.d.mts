import type { BatchSource } from '../../src/data/index.js';
export function dataset(options: { model: string }): { data: BatchSource<unknown>; validation: unknown[] };
