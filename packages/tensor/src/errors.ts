// The errors that Forger throws on purpose. Each message says what was given, what was expected and what to
// do, in terms of tensors and devices. A program that knows more (the `forger` command knows its flags) reads
// `code` and adds advice of its own.

/** Causes that a program can give advice on. */
export type ErrorCode =
  /** No adapter answers. */
  | 'no-adapter'
  /** The adapter cannot compute in the precision that was asked for. */
  | 'precision'
  /** The driver was reset, or the device was removed or destroyed. */
  | 'device-lost'
  /** The device has no memory left. */
  | 'out-of-memory'
  /** A tensor is larger than what the adapter can bind. */
  | 'too-large'
  /** The compiler or the driver refuses a kernel. */
  | 'kernel';

export interface ForgerErrorOptions extends ErrorOptions {
  readonly code?: ErrorCode;
}

/** Base class of every error that Forger throws on purpose; anything else that escapes is a bug. */
export class ForgerError extends Error {
  // Names are literals, since minifiers rename classes.
  override name = 'ForgerError';
  readonly code: ErrorCode | undefined;

  constructor(message: string, options?: ForgerErrorOptions) {
    super(message, options);
    this.code = options?.code;
  }
}

/** Shapes, dimensions or dtypes that do not fit an operation. */
export class ShapeError extends ForgerError {
  override name = 'ShapeError';
}

/** Input data (files, folders, values) that cannot be used. */
export class DataError extends ForgerError {
  override name = 'DataError';
}

/** A checkpoint or weight file that is damaged, foreign or does not fit the model. */
export class CheckpointError extends ForgerError {
  override name = 'CheckpointError';
}

/**
 * An error of the device: no adapter, device loss, a shader that does not compile, lack of memory, use after
 * free.
 */
export class DeviceError extends ForgerError {
  override name = 'DeviceError';
}

/**
 * The device is gone: its driver was reset, it was removed, or it was destroyed from elsewhere. A new one can
 * be created.
 */
export class DeviceLostError extends DeviceError {
  override name = 'DeviceLostError';
  /** The platform's reason. */
  readonly why: string;

  constructor(why: string) {
    super(
      `The device was lost (${why}): create a new one; if that one is lost too, update the graphics driver.`,
      { code: 'device-lost' },
    );
    this.why = why;
  }
}

/** The device has no memory left. */
export class OutOfMemoryError extends DeviceError {
  override name = 'OutOfMemoryError';
  /** @param what the memory was for, with its size. */
  constructor(what: string, options?: ErrorOptions) {
    super(
      `The device has no memory left for ${what}: use smaller tensors (a smaller batch), or end other programs that use its memory.`,
      { ...options, code: 'out-of-memory' },
    );
  }
}

/** Options or settings that are out of range or contradict each other. */
export class ConfigError extends ForgerError {
  override name = 'ConfigError';
}
