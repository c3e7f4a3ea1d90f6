/** @file `exportONNX`: a model of ours as a folder that onnxruntime, and where it has the architecture transformers.js, runs. */
import { anything, checkOptions, flag, integer, optional, text } from '../checks.js';
import { brief, ConfigError, EnvironmentError, NumericError } from '../errors.js';
import { labelsProblem, libraryKind } from '../io/model-file.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import type { VisionTransformerConfig } from '../nn/vision-transformer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { encodeBytes } from '../utf8.js';
import { VERSION } from '../version.js';
import { fittingFamily } from './families.js';
import { labelEntries, unnamedLabels } from './labels.js';
import { tokenizerFiles } from './tokenizer.js';

/** How a model is written for onnxruntime. */
export interface ExportONNXOptions {
  /** Version of the operators, from 17 to 23; what a later one has an operator for is spelled out in an earlier. Default 17. */
  opset?: number;
  /** How matrices are stored: `f16` halves the file. Computed is in float32 either way. Default `f32`. */
  dtype?: 'f32' | 'f16';
  /**
   * Only for models that generate: whether keys and values of earlier positions go in and come out (`past_key_values`,
   * `present`), so that each new token costs one position. Default true.
   */
  withPast?: boolean;
  /** The tokenizer that the model was trained with: a `Tokenizer` or a `PretrainedTokenizer`. Default: none is written. */
  tokenizer?: Tokenizer | PretrainedTokenizer | null;
  /** Names of a classifier's classes, in their order. Default: `LABEL_0` and so on. */
  labels?: readonly string[] | null;
  /** Largest file, in bytes: weights of a larger model lie beside it, in `model.onnx_data`. Default 2e9. */
  maxFileBytes?: number;
}

const OP = 'exportONNX';

/** What one message of protobuf can hold. */
const MOST = 2_147_483_647;

/**
 * The files of a folder by their names: `onnx/model.onnx` (of an encoder-decoder `onnx/encoder_model.onnx`,
 * `onnx/decoder_model.onnx` and with the cache `onnx/decoder_with_past_model.onnx`; in f16 `…_fp16.onnx`), `config.json`, and
 * with a tokenizer its files and `generation_config.json`. Standard operators only; batch and length may be any. The protobuf
 * library `@bufbuild/protobuf`, which is not installed with this package, writes them.
 * @throws ConfigError for an option, a tokenizer or labels that cannot be; EnvironmentError where the protobuf library is
 * missing; NumericError for weights that are no finite numbers, or too large for f16
 */
export async function exportONNX(
  model: LibraryModel,
  options: ExportONNXOptions = {},
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  checkOptions<ExportONNXOptions>(OP, options, {
    opset: optional(integer(17, 23)),
    dtype: optional(anything),
    withPast: optional(flag),
    tokenizer: optional(anything),
    labels: optional({
      wanted: 'a list of strings, or null',
      holds: (list) => list === null || (Array.isArray(list) && list.every(text.holds)),
    }),
    maxFileBytes: optional(integer(1, MOST)),
  });
  const kind = libraryKind(OP, model);
  const {
    opset = 17,
    dtype = 'f32',
    withPast,
    tokenizer = null,
    labels = null,
    maxFileBytes = 2e9,
  } = options;
  checkType(dtype);
  const generates = kind === 'causalLM' || kind === 'transformer';
  if (withPast !== undefined && !generates) {
    throw new ConfigError(`a ${kind} generates nothing, so it has no keys and values to keep`, {
      op: OP,
      expected: 'withPast left out',
      actual: withPast,
    });
  }
  const problem = labelsProblem(labels, model.config);
  if (problem !== null) throw new ConfigError(problem, { op: OP, actual: labels });
  const texts = tokenizer === null ? null : tokenizerFiles(tokenizer, model, OP);

  const { onnxFiles } = await import('./onnx/files.js');
  const { files, beside } = await onnxFiles(
    model,
    { opset, halves: dtype === 'f16', withPast: withPast ?? true, maxFileBytes },
    { ConfigError, EnvironmentError, NumericError, version: VERSION },
  );
  const folder = new Map<string, Uint8Array<ArrayBuffer>>();
  const put = (name: string, value: unknown) =>
    folder.set(name, encodeBytes(`${JSON.stringify(value, null, 2)}\n`).slice());
  const { numClasses: classes } = model.config as { numClasses?: number };
  put('config.json', {
    ...architectureOf(model),
    ...(classes === undefined ? {} : labelEntries(labels ?? unnamedLabels(classes))),
    ...texts?.config,
    ...(beside.size === 0
      ? {}
      : { 'transformers.js_config': { use_external_data_format: Object.fromEntries(beside) } }),
  });
  for (const [name, content] of texts?.files ?? []) put(name, content);
  if (generates && texts) put('generation_config.json', generationOf(model, texts.config));
  if (kind === 'visionTransformer')
    put('preprocessor_config.json', pixelsOf(model.config as VisionTransformerConfig));
  for (const [name, bytes] of files) folder.set(`onnx/${name}`, bytes);
  return folder;
}

function checkType(dtype: unknown): void {
  if (dtype === 'f32' || dtype === 'f16') return;
  throw new ConfigError(`dtype must be one of f32, f16, got ${brief(dtype)}`, {
    op: OP,
    expected: ['f32', 'f16'],
    actual: dtype,
    hint: "for 8 or 4 bits export f32, and give the file to quantize_dynamic of Python's onnxruntime.quantization",
  });
}

/** Their architecture where they have it; else one that no program knows by name, which then runs the graph as it is. */
function architectureOf(model: LibraryModel): Record<string, unknown> {
  const family = fittingFamily(model);
  const { config } = model;
  if (!family) return { model_type: 'prenorm', prenorm: { kind: model.kind, config } };
  return { model_type: family.type, architectures: [family.architecture(config)], ...family.config(config) };
}

function generationOf({ kind }: LibraryModel, ids: Record<string, unknown>): Record<string, unknown> {
  return kind === 'transformer' ? { ...ids, decoder_start_token_id: ids.bos_token_id } : ids;
}

/** Pixels from 0 to 1, of which a file says nothing: whoever trained with others says so there. */
const pixelsOf = ({ imageSize: side }: VisionTransformerConfig): Record<string, unknown> => ({
  image_processor_type: 'ViTImageProcessor',
  do_resize: true,
  size: { height: side, width: side },
  resample: 2,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: false,
});
