// Uniform and normal random numbers, in a new tensor or written over an existing one. They have no gradient.

import type { Device } from '../device/device.ts';
import { ConfigError } from '../errors.ts';
import type { Distribution } from '../kernels/random.ts';
import { checkOptions } from '../options.ts';
import { draw, type Rng } from '../rng.ts';
import type { Shape } from '../shape.ts';
import { empty, type Tensor } from '../tensor.ts';

export interface UniformRange {
  /** Lower bound. Default 0. */
  readonly low?: number | undefined;
  /** Upper bound, never drawn itself. Default 1. */
  readonly high?: number | undefined;
}

export interface NormalRange {
  /** Default 0. */
  readonly mean?: number | undefined;
  /** Standard deviation, at least 0. Default 1. */
  readonly std?: number | undefined;
}

export interface DrawOptions {
  /** Default: the device's default RNG. */
  readonly rng?: Rng | undefined;
}

export interface RandomOptions extends DrawOptions {
  /** Default: the RNG's device, else the default device. */
  readonly device?: Device | undefined;
}

function target(shape: Shape, options: RandomOptions): Tensor {
  return empty(shape, { device: options.device ?? options.rng?.device });
}

const bits = new DataView(new ArrayBuffer(4));

/** The largest float32 below `x`, itself a float32. */
function floatBelow(x: number): number {
  if (x === 0) return -(2 ** -126); // the largest normal number below 0: kernels may flush smaller ones to zero
  bits.setFloat32(0, x);
  bits.setInt32(0, bits.getInt32(0) + (x > 0 ? -1 : 1));
  return bits.getFloat32(0);
}

function uniformOf({ low = 0, high = 1 }: UniformRange): Distribution {
  const [from, to] = [Math.fround(low), Math.fround(high)];
  const width = Math.fround(to - from);
  if (!(from < to) || !Number.isFinite(width)) {
    throw new ConfigError(
      `Uniform random numbers: low ${low} and high ${high} were given; expected finite bounds, low below high, that differ as float32.`,
    );
  }
  return { kind: 'uniform', low: from, width, largest: floatBelow(to) };
}

function normalOf({ mean = 0, std = 1 }: NormalRange): Distribution {
  if (!Number.isFinite(mean) || !Number.isFinite(std) || std < 0) {
    throw new ConfigError(
      `Normal random numbers: mean ${mean} and std ${std} were given; expected finite numbers and std at least 0.`,
    );
  }
  return { kind: 'normal', mean, std };
}

/** Uniform random numbers in [low, high), float32. @throws ConfigError unless low < high, both finite. */
export function uniform(shape: Shape, options: UniformRange & RandomOptions = {}): Tensor {
  checkOptions('uniform', options, { low: true, high: true, rng: true, device: true });
  const distribution = uniformOf(options);
  return draw(target(shape, options), options.rng, distribution);
}

/**
 * Normally distributed random numbers, float32.
 * @throws ConfigError unless mean and std are finite and std is at least 0.
 */
export function normal(shape: Shape, options: NormalRange & RandomOptions = {}): Tensor {
  checkOptions('normal', options, { mean: true, std: true, rng: true, device: true });
  const distribution = normalOf(options);
  return draw(target(shape, options), options.rng, distribution);
}

/** Overwrites x (float32) with uniform random numbers in [low, high) and returns it. @throws as `uniform`. */
export function fillUniform(x: Tensor, options: UniformRange & DrawOptions = {}): Tensor {
  return draw(x, options.rng, uniformOf(options));
}

/** Overwrites x (float32) with normally distributed random numbers and returns it. @throws as `normal`. */
export function fillNormal(x: Tensor, options: NormalRange & DrawOptions = {}): Tensor {
  return draw(x, options.rng, normalOf(options));
}
