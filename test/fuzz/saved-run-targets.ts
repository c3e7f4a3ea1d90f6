/** @file Checkpoints and models that are nearly right. */

import { createHash } from 'node:crypto';
import type { PairBatch } from '../../src/data/index.js';
import { CheckpointError, NumericError } from '../../src/errors.js';
import { modelFrom } from '../../src/io/load-model.js';
import { saveModel } from '../../src/io/model-file.js';
import { decodeSafetensors, readSafetensorsHeader } from '../../src/io/safetensors.js';
import { CausalLM } from '../../src/nn/models.js';
import { TextClassifier } from '../../src/nn/text-classifier.js';
import { createRuntime } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { loadCheckpointWeights, type Trainer } from '../../src/train/index.js';
import { translationTrainer, translator } from '../train/setup.js';
import { mutate, pick, serialize, type Tree, text, treeOf } from './json-tree.js';
import { type FuzzTarget, withDeadline } from './loop.js';
import { must, only, onlyLater, safetensorsFile, several } from './nearly-right.js';
import { bytesOf, rebuilt, reshuffle } from './tensor-targets.js';
import { trained } from './text-targets.js';

/** Trains a little, so that moments, losses and a position in the data are there to be damaged. */
export function checkpointTarget(): FuzzTarget {
  let trainer: Trainer<PairBatch>;
  let baseline: Uint8Array | undefined;
  let header: Tree;
  let data: Uint8Array;
  let other: ReturnType<typeof translator>;
  return {
    name: 'checkpoint',
    async reset() {
      if (baseline) return;
      const runtime = await createRuntime();
      withRuntime(runtime, () => {
        trainer = translationTrainer({ config: { seed: 1 }, accumulate: 1 });
        other = translator();
        for (let step = 0; step < 3; step++) trainer.trainStep();
      });
      baseline = trainer.save();
      const parsed = readSafetensorsHeader(baseline, 'baseline');
      header = treeOf(JSON.parse(parsed.text));
      data = baseline.subarray(parsed.dataStart);
    },
    make(random) {
      if (random.nextInt(3) === 0) return seal(rebuilt(baseline as Uint8Array, random));
      let tree = structuredClone(header) as Tree & { kind: 'object' };
      if (random.nextInt(2) === 0) {
        // Inside the values of the metadata, which are JSON themselves.
        const metadata = tree.entries.find(([key]) => key === '__metadata__')?.[1] as Tree & {
          kind: 'object';
        };
        const entry = pick(random, metadata.entries);
        const inner = JSON.parse((entry[1] as { text: string }).text) as string;
        if (/^[[{"\d]/.test(inner) && entry[0] !== 'sha256' && entry[0] !== 'kernelHash') {
          entry[1] = text(serialize(mutate(treeOf(JSON.parse(inner)), random)));
        } else entry[1] = text(pick(random, ['', '0', '2', 'x', '__proto__']));
      } else {
        const reshuffled = random.nextInt(2) === 0;
        if (reshuffled) reshuffle(tree, random);
        else tree = mutate(tree, random) as typeof tree;
      }
      const values = data.slice();
      if (random.nextInt(4) === 0) values[random.nextInt(values.length)] ^= 1 << random.nextInt(8);
      const bytes = safetensorsFile(serialize(tree), values, random);
      return random.nextInt(8) === 0 ? bytes : seal(bytes);
    },
    run(bytes) {
      let accepted = false;
      try {
        only([CheckpointError], () => {
          trainer.restore(bytes, 'x.ckpt');
          accepted = true;
        });
      } finally {
        if (!accepted)
          must(
            Buffer.compare(trainer.save(), baseline as Uint8Array) === 0,
            'a refused checkpoint changed the state',
          );
      }
      const names = (file: Uint8Array) => [...decodeSafetensors(file, 'x').tensors.keys()].sort().join('\n');
      must(names(bytes) === names(trainer.save()), 'accepted with other tensors');
      try {
        trainer.trainStep();
        trainer.save();
      } catch (error) {
        // Weights of any value may be stored; that they explode shows in the step.
        if (!(error instanceof NumericError)) throw new Error(`accepted, then ${error}`);
      }
      loadCheckpointWeights(other, bytes);
      trainer.restore(baseline as Uint8Array);
      must(Buffer.compare(trainer.save(), baseline as Uint8Array) === 0, 'the state cannot be restored');
    },
    repair: seal,
  };
}

/** Files of models whose seal is right and whose content is not, mostly in what lies beside the weights. */
export function modelTarget(): FuzzTarget {
  let runtime: Runtime;
  let baselines: { bytes: Uint8Array; header: Tree & { kind: 'object' }; data: Uint8Array }[] = [];
  return {
    name: 'model',
    async reset() {
      if (baselines.length > 0) return;
      runtime = await createRuntime();
      const sizes = { dModel: 8, numHeads: 2, numLayers: 1, dFF: 8, vocabSize: trained.vocabSize };
      const recipe = { model: { kind: 'causalLM' }, data: { kind: 'text', source: 'a.txt' }, steps: 3 };
      const labels = ['a', 'b', 'c'];
      baselines = withRuntime(runtime, () => [
        saveModel(new CausalLM(sizes), { tokenizer: trained, recipe, step: 3 }),
        saveModel(new TextClassifier({ ...sizes, numClasses: 3 }), { tokenizer: trained, labels }),
      ]).map((bytes) => {
        const parsed = readSafetensorsHeader(bytes, 'baseline');
        const header = treeOf(JSON.parse(parsed.text)) as Tree & { kind: 'object' };
        return { bytes, header, data: bytes.subarray(parsed.dataStart) };
      });
    },
    make(random) {
      const { bytes, header, data } = pick(random, baselines);
      if (random.nextInt(4) === 0) return seal(rebuilt(bytes, random));
      let tree = structuredClone(header);
      if (random.nextInt(5) > 0) {
        const metadata = tree.entries.find(([key]) => key === '__metadata__')?.[1] as typeof tree;
        const entry = pick(
          random,
          metadata.entries.filter(([key]) => key !== 'sha256'),
        );
        const inner = (entry[1] as { text: string }).text;
        entry[1] = text(
          /^[[{\d]/.test(inner)
            ? serialize(several(treeOf(JSON.parse(inner)), random))
            : pick(random, ['', '0', '2', 'null', 'maskedLM', '__proto__', '0.2.1']),
        );
      } else if (random.nextInt(2) === 0) reshuffle(tree, random);
      else tree = mutate(tree, random) as typeof tree;
      const file = safetensorsFile(serialize(tree), data, random);
      return random.nextInt(8) === 0 ? file : seal(file);
    },
    async run(bytes) {
      await onlyLater([CheckpointError], async () => {
        const loaded = await modelFrom({ bytes, path: 'x' }, { runtime });
        const { model, tokenizer, labels, recipe, step } = loaded;
        const beside = { tokenizer, labels, recipe, step: step ?? undefined, spareIds: true };
        const saved = withDeadline(() => saveModel(model, beside));
        const again = await modelFrom({ bytes: saved, path: 'y' }, { runtime });
        for (const [name, { data }] of model.stateDict()) {
          const other = again.model.stateDict().get(name)?.data;
          must(Buffer.compare(bytesOf(data), bytesOf(other)) === 0, 'weights changed');
        }
        must(JSON.stringify(again.config) === JSON.stringify(model.config), 'the configuration changed');
        const row = { ids: Int32Array.of(3), batchSize: 1, seqLen: 1 };
        withRuntime(runtime, () => {
          (model as CausalLM).forward(row).toArray();
          runtime.endStep();
        });
      });
    },
    repair: seal,
  };
}

/** Makes the SHA-256 of a checkpoint right again. */
export function seal(bytes: Uint8Array): Uint8Array {
  const out = Buffer.from(bytes);
  const at = out.indexOf('"sha256":"') + 10;
  if (at < 10 || at + 64 > out.length) return bytes;
  out.fill('0', at, at + 64);
  out.write(createHash('sha256').update(out).digest('hex'), at);
  return Uint8Array.from(out);
}
