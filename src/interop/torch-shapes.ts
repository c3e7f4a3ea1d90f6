/** @file What PyTorch's state dicts tell by names and shapes: which module it is, its sizes, the tensors it must have. */
import { FormatError, formatShape } from '../errors.js';
import { sameShape } from '../tensor/shape.js';

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

/** Anything by name that has shapes: a state dict, or a decoded file. */
export type TensorShapes = ReadonlyMap<string, { shape: readonly number[] }>;

/** Told by the names of the keys. */
export function kindOf(body: TensorShapes): TorchKind | undefined {
  const has = (start: string): boolean => [...body.keys()].some((key) => key.startsWith(start));
  if (has('encoder.layers.') || has('decoder.layers.')) return 'transformer';
  if (has('layers.0.self_attn.')) return has('layers.0.multihead_attn.') ? 'decoder' : 'encoder';
  if (has('self_attn.')) return has('multihead_attn.') ? 'decoder-layer' : 'encoder-layer';
  return undefined;
}

/** @throws FormatError when the shapes and names of a state tell no size. */
export function sizesOf(kind: TorchKind, body: TensorShapes): TorchConfig {
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
export function expectedShapes(config: TorchConfig): Map<string, number[]> {
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

/** @throws FormatError when the tensors of a state are not those. */
export function checkShapes(body: TensorShapes, expected: ReadonlyMap<string, number[]>): void {
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
