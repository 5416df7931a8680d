// Which network's features an evaluation compares.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { FeatureNetwork } from '@forger/dcgan';
import { classifierNetwork, inceptionNetwork, pixelNetwork, randomNetwork } from '@forger/dcgan';
import { CLASSIFIER_NAMES, loadClassifier } from '@forger/dcgan/classifiers';
import { shown } from '@forger/dcgan/internal';
import type { Device } from '@forger/tensor';
import { readWeights } from '../weights/read.ts';

/**
 * What `--network` takes beside a file of Inception's weights: classifiers by the names of their data sets,
 * and two that know nothing of images.
 */
export const NETWORK_NAMES = [...CLASSIFIER_NAMES, 'random', 'pixels'];

export interface NetworkChoice {
  /**
   * One of NETWORK_NAMES, or the path of pytorch-fid's weights of Inception. Default: the classifier of the
   * data, where there is one, else `random`.
   */
  readonly network?: string | undefined;
  /** What the real images are, as `--data` names them. */
  readonly data?: string | undefined;
  readonly channels: 1 | 3;
  readonly device: Device;
}

/** Whether a network is given as a file: it has a path's separators or an ending. */
function isFile(name: string): boolean {
  return /[\\/.]/.test(name);
}

/** A file's name as an absolute path, for a run that may be resumed from another folder. */
export function absoluteNetwork(name: string): string {
  return isFile(name) && !isAbsolute(name) ? resolve(name) : name;
}

/** @throws `Fault` for a name that no network has. */
export function checkNetwork(name: string, Fault: new (message: string) => Error): void {
  if (!isFile(name) && !NETWORK_NAMES.includes(name))
    throw new Fault(
      `there is no network '${shown(name, 100)}'; there are ${NETWORK_NAMES.join(', ')}, or a file with pytorch-fid's weights of Inception`,
    );
}

/** Makes the network. It is the caller's to dispose of. @throws `Fault` for a name that no network has. */
export async function openNetwork(
  { network, data, channels, device }: NetworkChoice,
  Fault: new (message: string) => Error,
): Promise<FeatureNetwork> {
  const name = network ?? (data !== undefined && CLASSIFIER_NAMES.includes(data) ? data : 'random');
  checkNetwork(name, Fault);
  if (isFile(name)) {
    const entries = await readWeights(name);
    const fileHash = createHash('sha256')
      .update(await readFile(name))
      .digest('hex');
    return inceptionNetwork(entries, { device, fileHash });
  }
  if (name === 'pixels') return pixelNetwork(channels, { device });
  if (name === 'random') return randomNetwork({ device });
  return classifierNetwork(await loadClassifier(name), { device });
}
