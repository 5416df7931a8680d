// A network as a list of layers: what inference makes of a file's shapes, what `info --describe` writes and `--network`
// reads. Layers with weights have the file's names, so that its state dict fits.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  ELU,
  Flatten,
  GELU,
  GlobalAvgPool,
  Identity,
  InstanceNorm2d,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  Reshape,
  Sequential,
  Sigmoid,
  SiLU,
  Softplus,
  Tanh,
  Upsample,
  type UpsampleMode,
  WeightedLayer,
} from '@forger/nn';
import type { Rng, Shape } from '@forger/tensor';
import type { ActivationPlan } from './activation-name.ts';
import { LabelEmbedding, type LabelJoin } from './label-embedding.ts';

type Pair = readonly [number, number];

export interface ConvPlan {
  readonly type: 'Conv2d' | 'ConvTranspose2d';
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** Of transposed convolutions. */
  readonly outputPadding?: Pair;
  readonly bias: boolean;
  /** The file holds weight_orig, weight_u and weight_v, as torch.nn.utils.spectral_norm names them. */
  readonly spectralNorm?: boolean;
}

export interface LinearPlan {
  readonly type: 'Linear';
  readonly name: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  readonly spectralNorm?: boolean;
}

export interface NormPlan {
  readonly type: 'BatchNorm1d' | 'BatchNorm2d' | 'InstanceNorm2d';
  readonly name: string;
  readonly features: number;
  readonly affine: boolean;
  readonly eps: number;
}

export interface EmbeddingPlan {
  readonly type: 'LabelEmbedding';
  readonly name: string;
  readonly classes: number;
  readonly features: number;
  readonly join: LabelJoin;
}

export type LayerPlan =
  | ConvPlan
  | LinearPlan
  | NormPlan
  | EmbeddingPlan
  | ActivationPlan
  | { readonly type: 'Upsample'; readonly scaleFactor: number; readonly mode: UpsampleMode }
  | { readonly type: 'Reshape'; readonly shape: Shape }
  | { readonly type: 'Flatten' | 'GlobalAvgPool' };

/** A generator or a discriminator. */
export interface NetworkPlan {
  readonly network: 'generator' | 'discriminator';
  readonly imageSize: number;
  readonly channels: number;
  /** Of generators. */
  readonly latent: { readonly size: number; readonly distribution: 'normal' | 'uniform' };
  /** The range of pictures: tanh [-1, 1], sigmoid [0, 1]. */
  readonly pixelRange: 'tanh' | 'sigmoid';
  readonly channelOrder: 'rgb' | 'bgr';
  readonly layers: readonly LayerPlan[];
}

/** The plan's network with first weights. @throws ForgerError for layers that cannot be built. */
export function buildPlan({ layers }: Pick<NetworkPlan, 'layers'>, rng: Rng): Sequential {
  const named = new Map<string, Module>();
  for (const [i, layer] of layers.entries()) {
    const name = 'name' in layer ? layer.name : `${layer.type.toLowerCase()}-${i}`;
    named.set(name, buildLayer(layer, rng));
  }
  return new Sequential(named);
}

