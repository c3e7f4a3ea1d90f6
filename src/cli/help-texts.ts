/** @file Examples that stand under the options of a command. */

export const TRAIN_HELP = `
A recipe for the embedded German-English pairs:
  { "model": { "kind": "transformer", "dModel": 64, "numLayers": 3,
      "normPlacement": "pre", "dropout": 0.1 },
    "data": { "kind": "pairs", "source": "ui-de-en" },
    "tokenizer": { "kind": "bpe", "vocabSize": 1000 },
    "optimizer": { "kind": "adam", "betas": [0.9, 0.98] },
    "schedule": { "kind": "inverseSqrt", "maxLr": 0.002, "warmupSteps": 100 },
    "labelSmoothing": 0.1, "steps": 600, "evalEvery": 100 }
and for a text file of your own ("kjv" is embedded):
  { "model": { "kind": "causalLM", "dModel": 64, "numLayers": 2 },
    "data": { "kind": "text", "source": "book.txt",
      "seqLen": 64, "batchSize": 16 },
    "tokenizer": { "kind": "bpe", "vocabSize": 500 },
    "optimizer": { "kind": "adamw" },
    "schedule": { "kind": "cosine", "maxLr": 0.003,
      "warmupSteps": 50, "totalSteps": 500 },
    "steps": 500 }
Every key, every kind of data: docs/recipe.md of the package.
`;

export const SWEEP_HELP = `
Beside a recipe of your own, every rate with every placement, three seeds each:
  { "recipe": "recipe.json",
    "grid": { "schedule.maxLr": [0.0005, 0.001, 0.002],
      "model.normPlacement": ["post", "pre"],
      "seed": { "range": { "from": 1, "to": 3, "step": 1 } } } }
product, zip and list combine fields otherwise: docs/sweeps.md of the package.
`;
