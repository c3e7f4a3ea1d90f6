/** @file `prenorm evaluate`: how good a trained run is on held-out data. */
import { ConfigError } from '../errors.js';
import { scoreTranslations } from '../experiments/index.js';
import { Transformer } from '../nn/index.js';
import type { OpenedPairs } from '../recipe/index.js';
import { exp64 } from '../runtime/math.js';
import { evaluateLoss, type Trainable } from '../train/index.js';
import { EXIT, note } from './errors.js';
import { openRun, openRunData } from './open-run.js';
import { start } from './start.js';
import { print } from './train.js';
import { type Common, type Decoding, translateLines } from './use-run.js';

export async function evaluate(
  folder: string,
  options: Common & Decoding & { split: 'valid' | 'test' },
): Promise<number> {
  await start(options);
  const { split } = options;
  const run = await openRun(folder);
  const data = await openRunData(run, folder);
  const isSame = run.dataHash === null || run.dataHash === data.sha256;
  if (!isSame) {
    note(
      'the data have changed since the run: what it was trained and validated on is not what it is judged by now',
    );
  }
  if (!data.heldOut.includes(split)) {
    throw new ConfigError(`the data of this run has no ${split} part`, {
      path: folder,
      expected: data.heldOut,
      actual: split,
      hint: data.heldOut.length > 0 ? 'leave out --split' : 'hold a part out with data.validation',
    });
  }
  const { maxSeqLen = 0 } = run.model.config as { maxSeqLen?: number };
  const model = run.model as Trainable<never> as Trainable<unknown>;
  const nll = evaluateLoss(model, data.evaluation(split, maxSeqLen));
  const perplexity = exp64(nll);
  const result: Record<string, unknown> = { step: run.step, split, nll, perplexity, sameData: isSame };
  let text = `step ${run.step}: ${split} NLL ${nll.toFixed(4)}, perplexity ${perplexity.toFixed(2)}`;
  if (run.model instanceof Transformer) {
    const pairs = (data as OpenedPairs).texts[split] ?? [];
    const hypotheses = translateLines(
      run,
      pairs.map(([source]) => source),
      options,
    );
    const bleu = scoreTranslations(
      hypotheses,
      pairs.map(([, target]) => target),
    );
    const { score, low, high, brevityPenalty, loops, signature } = bleu;
    result.bleu = { ...bleu, sentences: pairs.length };
    text += `\nBLEU ${score.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}] on ${pairs.length} sentences, brevity penalty ${brevityPenalty.toFixed(3)}, ${(100 * loops).toFixed(1)} % end in a loop\n${signature}`;
  }
  print(options, result, text);
  return EXIT.done;
}
