// @forger/dcgan/classifiers: the shipped classifiers by the names of their data sets. Each is loaded when it
// is asked for; a bundler puts it into a file of its own.

import { ConfigError } from '@forger/tensor';
import type { Classifier } from './classifier.ts';

type Load = () => Promise<{ readonly classifier: Classifier }>;

const LOADS: Readonly<Record<string, Load>> = {
  mnist: () => import('../classifiers/mnist.ts'),
  'fashion-mnist': () => import('../classifiers/fashion-mnist.ts'),
  glyphs: () => import('../classifiers/glyphs.ts'),
};

/** The data sets that there are classifiers for. */
export const CLASSIFIER_NAMES: readonly string[] = Object.keys(LOADS);

/**
 * A shipped classifier, for `classifierNetwork`.
 * @throws ConfigError for a data set that there is none for.
 */
export async function loadClassifier(name: string): Promise<Classifier> {
  const load = Object.hasOwn(LOADS, name) ? LOADS[name] : undefined;
  if (!load)
    throw new ConfigError(
      `There is no classifier of '${name}'; there are those of ${CLASSIFIER_NAMES.join(', ')}: name one of these.`,
    );
  return (await load()).classifier;
}
