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
import { checkOptions, flag, optional, type Rules, text } from '../checks.js';
import { ConfigError, FormatError, formatShape } from '../errors.js';
import {
  CausalLM,
  type Module,
  type StateDict,
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../nn/index.js';
import { placementName } from '../nn/placement-names.js';
import { sameShape } from '../tensor/shape.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

/** What a state is of: `torch.nn.Transformer`, one of its stacks, or a layer. */
export type TorchKind = 'transformer' | 'encoder' | 'decoder' | 'encoder-layer' | 'decoder-layer';

/** What the shapes of a state tell. All but `kind` are keys of a model's configuration. */
export interface TorchConfig {
  kind: TorchKind;
  /** Width of the hidden vectors. */
  dModel: number;
  dFF: number;
  /** Layers of a stack; not for `transformer`. */
  numLayers?: number;
  /** Only for `transformer`. */
  numEncoderLayers?: number;
  numDecoderLayers?: number;
  /** Whether its stacks end in a norm. */
  finalNorm: boolean;
}

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

/** Anything by name that has shapes: a state dict, or a decoded file. */
export type TensorShapes = ReadonlyMap<string, { shape: readonly number[] }>;

// Made when asked for: bundlers leave it out then where nothing of PyTorch is read.
const rules = (): Rules<TorchOptions> => ({
  prefix: optional(text),
  embedding: optional(text),
  output: optional(text),
});
const EMBEDDING = 'embedding.tokens.weight';
const OUTPUT = 'output.linear.weight';

/**
 * The kind and the sizes of a PyTorch state, every tensor of it checked.
 * @throws FormatError naming the missing or unexpected keys, or the tensor whose shape does not fit.
 */
export function inferTorchConfig(state: TensorShapes, options: TorchOptions = {}): TorchConfig {
  checkOptions('inferTorchConfig', options, rules());
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
  check(body, expectedShapes(config));
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
  const key = [...body.keys()].find((name) => /_norm\.|\.qk_l2\.|norm\d?\.(alpha|g)$/.test(name));
  const foreign = placement ? `normPlacement '${placement}' (${placementName(placement)})` : key;
  const rms = [...body.keys()].some((key) => key.endsWith('norm1.bias')) ? undefined : 'RMSNorm';
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
  const { path = 'state', ...rest } = options;
  return loadTorchState(model, decodeTorchSafetensors(bytes, path), rest);
}

/** The bytes of a safetensors file that PyTorch's `load_state_dict` takes; see `toTorchState`. */
export function saveTorchSafetensors(model: Module, options: TorchOptions = {}): Uint8Array<ArrayBuffer> {
  return encodeSafetensors(toTorchState(model, options), { format: 'pt' });
}

/** The tensors of a safetensors file as a state; buffers of integers are left out. */
export function decodeTorchSafetensors(bytes: Uint8Array, path = 'state'): StateDict {
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

function kindOf(body: TensorShapes): TorchKind | undefined {
  const has = (start: string): boolean => [...body.keys()].some((key) => key.startsWith(start));
  if (has('encoder.layers.') || has('decoder.layers.')) return 'transformer';
  if (has('layers.0.self_attn.')) return has('layers.0.multihead_attn.') ? 'decoder' : 'encoder';
  if (has('self_attn.')) return has('multihead_attn.') ? 'decoder-layer' : 'encoder-layer';
  return undefined;
}

function sizesOf(kind: TorchKind, body: TensorShapes): TorchConfig {
  const stacks = kind === 'transformer' ? ['encoder.', 'decoder.'] : [''];
  const first = kind.endsWith('-layer') ? '' : `${stacks[0]}layers.0.`;
  const shape = body.get(`${first}linear1.weight`)?.shape;
  if (shape?.length !== 2) {
    throw new FormatError(
      shape
        ? `${first}linear1.weight must have two axes, got ${formatShape(shape)}`
        : `missing ${first}linear1.weight`,
      {
        op: 'inferTorchConfig',
        expected: '[dFF, dModel]',
        actual: shape,
      },
    );
  }
  const [dFF, dModel] = shape;
  const depths = stacks.map((stack) => {
    const layers = [...body.keys()].map((key) => key.match(/^((?:encoder|decoder)\.)?layers\.(\d+)\./));
    return layers.reduce(
      (depth, m) => (m && (m[1] ?? '') === stack ? Math.max(depth, Number(m[2]) + 1) : depth),
      0,
    );
  });
  // A stack of n layers has more than n tensors: a higher number would only be a long list of what is missing.
  const deepest = Math.max(...depths);
  if (deepest > body.size) {
    throw new FormatError(`there is a layer ${deepest - 1}, but only ${body.size} tensors`, {
      op: 'inferTorchConfig',
      expected: body.size,
      actual: deepest,
    });
  }
  const finalNorm = stacks.some((stack) => !kind.endsWith('-layer') && body.has(`${stack}norm.weight`));
  if (kind === 'transformer')
    return { kind, dModel, dFF, numEncoderLayers: depths[0], numDecoderLayers: depths[1], finalNorm };
  return kind.endsWith('-layer')
    ? { kind, dModel, dFF, finalNorm }
    : { kind, dModel, dFF, numLayers: depths[0], finalNorm };
}

/** Every tensor that a module of this kind and size has. */
function expectedShapes(config: TorchConfig): Map<string, number[]> {
  const { kind, dModel: d, dFF } = config;
  const shapes = new Map<string, number[]>();
  const affine = (name: string, out: number, inner: number): void => {
    shapes.set(`${name}.weight`, [out, inner]);
    shapes.set(`${name}.bias`, [out]);
  };
  const norm = (name: string): void => {
    shapes.set(`${name}.weight`, [d]);
    shapes.set(`${name}.bias`, [d]);
  };
  const layer = (at: string, decoder: boolean): void => {
    for (const attention of decoder ? ['self_attn', 'multihead_attn'] : ['self_attn']) {
      shapes.set(`${at}${attention}.in_proj_weight`, [3 * d, d]);
      shapes.set(`${at}${attention}.in_proj_bias`, [3 * d]);
      affine(`${at}${attention}.out_proj`, d, d);
    }
    affine(`${at}linear1`, dFF, d);
    affine(`${at}linear2`, d, dFF);
    for (const name of decoder ? ['norm1', 'norm2', 'norm3'] : ['norm1', 'norm2']) norm(at + name);
  };
  const stack = (at: string, layers: number, decoder: boolean): void => {
    for (let i = 0; i < layers; i++) layer(`${at}layers.${i}.`, decoder);
    if (config.finalNorm) norm(`${at}norm`);
  };
  if (kind.endsWith('-layer')) layer('', kind === 'decoder-layer');
  else if (kind !== 'transformer') stack('', config.numLayers as number, kind === 'decoder');
  else {
    stack('encoder.', Math.max(1, config.numEncoderLayers as number), false);
    stack('decoder.', Math.max(1, config.numDecoderLayers as number), true);
  }
  return shapes;
}

function check(body: TensorShapes, expected: ReadonlyMap<string, number[]>): void {
  const missing = [...expected.keys()].filter((key) => !body.has(key));
  const unexpected = [...body.keys()].filter((key) => !expected.has(key));
  if (missing.length > 0 || unexpected.length > 0) {
    const list = (label: string, keys: string[]): string[] =>
      keys.length
        ? [`${label} ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ` and ${keys.length - 4} more` : ''}`]
        : [];
    throw new FormatError([...list('missing', missing), ...list('unexpected', unexpected)].join('; '), {
      op: 'inferTorchConfig',
      expected: [...expected.keys()],
      actual: [...body.keys()],
      hint: 'the module of a larger model is read with { prefix }; both stacks have a final norm or none',
    });
  }
  for (const [key, shape] of expected) {
    const actual = (body.get(key) as { shape: readonly number[] }).shape;
    if (!sameShape(actual, shape)) {
      throw new FormatError(`${key} must have shape ${formatShape(shape)}, got ${formatShape(actual)}`, {
        op: 'inferTorchConfig',
        expected: shape,
        actual,
      });
    }
  }
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
