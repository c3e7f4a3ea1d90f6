/**
 * @file PyTorch state dicts. Inside a layer our keys are PyTorch's own (`self_attn.in_proj_weight`,
 * `linear1.bias`, `norm2.weight`), so this file deals with what stands around them: which of PyTorch's modules
 * a state belongs to, its sizes, and its place in our models.
 *
 * | PyTorch                              | keys                         | ours                                |
 * |--------------------------------------|------------------------------|-------------------------------------|
 * | `nn.Transformer`                     | `encoder.…`, `decoder.…`     | `Transformer`                       |
 * | `nn.TransformerEncoder`              | `layers.0.…`, `norm.…`       | `TransformerEncoder`, `CausalLM`    |
 * | `nn.TransformerDecoder`              | `layers.0.multihead_attn.…`  | `TransformerDecoder`                |
 * | `nn.TransformerEncoderLayer`         | `self_attn.…`                | `TransformerEncoderLayer`           |
 * | `nn.TransformerDecoderLayer`         | `multihead_attn.…`           | `TransformerDecoderLayer`           |
 *
 * The final norm. `torch.nn.Transformer` ends both stacks with a norm even where `norm_first=False`, so its
 * Post-LN has one more norm than the paper's. The rule: a state with `encoder.norm.*` (or `norm.*` in a stack)
 * means `finalNorm: true`, one without means `finalNorm: false`, whatever the placement; and saving writes
 * these keys only when the model has the norm. A Post-LN `Transformer` with `finalNorm: 'auto'` therefore
 * loads in PyTorch into stacks made with `norm=None` (`custom_encoder`, `custom_decoder`).
 *
 * A state says nothing about the number of heads, the placement (`norm_first`) and the activation: these the
 * caller has to know.
 */
