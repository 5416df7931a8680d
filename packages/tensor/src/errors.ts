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

/** Options or settings that are out of range or contradict each other. */
export class ConfigError extends ForgerError {}
