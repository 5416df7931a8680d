// Random number generators (RNGs). Seed and counter are on the device, so that each replay of a captured step
// draws new numbers. A saved state continues the stream exactly.
import type { Device } from './device/device.ts';
import { ConfigError, DeviceError, ShapeError } from './errors.ts';
import { type Distribution, fillRandom, stateWords } from './kernels/random.ts';
import { empty, getDefaultDevice, type Tensor } from './tensor.ts';

/** The state of an RNG, as decimal strings so that JSON keeps all digits. */
export interface RngState {
  /** 0 to 2^64 - 1. */
  readonly seed: string;
  /** Blocks of four 32-bit words drawn so far, 0 to 2^128 - 1. */
  readonly counter: string;
}

const keyAt = 0;
const counterAt = 4;

/** The first `count` 32-bit words of a whole number, lowest first. */
function wordsOf(value: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((value >> BigInt(32 * i)) & 0xffffffffn));
}

function fromWords(words: ArrayLike<number>): bigint {
  return Array.from(words).reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
}

/** Throws ConfigError unless `value` is a whole number of at most `bits` bits. */
function parse(value: number | bigint | string, bits: number, what: string): bigint {
  const whole = typeof value === 'string' ? /^\d+$/.test(value) : Number.isSafeInteger(Number(value));
  const number = whole || typeof value === 'bigint' ? BigInt(value) : -1n;
  if (number < 0n || number >= 1n << BigInt(bits)) {
    throw new ConfigError(
      `${what} ${String(value)} was given; expected a whole number from 0 to 2^${bits} - 1 (as a bigint above 2^53 - 1).`,
    );
  }
  return number;
}

/**
 * A stream of random numbers: Philox 4x32-10 (Salmon et al., SC 2011) with the seed as key. The same seed
 * gives the same numbers on the same adapter. Across adapters uniform numbers are equal, and normal numbers
 * agree to the accuracy of logarithm and sine.
 */
export class Rng {
  readonly device: Device;
  /** Key and counter, which kernels read and advance; see kernels/random.ts. */
  readonly stateTensor: Tensor<'uint32'>;

  /**
   * @param seed a whole number, 0 to 2^64 - 1.
   * @throws ConfigError otherwise. DeviceError inside device.capture().
   */
  constructor(seed: number | bigint, options: { readonly device?: Device | undefined } = {}) {
    const key = parse(seed, 64, 'Seed');
    this.device = options.device ?? getDefaultDevice();
    if (this.device.capturing) {
      throw new DeviceError(
        'An RNG was first needed inside device.capture(); make it, or call manualSeed(), before.',
      );
    }
    this.stateTensor = empty([stateWords], { device: this.device, dtype: 'uint32' }).keep();
    this.#write(key, 0n);
  }

  /** Restarts with another seed, 0 to 2^64 - 1. @throws ConfigError on other seeds. */
  manualSeed(seed: number | bigint): this {
    return this.#write(parse(seed, 64, 'Seed'), 0n);
  }

  /** The seed and the counter, read from the device. */
  async state(): Promise<RngState> {
    const words = await this.stateTensor.data();
    return {
      seed: fromWords(words.subarray(keyAt, keyAt + 2)).toString(),
      counter: fromWords(words.subarray(counterAt)).toString(),
    };
  }

  /** Continues from a state of `state()`. @throws ConfigError when it is not one. */
  setState(state: RngState): this {
    return this.#write(
      parse(state.seed, 64, "An RNG state's seed"),
      parse(state.counter, 128, "An RNG state's counter"),
    );
  }

  dispose(): void {
    this.stateTensor.dispose();
  }

  #write(key: bigint, counter: bigint): this {
    this.stateTensor.write([...wordsOf(key, 2), 0, 0, ...wordsOf(counter, 4)]);
    return this;
  }
}

const defaults = new WeakMap<Device, Rng>();

/** A device's default RNG, for operations without `rng`. Its seed is 0 until manualSeed() is called. */
export function defaultRng(device: Device = getDefaultDevice()): Rng {
  let rng = defaults.get(device);
  if (!rng) {
    rng = new Rng(0, { device });
    if (!device.dry) defaults.set(device, rng);
  }
  return rng;
}

/** Seeds a device's default RNG. @throws ConfigError unless `seed` is a whole number, 0 to 2^64 - 1. */
export function manualSeed(seed: number | bigint, device: Device = getDefaultDevice()): Rng {
  return defaultRng(device).manualSeed(seed);
}

/** Overwrites `target` (float32) with draws from `rng`, or from its device's default RNG. */
export function draw(target: Tensor, rng: Rng | undefined, distribution: Distribution): Tensor {
  const source = rng ?? defaultRng(target.device);
  if (target.dtype !== 'float32')
    throw new ShapeError(`Random numbers: a tensor of ${target.dtype} was given; expected float32.`);
  if (source.device !== target.device)
    throw new DeviceError(
      "Random numbers: the RNG and the tensor are on different devices; make an RNG on the tensor's device.",
    );
  return fillRandom(target, source.stateTensor, distribution);
}
