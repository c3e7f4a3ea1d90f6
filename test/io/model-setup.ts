/** @file Models of every kind with what belongs to them, and files that are nearly right. */
import { createHash } from 'node:crypto';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import type { LibraryModel } from '../../src/nn/index.js';
import { type ModelKind, makeModel } from '../../src/nn/model-kinds.js';
import { trainBPE, trainChars } from '../../src/text/index.js';

const text = 'a model, its tokenizer and its labels go into one file. '.repeat(20);
export const bpe = trainBPE([text], { vocabSize: 270 });
export const chars = trainChars(text);

const sizes = { dModel: 8, numHeads: 2, numLayers: 2, dFF: 12, maxSeqLen: 24 };

/** What a model of each kind is made of. */
export const optionsOf: Record<Exclude<ModelKind, 'pairClassifier'>, object> = {
  causalLM: { ...sizes, vocabSize: bpe.vocabSize },
  transformer: { ...sizes, vocabSize: bpe.vocabSize },
  maskedLM: { ...sizes, vocabSize: bpe.vocabSize, numSegments: 2, nextSentence: true },
  textClassifier: { ...sizes, vocabSize: bpe.vocabSize, numClasses: 3, numSegments: 2, pooling: 'mean' },
  visionTransformer: { dModel: 8, numHeads: 2, numLayers: 2, imageSize: 4, patchSize: 2, numClasses: 3 },
};

export const labels = ['no', 'yes', 'per\u00adhaps "so"'];

/** Logits of a model on some fixed batch. */
export function logits(model: LibraryModel): Float32Array {
  const ids = Int32Array.of(5, 9, 7, 12, 8, 6);
  const rows = { ids, batchSize: 2, seqLen: 3, segments: Int32Array.of(0, 0, 1, 0, 1, 1) };
  const lengths = Int32Array.of(3, 2);
  const run = (): { toArray(): ArrayLike<number> } => {
    switch (model.kind) {
      case 'causalLM':
        return model.forward({ ids, batchSize: 2, seqLen: 3 });
      case 'transformer':
        return model.forward({
          source: ids,
          sourceLengths: lengths,
          targetInput: ids,
          targetLengths: lengths,
          batchSize: 2,
          sourceLen: 3,
          targetLen: 3,
        });
      case 'visionTransformer':
        return model.forward({ images: Float32Array.from({ length: 32 }, (_, i) => i / 32), batchSize: 2 });
      case 'maskedLM':
      case 'textClassifier':
        return model.forward({ ...rows, lengths });
    }
  };
  return Float32Array.from(run().toArray());
}

/** A model whose weights are not those that its seed gives. */
export function trainedModel<K extends ModelKind>(kind: K, options: object): LibraryModel<K> {
  const model = makeModel(kind, options);
  for (const parameter of model.parameters()) {
    parameter.set(Float32Array.from(parameter.toArray(), (x, i) => x + ((i % 7) - 3) / 32));
  }
  return model;
}

/** The same file with other metadata or tensors and a right SHA-256, as somebody who means harm would write it. */
export function rewritten(
  bytes: Uint8Array,
  change: Record<string, string | undefined>,
  tensors: (map: ReturnType<typeof decodeSafetensors>['tensors']) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const file = decodeSafetensors(bytes, 'model');
  tensors(file.tensors);
  const all = { ...file.metadata, ...change, sha256: '0'.repeat(64) };
  const kept = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return sealed(encodeSafetensors(file.tensors, Object.fromEntries(kept)));
}

/** The file with the right SHA-256 in place of 64 zeros. */
export function sealed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const position = Buffer.from(bytes).indexOf(`"sha256":"${'0'.repeat(64)}"`) + 10;
  bytes.set(Buffer.from(createHash('sha256').update(bytes).digest('hex')), position);
  return bytes;
}
