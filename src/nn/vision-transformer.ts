/** @file `VisionTransformer`: an encoder over the patches of an image (Dosovitskiy et al. 2021). */
import {
  broadcastTo,
  type CrossEntropyOptions,
  type CrossEntropyResult,
  concat,
  crossEntropy,
  permute,
  reshape,
  slice,
} from '../autograd/ops/index.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import { checkOptions, checkValue, integer, multipleOf, type Rules } from '../checks.js';
import { checkKeys, ShapeError } from '../errors.js';
import { batchTensor, type StepInputs } from './batch-tensor.js';
import { type ModelConfig, resolveConfig, stackConfig } from './config.js';
import { initializeModel, initializeParameter } from './init.js';
import { Dropout, Linear } from './layers.js';
import { checkForward, type ForwardOptions, splitLossOptions } from './models.js';
import { Module } from './module.js';
import { Positions } from './positions.js';
import { checkRoom } from './room.js';
import { TransformerEncoder } from './transformer.js';

/** The keys of a model's configuration that mean something without tokens. */
const stackKeys = [
  'dModel',
  'numHeads',
  'numKVHeads',
  'numLayers',
  'dFF',
  'normPlacement',
  'finalNorm',
  'norm',
  'eps',
  'qkNorm',
  'residualInit',
  'mixFraction',
  'preFirst',
  'activation',
  'gatedFFN',
  'bias',
  'dropout',
  'activationDropout',
  'attentionDropout',
  'positions',
  'ropeTheta',
  'ropeScaling',
  'init',
  'seed',
] as const satisfies readonly (keyof VisionTransformerConfig)[];

/** The images of a `VisionTransformer` and what they are sorted into. */
export interface ImageShape {
  /** Height and width of the (square) images, in pixels. */
  imageSize: number;
  /** Height and width of a patch, in pixels; divides imageSize. */
  patchSize: number;
  /** Numbers per pixel. Default 1. */
  channels: number;
  /** Number of classes. */
  numClasses: number;
}

const shapeRules: Rules<ImageShape> = {
  imageSize: integer(1),
  patchSize: integer(1),
  channels: integer(1),
  numClasses: integer(1),
};

/** A complete configuration: the keys of a model that mean something without tokens, and the images. */
export type VisionTransformerConfig = ImageShape &
  Omit<
    ModelConfig,
    | 'vocabSize'
    | 'numEncoderLayers'
    | 'numDecoderLayers'
    | 'decoderNormPlacement'
    | 'maxSeqLen'
    | 'embeddingNorm'
    | 'tiedEmbeddings'
    | 'embeddingScale'
  >;

/** What a user writes; the rest has defaults. */
export type VisionTransformerOptions = Partial<VisionTransformerConfig> &
  Pick<VisionTransformerConfig, 'dModel' | 'imageSize' | 'patchSize' | 'numClasses'>;

/** A batch of images, row-major, with their classes. */
export interface ImageInput {
  /** (B, imageSize, imageSize, channels) */
  images: Float32Array;
  /** (B): classes, -1 to ignore; only for `loss`. */
  labels?: Int32Array;
  batchSize: number;
}

/**
 * Patches through one linear layer, a class token before them, learned positions, the encoder, and a linear head
 * on the class token. Defaults: learned positions, GELU, `pre`, otherwise those of the other models.
 */
export class VisionTransformer extends Module {
  static override readonly name: string = 'VisionTransformer';
  readonly config: VisionTransformerConfig;
  /** (patchSize² · channels) to dModel. */
  readonly patches: Linear;
  /** (1, dModel) */
  readonly classToken: Parameter;
  readonly positions: Positions;
  readonly dropout: Dropout;
  readonly encoder: TransformerEncoder;
  readonly head: Linear;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: VisionTransformerOptions) {
    super();
    checkKeys('VisionTransformer', options, [...stackKeys, ...Object.keys(shapeRules)]);
    const { imageSize, patchSize, channels = 1, numClasses, ...rest } = options;
    checkOptions('VisionTransformer', { imageSize, patchSize, channels, numClasses }, shapeRules);
    checkValue('VisionTransformer', 'imageSize', imageSize, multipleOf('patchSize', patchSize));
    const numPatches = (imageSize / patchSize) * (imageSize / patchSize);
    const config = resolveConfig('VisionTransformer', {
      positions: 'learned',
      activation: 'gelu',
      ...rest,
      vocabSize: numClasses,
      maxSeqLen: numPatches + 1,
    });
    const patchWidth = patchSize * patchSize * channels;
    checkRoom('VisionTransformer', { ...config, patchWidth }, config.numLayers, 0);
    const keys = stackKeys.filter((key) => config[key] !== undefined);
    const stack = Object.fromEntries(keys.map((key) => [key, config[key]]));
    this.config = { ...stack, imageSize, patchSize, channels, numClasses } as VisionTransformerConfig;
    this.patches = new Linear(patchWidth, config.dModel);
    this.classToken = initializeParameter(new Parameter([1, config.dModel], 'position'));
    this.positions = new Positions(config.positions, config.maxSeqLen, config.dModel);
    this.dropout = new Dropout(config.dropout);
    this.encoder = new TransformerEncoder(stackConfig(config, config.numLayers));
    this.head = new Linear(config.dModel, numClasses);
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'visionTransformer' {
    return 'visionTransformer';
  }

  /** The encoder's output (B, 1 + patches, C), class token first. */
  encode(batch: ImageInput, options: ForwardOptions = {}): Variable {
    checkForward('VisionTransformer', batch, options);
    const { imageSize, patchSize, channels, dModel } = this.config;
    const { batchSize } = batch;
    const side = imageSize / patchSize;
    const pixels = imageSize * imageSize * channels;
    if (batch.images?.length !== batchSize * pixels) {
      throw new ShapeError(
        `${batchSize} images have ${batchSize * pixels} numbers, got ${batch.images?.length}`,
        {
          op: 'VisionTransformer',
          expected: batchSize * pixels,
          actual: batch.images?.length,
        },
      );
    }
    // A row of patches is (patchSize, side, patchSize·channels): swap its first two axes, and each patch is whole.
    const rows = batchTensor(batch.images, [batchSize * side, patchSize, side, patchSize * channels]);
    const flat = reshape(permute(rows, [0, 2, 1, 3]), [batchSize, side * side, -1]); // (B, patches, P·P·channels)
    const first = broadcastTo(this.classToken, [batchSize, 1, dModel]);
    const x = this.positions.forward(concat([first, this.patches.forward(flat)], 1));
    return this.encoder.forward(this.dropout.forward(x), {}, options.trace);
  }

  /** Logits (B, numClasses). */
  forward(batch: ImageInput, options: ForwardOptions = {}): Variable {
    const x = this.encode(batch, options);
    return this.head.forward(reshape(slice(x, 1, 0, 1), [batch.batchSize, this.config.dModel]));
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs({ images, labels = new Int32Array(0), batchSize }: ImageInput): StepInputs {
    return { arrays: [images, labels], shape: `${batchSize}` };
  }

  /** Mean cross-entropy per image. */
  loss(batch: ImageInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch?.labels) throw new ShapeError('the batch has no labels', { op: 'VisionTransformer.loss' });
    const [forward, rest] = splitLossOptions('VisionTransformer.loss', options);
    return crossEntropy(this.forward(batch, forward), batchTensor(batch.labels, [batch.batchSize]), rest);
  }
}
