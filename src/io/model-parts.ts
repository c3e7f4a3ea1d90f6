/**
 * @file What a file says of a model, before anything is made of it: a file of `saveModel`, or a checkpoint, whose
 * versions said it in three ways.
 */
import { brief, CheckpointError } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { StateDict } from '../nn/module.js';
import { checkpointFormat } from './checkpoint-file.js';
import { modelFormat } from './model-file.js';
import { readTensors, type SafetensorsHeader } from './safetensors.js';
import { type Json, jsonOf, openSealed } from './sealed-file.js';

/** Parts of a model out of a file. Nobody vouches for what is `Json`. */
export interface ModelParts {
  kind: Json;
  config: Json;
  tokenizer: Json;
  labels: Json;
  recipe: Json;
  step: Json;
  dataHash: Json;
  version: string | null;
  /** Of a checkpoint whose low-rank parts lie beside the matrices: what they are. */
  adapter: Json;
  /** Ids of the model that the tokenizer does not have; null where the file does not say. */
  spareIds: number | null;
  /** Values of the weights, and how many tensors they are. */
  room: { elements: number; tensors: number };
  /** The weights, to be read at once: they lie in the bytes of the file, where they can. */
  weights(): StateDict;
}

/** What lies beside the checkpoint of a run, whose model has the best weights. */
export interface RunParts {
  tokenizer: Json;
  recipe: Json;
  /** Of its best weights; null where it does not say. */
  step: number | null;
}

/** Bytes of a model or a checkpoint, what messages call them, and what lay beside them. */
export interface ReadSource {
  bytes: Uint8Array;
  path: string;
  beside?: RunParts;
}

/** @throws CheckpointError for a file that is not whole, or neither a model nor a checkpoint */
export function partsOf(bytes: Uint8Array, path: string, beside?: RunParts): ModelParts {
  const { header, format } = openSealed(bytes, path, modelFormat, checkpointFormat);
  return format === modelFormat
    ? partsOfModel(bytes, header, path)
    : partsOfCheckpoint(bytes, header, path, beside);
}

function partsOfModel(bytes: Uint8Array, header: SafetensorsHeader, path: string): ModelParts {
  const { metadata } = header;
  const json = (key: string) => jsonOf(metadata, key, path, 'model');
  const training = json('training');
  return {
    kind: metadata.kind ?? null,
    config: json('config'),
    tokenizer: json('tokenizer'),
    labels: json('labels'),
    recipe: json('recipe'),
    ...(isJsonObject(training)
      ? { step: training.step as Json, dataHash: training.dataSha256 as Json }
      : { step: null, dataHash: null }),
    version: metadata.prenorm ?? null,
    adapter: null,
    spareIds: Number(metadata.spareIds),
    ...weightsOf(bytes, header, '', path),
  };
}

function partsOfCheckpoint(
  bytes: Uint8Array,
  header: SafetensorsHeader,
  path: string,
  folder?: RunParts,
): ModelParts {
  const beside = folder ?? { tokenizer: null, recipe: null };
  const { metadata } = header;
  const json = (key: string) => jsonOf(metadata, key, path, 'checkpoint');
  const config = json('config');
  const extra = json('extra');
  const said = isJsonObject(extra) && isJsonObject(extra.model) ? extra : null;
  // Of a run it is the best weights, which are there a second time only where they are not the last.
  const isBest = folder !== undefined && header.tensors.some(({ name }) => name.startsWith(BEST));
  const weights = weightsOf(bytes, header, isBest ? BEST : 'model.', path);
  const { data } = isJsonObject(config) ? config : {};
  const model = (said?.model ?? olderModel(config, header, path)) as Record<string, Json>;
  return {
    kind: model.kind,
    config: model.config,
    tokenizer: (said?.tokenizer ?? beside.tokenizer) as Json,
    labels: (said?.labels ?? null) as Json,
    recipe: (said?.recipe ?? beside.recipe) as Json,
    step: folder ? folder.step : Number(metadata.step),
    dataHash: (isJsonObject(data) && 'recipe' in (config as object) ? data.sha256 : null) as Json,
    version: null,
    adapter: (said?.adapter ?? null) as Json,
    spareIds: null,
    ...weights,
  };
}

const BEST = 'best.';

function weightsOf(bytes: Uint8Array, header: SafetensorsHeader, prefix: string, path: string) {
  const records = header.tensors.filter(({ name }) => name.startsWith(prefix));
  let elements = 0;
  for (const { shape } of records) elements += shape.reduce((a, b) => a * b, 1);
  return {
    room: { elements, tensors: records.length },
    weights: () => {
      const state: StateDict = new Map();
      for (const [name, { shape, data }] of readTensors(bytes, header, prefix, true)) {
        if (!(data instanceof Float32Array || data instanceof Float64Array)) {
          throw new CheckpointError(`tensor ${brief(name)} does not hold floats`, { path });
        }
        state.set(name.slice(prefix.length), { shape, data });
      }
      return state;
    },
  };
}

/** Tokens of a window where a configuration of version 0.1 did not say. */
const SEQ_LEN_OF_01 = 64;

/** Kind and options as checkpoints before 0.3 said them: with the configuration of the run, if at all. */
function olderModel(config: Json, header: SafetensorsHeader, path: string): { kind: Json; config: Json } {
  const { model, task, data, seqLen, seeds } = (isJsonObject(config) ? config : {}) as Record<string, Json>;
  const options = isJsonObject(model) ? (model as Record<string, Json>) : {};
  const tasks: Record<string, string> = { lm: 'causalLM', translation: 'transformer' };
  const kind = options.kind ?? (typeof task === 'string' ? tasks[task] : undefined);
  if (typeof kind !== 'string') {
    throw new CheckpointError('the checkpoint does not say which model it is of', {
      path,
      hint: 'give the folder of the run, or make the model and use loadCheckpointWeights(model, bytes)',
    });
  }
  // What version 0.1 filled in without saying so.
  const shapeOf = (name: string) => header.tensors.find((tensor) => tensor.name === `model.${name}`)?.shape;
  const given = seqLen ?? (isJsonObject(data) ? (data.seqLen as Json) : undefined);
  const length = given ?? (task === 'lm' ? SEQ_LEN_OF_01 : undefined);
  const filled = {
    vocabSize: shapeOf('embedding.tokens.weight')?.[0],
    maxSeqLen: shapeOf('embedding.positions.weight')?.[0] ?? (kind === 'causalLM' ? length : undefined),
    numClasses: shapeOf('head.classifier.weight')?.[0],
    seed: isJsonObject(seeds) ? (seeds.model as Json) : undefined,
  };
  const { kind: _, ...own } = options;
  const known = Object.entries(filled).filter(([key, value]) => value !== undefined && !(key in own));
  return { kind, config: { ...Object.fromEntries(known), ...own } as Json };
}
