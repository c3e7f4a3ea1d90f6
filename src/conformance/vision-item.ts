import { loadDigits } from '../data/embedded.js';
import { VisionTransformer } from '../nn/index.js';
import { type Item, numberedBatches, trainAndHash } from './item.js';

/** Digits of 8 x 8 pixels in patches of 2 x 2: all weights first, then norms and head alone. */
export const visionItem: Item = {
  name: 'vision',
  about:
    'vision transformer on digits, pre, GELU, SGD with momentum and decay, then tuned in its norms and head alone',
  async run(options) {
    const { images, labels } = await loadDigits();
    const batchSize = 19;
    const data = numberedBatches((n) => {
      const from = (n * batchSize) % (labels.length - batchSize);
      return {
        images: images.slice(from * 64, (from + batchSize) * 64),
        labels: labels.slice(from, from + batchSize),
        batchSize,
      };
    });
    const model = new VisionTransformer({
      imageSize: 8,
      patchSize: 2,
      numClasses: 10,
      dModel: 28,
      numHeads: 2,
      numLayers: 2,
      dFF: 51,
      dropout: 0.1,
      seed: 3,
    });
    const first = trainAndHash(
      {
        optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0.001 },
        schedule: { kind: 'constant', maxLr: 0.02, warmupSteps: 3 },
        steps: 8,
      },
      { model, data },
      options,
    );
    const tuned = trainAndHash(
      { trainable: ['norms', 'head.*'], optimizer: { kind: 'sgd', lr: 0.01 }, steps: 4 },
      { model, data },
      options,
    );
    return {
      ...first,
      ...Object.fromEntries(Object.entries(tuned).map(([k, hash]) => [`${k}, tuned`, hash])),
    };
  },
};
