import type { FitMetrics, FitOptions } from '../../src/fit/index.js';
import type { Recipe } from '../../src/recipe/index.js';

export function fitInWorker(
  base: string,
  options: FitOptions,
): Promise<{ steps: number[]; text: string; metrics: FitMetrics; recipe: Recipe; sha256: string }>;
