/** @file Files of models that are not read here, each with what to do about it. */
import { checkValue, iterable, text } from '../checks.js';
import { FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';

interface Foreign {
  test: RegExp;
  what: string;
  /** Whether it has weights, a tokenizer, or both. */
  holds: readonly ('weights' | 'tokenizer')[];
  hint: string;
}

const SAVE = (kind: string): string =>
  `in Python: from transformers import ${kind}; ${kind}.from_pretrained('FOLDER').save_pretrained('FOLDER')`;

const FOREIGN: readonly Foreign[] = [
  {
    test: /\.gguf$/i,
    what: "a GGUF file, llama.cpp's format",
    holds: ['weights', 'tokenizer'],
    hint: 'fetch the folder of the original model, with its tokenizer.json and *.safetensors',
  },
  {
    test: /(^|\/)(spiece|spm|sentencepiece|tokenizer|source|target)[^/]*\.(model|spm)$|\.spm$/i,
    what: "SentencePiece's own file",
    holds: ['tokenizer'],
    hint: `write it as tokenizer.json, ${SAVE('AutoTokenizer')}`,
  },
  {
    test: /\.(bin|pt|pth|ckpt|pkl)(\.index\.json)?$/i,
    what: "a pickle of PyTorch's, which is a program and may do anything",
    holds: ['weights'],
    hint: `write it as model.safetensors, ${SAVE('AutoModel')}`,
  },
  {
    test: /\.h5$|\.keras$/i,
    what: "weights of TensorFlow's",
    holds: ['weights'],
    hint: "write it as model.safetensors, in Python: from transformers import AutoModel; AutoModel.from_pretrained('FOLDER', from_tf=True).save_pretrained('FOLDER')",
  },
  {
    test: /\.msgpack$/i,
    what: "weights of Flax's",
    holds: ['weights'],
    hint: "write it as model.safetensors, in Python: from transformers import AutoModel; AutoModel.from_pretrained('FOLDER', from_flax=True).save_pretrained('FOLDER')",
  },
  {
    test: /\.(onnx|tflite|mlmodel|mlpackage)$/i,
    what: 'a graph of operations without the names of weights',
    holds: ['weights'],
    hint: 'fetch the folder of the original model, with its *.safetensors',
  },
];

/** Names that such files have nearly always: to ask a folder for that cannot list what it has. */
export const FOREIGN_NAMES: readonly string[] = [
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'model.gguf',
  'tf_model.h5',
  'flax_model.msgpack',
  'model.onnx',
  'tokenizer.model',
  'spiece.model',
];

/** The error for a file that is not read here; null for any other name. */
export function foreignFile(name: string, holds: 'weights' | 'tokenizer'): FormatError | null {
  const found = FOREIGN.find((foreign) => foreign.holds.includes(holds) && foreign.test.test(name));
  if (found === undefined) return null;
  return new FormatError(`${found.what}, is not read here`, { path: name, actual: name, hint: found.hint });
}

/**
 * Refuses weights that are not read here: a folder without `*.safetensors` that has another kind of file, and weights of
 * few bits, which config.json tells by its `quantization_config`.
 * @param names of the folder's files
 * @param configJSON what config.json holds, if it is there
 * @throws FormatError that says how to convert
 * @throws ConfigError for what is no list of names
 */
export function checkWeightFiles(names: Iterable<string>, configJSON?: unknown): void {
  checkValue('checkWeightFiles', 'names', names, iterable);
  const list = [...names];
  list.forEach((name, i) => {
    checkValue('checkWeightFiles', `names[${i}]`, name, text);
  });
  checkFullWidth(configJSON);
  if (list.some((name) => /\.safetensors$/i.test(name))) return;
  for (const name of list) {
    const error = foreignFile(name, 'weights');
    if (error !== null) throw error;
  }
}

/** @throws FormatError when config.json says that the weights are of few bits */
export function checkFullWidth(configJSON: unknown): void {
  if (isJsonObject(configJSON) && isJsonObject(configJSON.quantization_config)) {
    const method = configJSON.quantization_config.quant_method;
    throw new FormatError(`the weights are quantised${typeof method === 'string' ? ` (${method})` : ''}`, {
      path: 'config.json.quantization_config',
      expected: 'weights in F32, F16 or BF16',
      actual: method,
      hint: "fetch the original model; or in Python: model.dequantize().save_pretrained('FOLDER')",
    });
  }
}
