// Which network's features an evaluation compares.

import type { FeatureNetwork } from '@forger/dcgan';
import { classifierNetwork, pixelNetwork, randomNetwork } from '@forger/dcgan';
import { CLASSIFIER_NAMES, loadClassifier } from '@forger/dcgan/classifiers';
import { shown } from '@forger/dcgan/internal';
import type { Device } from '@forger/tensor';

/** What `--network` takes: classifiers by the names of their data sets, and two that know nothing of images. */
export const NETWORK_NAMES = [...CLASSIFIER_NAMES, 'random', 'pixels'];

export interface NetworkChoice {
  /** One of NETWORK_NAMES. Default: the classifier of the data, where there is one, else `random`. */
  readonly network?: string | undefined;
  /** What the real images are, as `--data` names them. */
  readonly data?: string | undefined;
  readonly channels: 1 | 3;
  readonly device: Device;
}

/** @throws `Fault` for a name that no network has. */
export function checkNetwork(name: string, Fault: new (message: string) => Error): void {
  if (!NETWORK_NAMES.includes(name))
    throw new Fault(`there is no network '${shown(name, 100)}'; there are ${NETWORK_NAMES.join(', ')}`);
}

/** Makes the network. It is the caller's to dispose of. @throws `Fault` for a name that no network has. */
export async function openNetwork(
  { network, data, channels, device }: NetworkChoice,
  Fault: new (message: string) => Error,
): Promise<FeatureNetwork> {
  const name = network ?? (data !== undefined && CLASSIFIER_NAMES.includes(data) ? data : 'random');
  checkNetwork(name, Fault);
  if (name === 'pixels') return pixelNetwork(channels, { device });
  if (name === 'random') return randomNetwork({ device });
  return classifierNetwork(await loadClassifier(name), { device });
}