import {
  checkOptions,
  checkValue,
  flag,
  hostObject,
  optional,
  type Rule,
  type Rules,
  text,
} from '../checks.js';
import { ConfigError, FormatError } from '../errors.js';
import { decodeSafetensors, encodeSafetensors, type TensorEntry } from '../io/safetensors.js';
import { isJsonObject } from '../json.js';
import {
  CausalLM,
  type Module,
  MultiHeadAttention,
  type StateDict,
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../nn/index.js';
import { placementName } from '../nn/placement-names.js';
import {
  checkShapes,
  expectedShapes,
  kindOf,
  sizesOf,
  type TensorShapes,
  type TorchConfig,
  type TorchKind,
} from './torch-shapes.js';

export type { TensorShapes, TorchConfig, TorchKind };

/** Where in a larger state to look. */
export interface TorchOptions {
  /** Where the module sits in the state of a larger one, e.g. `transformer.`; keys elsewhere are left alone. Default: all of it. */
  prefix?: string;
  /** Full key of the token embedding's weight, which no `torch.nn.Transformer` has. Default: none. */
  embedding?: string;
  /** Full key of an untied output projection's weight. Default: none. */
  output?: string;
}

/** A PyTorch state under our names. */
export interface TorchState {
  config: TorchConfig;
  /** Keys of our model, ready for `loadStateDict`. */
  state: StateDict;
}

// Made when asked for: bundlers leave it out then where nothing of PyTorch is read.
const rules = (): Rules<TorchOptions> => ({
  prefix: optional(text),
  embedding: optional(text),
  output: optional(text),
});
const mapOf = /* @__NO_SIDE_EFFECTS__ */ (wanted: string, holds: (tensor: TensorEntry) => boolean): Rule => ({
  wanted: `a state dict, a Map of names to ${wanted}`,
  holds: (value) =>
    hostObject(value, 'Map') &&
    [...(value as ReadonlyMap<unknown, unknown>)].every(
      ([name, tensor]) =>
        text.holds(name) && isJsonObject(tensor) && Array.isArray(tensor.shape) && holds(tensor as never),
    ),
});
const shapesRule = mapOf('{ shape }', () => true);
const stateRule = mapOf('{ shape, data }', ({ data }) => ArrayBuffer.isView(data));
const EMBEDDING = 'embedding.tokens.weight';
const OUTPUT = 'output.linear.weight';

/**
 * The kind and the sizes of a PyTorch state, every tensor of it checked.
 * @throws FormatError naming the missing or unexpected keys, or the tensor whose shape does not fit.
 */
export function inferTorchConfig(state: TensorShapes, options: TorchOptions = {}): TorchConfig {
  checkOptions('inferTorchConfig', options, rules());
  checkValue('inferTorchConfig', 'state', state, shapesRule);
  const { prefix = '' } = options;
  const body = bodyOf(state, options);
  const kind = kindOf(body);
  if (!kind) {
    const elsewhere = [...state.keys()].find((key) => key.includes('self_attn.in_proj_weight'));
    const found = elsewhere?.replace(
      /(?:(?:encoder|decoder)\.)?(?:layers\.\d+\.)?self_attn\.in_proj_weight.*/,
      '',
    );
    throw new FormatError(`no Transformer, stack or layer of PyTorch${prefix ? ` below "${prefix}"` : ''}`, {
      op: 'inferTorchConfig',
      expected: 'keys like encoder.layers.0.self_attn.in_proj_weight',
      actual: [...state.keys()].slice(0, 8),
      hint: found
        ? `there is one below { prefix: ${JSON.stringify(found)} }`
        : 'is this the state dict of another module?',
    });
  }
  const config = sizesOf(kind, body);
  checkShapes(body, expectedShapes(config));
  return config;
}

/**
 * A PyTorch state under the keys of our models. Of `encoder` states, `{ causalLM: true }` makes the stack of a
 * `CausalLM`.
 * @throws FormatError as `inferTorchConfig` does, and when a named embedding is missing.
 */
export function fromTorchState(
  state: StateDict,
  options: TorchOptions & {
    /** Whether the stack of an `encoder` is to be that of a `CausalLM`. Default false. */
    causalLM?: boolean;
  } = {},
): TorchState {
  checkOptions<TorchOptions & { causalLM?: boolean }>('fromTorchState', options, {
    ...rules(),
    causalLM: optional(flag),
  });
  checkValue('fromTorchState', 'state', state, stateRule);
  const { causalLM = false, ...where } = options;
  const config = inferTorchConfig(state, where);
  if (causalLM && config.kind !== 'encoder') {
    throw new FormatError(`a CausalLM needs the state of a TransformerEncoder, this is a ${config.kind}`, {
      op: 'fromTorchState',
      expected: 'encoder',
      actual: config.kind,
    });
  }
  const mapped: StateDict = new Map();
  for (const [key, value] of bodyOf(state, options)) mapped.set(causalLM ? `encoder.${key}` : key, value);
  for (const [own, key] of [
    [EMBEDDING, options.embedding],
    [OUTPUT, options.output],
  ] as const) {
    if (key === undefined) continue;
    const value = state.get(key);
    if (!value) {
      throw new FormatError(`missing ${key}`, {
        op: 'fromTorchState',
        expected: key,
        actual: [...state.keys()],
      });
    }
    mapped.set(own, value);
  }
  return { config, state: mapped };
}

/**
 * Overwrites the parameters of `model` by a PyTorch state. Parameters that PyTorch's modules do not have
 * (embeddings, positions, an untied output) keep their values unless `options` names them.
 * @throws FormatError when the state is of another kind, depth, width or final norm; nothing is written then.
 */
export function loadTorchState(model: Module, state: StateDict, options: TorchOptions = {}): TorchConfig {
  checkValue('loadTorchState', 'state', state, stateRule);
  const { kind, inBody } = placeOf(model);
  const found = inferTorchConfig(state, options).kind;
  if (found !== kind) {
    throw new FormatError(`the state is of kind ${found}, the model needs kind ${kind}`, {
      op: 'loadTorchState',
      expected: kind,
      actual: found,
    });
  }
  const { config, state: mapped } = fromTorchState(state, {
    ...options,
    causalLM: model instanceof CausalLM,
  });
  const own = model.stateDict();
  const hasFinalNorm = [...own.keys()].some(
    (key) => inBody(key) && /^(?:encoder\.|decoder\.)?norm\./.test(key),
  );
  if (hasFinalNorm !== config.finalNorm && !kind.endsWith('-layer')) {
    throw new FormatError(
      config.finalNorm
        ? 'the state has a final norm, the model has none'
        : 'the model has a final norm, the state has none',
      {
        op: 'loadTorchState',
        expected: hasFinalNorm,
        actual: config.finalNorm,
        hint: `build the model with { finalNorm: ${config.finalNorm} }`,
      },
    );
  }
  const rest = [...own].filter(([key]) => !inBody(key));
  model.loadStateDict(new Map([...rest, ...mapped]));
  return config;
}

/**
 * The parameters of `model` under PyTorch's keys. What PyTorch's modules do not have is left out unless
 * `options` gives it a key.
 * @throws FormatError for a model that PyTorch cannot express (Peri-LN, RMSNorm).
 */
export function toTorchState(model: Module, options: TorchOptions = {}): StateDict {
  checkOptions('toTorchState', options, rules());
  const { inBody, strip } = placeOf(model);
  const { prefix = '' } = options;
  const body: StateDict = new Map();
  const rest: StateDict = new Map();
  for (const [key, value] of model.stateDict()) {
    if (inBody(key)) body.set(key.slice(strip.length), value);
    else rest.set(key, value);
  }
  const placement = [...model.namedModules()]
    .map(([, module]) => (module as { normPlacement?: string }).normPlacement)
    .find((name) => name !== undefined && name !== 'post' && name !== 'pre');
  const key = [...body.keys()].find((name) => /_norm\.|\.qk_l2\.|norm\d?\.(alpha|g)$|linear3\./.test(name));
  const turned = [...model.namedModules()].some(
    ([, part]) => part instanceof MultiHeadAttention && part.angles,
  );
  const foreign = placement
    ? `normPlacement '${placement}' (${placementName(placement)})`
    : (key ?? (turned ? 'rotary positions' : undefined));
  const rms = [...body.keys()].some((key) => key.endsWith('norm1.bias'))
    ? undefined
    : 'a norm without a bias or RMSNorm';
  if (foreign || rms) {
    throw new FormatError(`${foreign ? `a layer with ${foreign}` : rms} has no counterpart in PyTorch`, {
      op: 'toTorchState',
      expected: "normPlacement 'post' or 'pre' with norm 'layer'",
      actual: foreign ?? rms,
      hint: 'save it with encodeSafetensors(model.stateDict()) instead',
    });
  }
  inferTorchConfig(body);
  const state: StateDict = new Map([...body].map(([key, value]) => [`${prefix}${key}`, value]));
  for (const [own, key] of [
    [EMBEDDING, options.embedding],
    [OUTPUT, options.output],
  ] as const) {
    const value = rest.get(own);
    if (key === undefined) continue;
    if (!value)
      throw new ConfigError(`the model has no ${own} to save as ${key}`, { op: 'toTorchState', actual: key });
    state.set(key, value);
  }
  return state;
}

/** `loadTorchState` from the bytes of a safetensors file; `path` is for messages. */
export function loadTorchSafetensors(
  model: Module,
  bytes: Uint8Array,
  options: TorchOptions & {
    /** What messages call the file. Default `state`. */
    path?: string;
  } = {},
): TorchConfig {
  const op = 'loadTorchSafetensors';
  checkOptions<TorchOptions & { path?: string }>(op, options, { ...rules(), path: optional(text) });
  const { path = 'state', ...rest } = options;
  return loadTorchState(model, decodeTorchSafetensors(bytes, path), rest);
}

/** The bytes of a safetensors file that PyTorch's `load_state_dict` takes; see `toTorchState`. */
export function saveTorchSafetensors(model: Module, options: TorchOptions = {}): Uint8Array<ArrayBuffer> {
  return encodeSafetensors(toTorchState(model, options), { format: 'pt' });
}

/** The tensors of a safetensors file as a state; buffers of integers are left out. */
export function decodeTorchSafetensors(bytes: ArrayBufferView | ArrayBufferLike, path = 'state'): StateDict {
  checkValue('decodeTorchSafetensors', 'path', path, text);
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of decodeSafetensors(bytes, path).tensors) {
    if (data instanceof Float32Array || data instanceof Float64Array) state.set(name, { shape, data });
  }
  return state;
}

