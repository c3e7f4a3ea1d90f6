/** @file A run as its folder would tell it, made by rule. */
import type { ComparedRun, RunIdentity } from '../../src/report/compare-runs.js';
import { RunHistory } from '../../src/report/run-history.js';
import type { RunReport } from '../../src/report/run-report.js';

export interface MockRun {
  steps: number;
  evalEvery?: number;
  /** Added to every loss. */
  offset?: number;
  layers?: number;
  samples?: { prompt: string; text: string; reference?: string }[];
  bitsPerByte?: boolean;
}

export const lossAt = (step: number, offset = 0): number =>
  2 + offset + 4 / Math.sqrt(step) + ((step * 7919) % 97) / 970;
export const validAt = (step: number, offset = 0): number => 2.1 + offset + 4 / Math.sqrt(step);

export function mockHistory({
  steps,
  evalEvery = 50,
  offset = 0,
  layers = 3,
  samples = [],
  bitsPerByte,
}: MockRun): RunHistory {
  const history = new RunHistory();
  for (let step = 1; step <= steps; step++) {
    const isJudged = step % evalEvery === 0;
    history.addMetrics({
      step,
      lr: 0.003 * Math.min(1, step / 40),
      loss: lossAt(step, offset),
      gradNorm: 0.5 + 1 / step,
      tokens: 512,
      ...(isJudged && { validNll: validAt(step, offset) }),
      ...(isJudged && bitsPerByte && { bitsPerByte: validAt(step, offset) / 2 }),
    });
    if (step % Math.max(1, Math.floor(steps / 100)) === 0) {
      const norms = Object.fromEntries(
        Array.from({ length: layers }, (_, i) => [`encoder.layers.${i}`, (1 + i) / (10 * Math.sqrt(step))]),
      );
      history.addGradients({ step, norms });
    }
    if (isJudged) for (const sample of samples) history.addSample({ step, ...sample });
    else history.addSpeed({ step, seconds: 0.1, tokensPerSecond: 5120 + (step % 10) });
  }
  return history;
}

export const mockRecipe = {
  model: { kind: 'causalLM', dModel: 64, numLayers: 3, normPlacement: 'pre' },
  data: { kind: 'text', source: 'kjv', seqLen: 64 },
  tokenizer: { kind: 'bpe', vocabSize: 512 },
  optimizer: { kind: 'adamw', betas: [0.9, 0.98] },
  steps: 300,
};

export function mockReport(history: RunHistory, more: Partial<RunReport> = {}): RunReport {
  return {
    name: 'runs/mock',
    state: 'finished',
    steps: 300,
    history,
    recipe: mockRecipe,
    parameters: 332800,
    uninformed: 6.24,
    savedStep: 300,
    hashes: [{ name: 'data', value: 'a'.repeat(64) }],
    host: [{ name: 'runtime', value: 'Node v20' }],
    commands: {
      repeat: 'npx prenorm train mock.json --out runs/mock-again',
      goOn: 'npx prenorm train mock.json --out runs/mock --resume',
    },
    files: ['metrics.csv', 'gradients.csv', 'config.json'],
    version: '0.0.0',
    seconds: 62,
    firstStep: 0,
    written: '2026-01-02T03:04:05.678Z',
    everySeconds: 5,
    ...more,
  };
}

export const mockIdentity: RunIdentity = {
  kind: 'text',
  dataHash: 'd'.repeat(64),
  isOld: false,
  dataKeys: { seqLen: 64, batchSize: 16 },
  tokenizerHash: 't'.repeat(64),
};

export function mockCompared(name: string, run: MockRun, more: Partial<ComparedRun> = {}): ComparedRun {
  return { name, recipe: mockRecipe, history: mockHistory(run), identity: mockIdentity, ...more };
}

/** What files of strangers might hold. */
export const hostile = [
  '</script><script>document.title="owned"</script>',
  '"><img src=x onerror=document.title="owned">',
  "' onmouseover='document.title=1",
  '<!--',
  '&lt;b&gt;\u2028\u2029\u0000',
  'javascript:alert(1)',
];

/** A page without the data of its figures, which is no markup. */
export function markupOf(page: string): string {
  return page.replace(/(<script type="application\/json"[^>]*>)[\s\S]*?<\/script>/, '$1</script>');
}
