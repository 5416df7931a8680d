// Options of every layer with parameters.
import type { Device, Rng } from '@forger/tensor';

export interface ParameterOptions {
  /** Default: the RNG's device, else the default device. */
  readonly device?: Device | undefined;
  /** The RNG for the initial values. Default: the device's default RNG. */
  readonly rng?: Rng | undefined;
}

export interface BiasOptions extends ParameterOptions {
  /** Default true. */
  readonly bias?: boolean | undefined;
}

/** The device of a layer's parameters; undefined for the default device. */
export function deviceOf({ device, rng }: ParameterOptions): Device | undefined {
  return device ?? rng?.device;
}
