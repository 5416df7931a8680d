// What a metric may rely on: a sample holds what the metric said it needs.

import { ConfigError } from '@forger/tensor';
import type { Matrix, Sample } from '../types.ts';

function absent(what: string): ConfigError {
  return new ConfigError(`A metric was given images without ${what}: list it in the metric's needs.`);
}

export function needFeatures({ features }: Sample): Matrix {
  if (!features) throw absent('features');
  return features;
}

export function needProbabilities({ probabilities }: Sample): Matrix {
  if (!probabilities) throw absent('probabilities');
  return probabilities;
}

export function needPixels({ pixels }: Sample): Uint8Array {
  if (!pixels) throw absent('pixels');
  return pixels;
}

export function needChannelClasses({ channelClasses }: Sample): Uint8Array {
  if (!channelClasses) throw absent('channelClasses');
  return channelClasses;
}
