// The errors that Forger throws on purpose. Each message says what was given, what was expected and what to do;
// the `forger` command prints that one message and exits with 1.

/** Base class of every error that Forger throws on purpose; anything else that escapes is a bug. */
export class ForgerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Shapes, dimensions or dtypes that do not fit an operation. */
export class ShapeError extends ForgerError {}

/** Input data (files, folders, values) that cannot be used. */
export class DataError extends ForgerError {}

/** A checkpoint or weight file that is damaged, foreign or does not fit the model. */
export class CheckpointError extends ForgerError {}

/** No adapter, a lost device, a failed shader, or memory that the device could not give. */
export class DeviceError extends ForgerError {}

/** The device is gone: its driver was reset, it was taken out, or it was destroyed from elsewhere. Another may be made. */
export class DeviceLostError extends DeviceError {
  /** What the platform says of it. */
  readonly why: string;

  constructor(why: string) {
    super(
      `The device was lost (${why}): try again; if it comes back, look after the graphics driver, which \`forger doctor\` names.`,
    );
    this.why = why;
  }
}

/** Memory that the device could not give. */
export class OutOfMemoryError extends DeviceError {
  /** @param what it was for, with its size. */
  constructor(what: string, options?: ErrorOptions) {
    super(
      `The device has no memory left for ${what}: use a smaller batch, width or image size (--batch-size, --width, --image-size), or end what else uses it.`,
      options,
    );
  }
}

/** Options or settings that are out of range or contradict each other. */
export class ConfigError extends ForgerError {}
