// The list of algorithms for convolutions and matrix products. A new one is a file, its WGSL and a line here, or in
// software/index.ts; bench, tuner, verify and tests iterate over the list.
import type { Device } from '../device/device.ts';
import { ConfigError } from '../errors.ts';
import type { Algorithm } from './algorithm.ts';
import { gemmAlgorithm } from './gemm-algorithm.ts';
import { compensated, naive } from './gemm-naive.ts';
import { subgroupMatrix } from './gemm-subgroup-matrix.ts';
import { tiled } from './gemm-tiled.ts';
import { softwareAlgorithms, softwareCores } from './software/index.ts';

/** In the order in which the rules ask on a GPU: the first that supports and suits a problem computes it. */
export const gpuAlgorithms: readonly Algorithm[] = [tiled, naive, compensated, subgroupMatrix].map(
  gemmAlgorithm,
);

/** All algorithms, in the order in which the rules ask on a software adapter. */
export const algorithms: readonly Algorithm[] = [...softwareAlgorithms, ...softwareCores, ...gpuAlgorithms];

/** Those of them that compute every product, from buffers as they are. */
export const cores: readonly Algorithm[] = [...softwareCores, ...gpuAlgorithms];

/**
 * Names that records of runs and of the tuner had before, and what each stands for: the first that supports a problem.
 */
const formerNames: Readonly<Record<string, readonly string[]>> = {
  matrix: ['subgroup-matrix'],
  f2x2: ['winograd-f2x2'],
  f3x2: ['winograd-f3x2'],
  f4x2: ['winograd-f4x2'],
  f2x3: ['winograd-f2x3'],
  thin: ['head', 'few-channels'],
};

/**
 * The algorithms that a name, or a former one, stands for: one, or several for different problems; none when unknown.
 */
export function algorithmsNamed(name: string): readonly Algorithm[] {
  const names = Object.hasOwn(formerNames, name) ? formerNames[name]! : [name];
  return algorithms.filter((algorithm) => names.includes(algorithm.name));
}

/** The same. Throws ConfigError when there is none, or this adapter cannot run it. */
export function usableAlgorithms(device: Device, name: string): readonly Algorithm[] {
  const named = algorithmsNamed(name);
  if (named.length === 0) {
    const known = algorithms.map((algorithm) => algorithm.name).join(', ');
    throw new ConfigError(`There is no algorithm '${name}': expected one of ${known}.`);
  }
  if (!named.every((algorithm) => algorithm.runsOn(device)))
    throw new ConfigError(`This adapter cannot run the algorithm '${name}'.`);
  return named;
}