/** The tensors below the prefix, without it; the embedding and output that the caller named are not among them. */
function bodyOf<T>(
  state: ReadonlyMap<string, T>,
  { prefix = '', embedding, output }: TorchOptions,
): Map<string, T> {
  const inside = [...state].filter(([key]) => key.startsWith(prefix) && key !== embedding && key !== output);
  return new Map(inside.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** Which of PyTorch's modules a model of ours holds, and under which keys. */
function placeOf(model: Module): { kind: TorchKind; inBody: (key: string) => boolean; strip: string } {
  const all = { inBody: () => true, strip: '' };
  if (model instanceof Transformer)
    return { kind: 'transformer', inBody: (key) => /^(?:encoder|decoder)\./.test(key), strip: '' };
  if (model instanceof CausalLM)
    return { kind: 'encoder', inBody: (key) => key.startsWith('encoder.'), strip: 'encoder.' };
  if (model instanceof TransformerEncoder) return { kind: 'encoder', ...all };
  if (model instanceof TransformerDecoder) return { kind: 'decoder', ...all };
  if (model instanceof TransformerEncoderLayer) return { kind: 'encoder-layer', ...all };
  if (model instanceof TransformerDecoderLayer) return { kind: 'decoder-layer', ...all };
  throw new ConfigError('only Transformer, CausalLM, their stacks and layers have a counterpart in PyTorch', {
    op: 'torch',
  });
}