function buildLayer(layer: LayerPlan, rng: Rng): Module {
  switch (layer.type) {
    case 'Conv2d':
    case 'ConvTranspose2d': {
      const { inChannels, outChannels, kernelSize, stride, padding, outputPadding, bias } = layer;
      const options = { stride, padding, bias, rng };
      const built =
        layer.type === 'Conv2d'
          ? new Conv2d(inChannels, outChannels, kernelSize, options)
          : new ConvTranspose2d(inChannels, outChannels, kernelSize, { ...options, outputPadding });
      return layer.spectralNorm ? built.spectralNorm({ rng }) : built;
    }
    case 'Linear': {
      const built = new Linear(layer.inFeatures, layer.outFeatures, { bias: layer.bias, rng });
      return layer.spectralNorm ? built.spectralNorm({ rng }) : built;
    }
    case 'BatchNorm1d':
      return new BatchNorm1d(layer.features, { affine: layer.affine, eps: layer.eps, rng });
    case 'BatchNorm2d':
      return new BatchNorm2d(layer.features, { affine: layer.affine, eps: layer.eps, rng });
    case 'InstanceNorm2d':
      return new InstanceNorm2d(layer.features, { affine: layer.affine, eps: layer.eps, rng });
    case 'LabelEmbedding':
      return new LabelEmbedding(layer.classes, layer.features, layer.join, { rng });
    case 'Upsample':
      return new Upsample(layer.scaleFactor, layer.mode);
    case 'Reshape':
      return new Reshape(layer.shape);
    case 'LeakyReLU':
      return new LeakyReLU(layer.negativeSlope);
    default:
      return new SIMPLE[layer.type]();
  }
}

/** Layers without settings. */
const SIMPLE = { ReLU, Tanh, Sigmoid, ELU, GELU, SiLU, Softplus, Flatten, GlobalAvgPool } as const;

/**
 * The plan of a network that was built; undefined when it has layers that a plan has no words for.
 * @param nameOf the file's name for one of the network's layers.
 */
export function planLayers(network: Module, nameOf: (path: string) => string): LayerPlan[] | undefined {
  const layers: LayerPlan[] = [];
  const walk = (path: string, module: Module): boolean => {
    if (module instanceof Sequential)
      return module
        .namedChildren()
        .every(([key, child]) => walk(path === '' ? key : `${path}.${key}`, child));
    if (module instanceof Identity || module instanceof Dropout) return true;
    const layer = planLayer(nameOf(path), module);
    if (layer) layers.push(layer);
    return layer !== undefined;
  };
  return walk('', network) ? layers : undefined;
}

function planLayer(name: string, module: Module): LayerPlan | undefined {
  const spectral = module instanceof WeightedLayer && module.hasSpectralNorm && { spectralNorm: true };
  if (module instanceof Conv2d || module instanceof ConvTranspose2d) {
    const { inChannels, outChannels, kernelSize, stride, padding, groups, dilation, bias } = module;
    if (groups !== 1 || dilation.some((d) => d !== 1)) return undefined;
    const shared = {
      name,
      inChannels,
      outChannels,
      kernelSize,
      stride,
      padding,
      bias: bias !== null,
      ...spectral,
    };
    return module instanceof Conv2d
      ? { type: 'Conv2d', ...shared }
      : { type: 'ConvTranspose2d', ...shared, outputPadding: module.outputPadding };
  }
  if (module instanceof Linear) {
    const { inFeatures, outFeatures, bias } = module;
    return { type: 'Linear', name, inFeatures, outFeatures, bias: bias !== null, ...spectral };
  }
  if (module instanceof BatchNorm1d || module instanceof BatchNorm2d || module instanceof InstanceNorm2d) {
    const { numFeatures: features, weight, bias, eps } = module;
    const tracked = module instanceof InstanceNorm2d || module.runningMean !== null;
    if ((weight === null) !== (bias === null) || !tracked) return undefined;
    const type =
      module instanceof BatchNorm1d
        ? 'BatchNorm1d'
        : module instanceof BatchNorm2d
          ? 'BatchNorm2d'
          : 'InstanceNorm2d';
    return { type, name, features, affine: weight !== null, eps };
  }
  if (module instanceof Upsample)
    return { type: 'Upsample', scaleFactor: module.scaleFactor, mode: module.mode };
  if (module instanceof Reshape) return { type: 'Reshape', shape: [...module.shape] };
  if (module instanceof LeakyReLU) return { type: 'LeakyReLU', negativeSlope: module.negativeSlope };
  for (const [type, kind] of Object.entries(SIMPLE)) if (module instanceof kind) return { type } as LayerPlan;
  return undefined;
}
