// What every layer with parameters takes.
import type { Device, Generator } from '@forger/tensor';

export interface ParameterOptions {
  /** Default: the generator's device, else the default device. */
  readonly device?: Device | undefined;
  /** Draws the initial values. Default: the device's default generator. */
  readonly generator?: Generator | undefined;
}

export interface BiasOptions extends ParameterOptions {
  /** Default true. */
  readonly bias?: boolean | undefined;
}

/** Where the parameters of a layer go; undefined for the default device. */
export function deviceOf({ device, generator }: ParameterOptions): Device | undefined {
  return device ?? generator?.device;
}
