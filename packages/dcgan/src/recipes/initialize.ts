// First weights that several recipes share. Layers that a function does not name keep PyTorch's defaults.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Linear,
  type Module,
  normal_,
  zeros_,
} from '@forger/nn';
import type { Rng } from '@forger/tensor';

/** Standard deviation of the first weights (Radford, Metz and Chintala 2015, section 4). */
const STD = 0.02;

type Weighted = Conv2d | ConvTranspose2d | Linear;

export const isConv = (layer: Module): layer is Conv2d | ConvTranspose2d =>
  layer instanceof Conv2d || layer instanceof ConvTranspose2d;
export const isWeighted = (layer: Module): layer is Weighted => isConv(layer) || layer instanceof Linear;
export const isBatchNorm = (layer: Module): layer is BatchNorm1d | BatchNorm2d =>
  layer instanceof BatchNorm1d || layer instanceof BatchNorm2d;

/** Weights of these layers from N(0, 0.02), their biases, where they have any, 0. */
export function normalWeights(network: Module, random: Rng, which = isWeighted): Module {
  return network.apply((layer) => {
    if (!which(layer)) return;
    normal_(layer.weight, 0, STD, { rng: random });
    if (layer.bias) zeros_(layer.bias);
  });
}

/** Scales of batch norms from N(mean, 0.02); their shifts stay 0. */
export function normalScales(network: Module, random: Rng, mean: number): Module {
  return network.apply((layer) => {
    if (isBatchNorm(layer)) normal_(layer.weight!, mean, STD, { rng: random });
  });
}
