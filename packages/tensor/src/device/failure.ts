// Errors that a device reports asynchronously: invalid calls, shaders that do not compile, lack of memory,
// device loss. Dawn reports them after the call that caused them. The first report becomes an error with one
// sentence, which the next call or wait throws. A wait ends when the device is lost.

import { DeviceError, DeviceLostError, OutOfMemoryError } from '../errors.ts';
import type { GPUDevice } from './globals.ts';

export class Failures {
  #first: DeviceError | null = null;
  #closed = false;
  /** Functions that end the waits in progress. */
  readonly #waits = new Set<(error: DeviceError) => void>();

  constructor(gpu: GPUDevice) {
    gpu.addEventListener('uncapturederror', (event) => {
      event.preventDefault(); // otherwise Dawn prints it
      const note = (): void => {
        this.#first ??= explain(event.error);
      };
      // Dawn also reports consequences of an error, which must not replace the error itself.
      if (/is invalid due to a previous error/.test(event.error.message)) setTimeout(note, 0);
      else note();
    });
    void gpu.lost.then(({ reason, message }) => {
      const why = [reason, firstLine(message).slice(0, -1)].filter((part) => part !== '').join(': ');
      // Other errors may be consequences of the loss. Lack of memory may be its cause: some drivers give up
      // then.
      if (!this.#closed && !(this.#first instanceof OutOfMemoryError)) this.#first = new DeviceLostError(why);
      const error = this.#first ?? new DeviceError('The device was destroyed while it was waited for.');
      for (const end of this.#waits) end(error);
    });
  }

  /** The device is about to be destroyed on purpose: the loss is no error. */
  close(): void {
    this.#closed = true;
  }

  /** Throws the error of the first report, if any. */
  throwIfAny(): void {
    if (this.#first) throw this.#first;
  }

  /**
   * Awaits a promise of the device, and rejects when the device is lost first: platforms differ in what they
   * do with pending promises then (npm webgpu 0.6.2 rejects maps and resolves the others). If the promise is
   * rejected and a report explains why, throws the report's error.
   */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let end!: (error: DeviceError) => void;
    const lost = new Promise<never>((_, reject) => {
      end = reject;
    });
    this.#waits.add(end);
    try {
      return await Promise.race([promise, lost]);
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, 0)); // reports arrive separately from rejections
      this.throwIfAny();
      throw error;
    } finally {
      this.#waits.delete(end);
    }
  }
}

/** The error of a report of Dawn: its first line, with the kernel or buffer that its trail of calls names. */
function explain(error: GPUError): DeviceError {
  const { message } = error;
  const line = firstLine(message.replace(/^Error while parsing WGSL:\s*/, ''));
  // "While calling [Device].CreateBuffer([BufferDescriptor ""label""])"
  const [, call, label] =
    /\bcalling \[Device[^\]]*\]\.(\w+)\(\[\w+ ""(.*?)""\]/.exec(message) ?? ([] as undefined[]);
  if (error.constructor.name === 'GPUOutOfMemoryError')
    return new OutOfMemoryError(label === undefined ? `what was asked for: ${line.slice(0, -1)}` : label);
  if (label !== undefined && (call === 'CreateShaderModule' || call === 'CreateComputePipeline'))
    return notCompiled(label, line);
  const place = label === undefined ? '' : ` (${call} of ${label})`;
  return new DeviceError(
    `The device refused a call${place}: ${line} This is a fault of Forger: please report it with this line.`,
  );
}

/** The error of a kernel that the compiler or the driver rejects. */
export function notCompiled(kernel: string, complaint: string, cause?: unknown): DeviceError {
  return new DeviceError(
    `The kernel ${kernel} does not compile: ${firstLine(complaint)} This is a fault of Forger or of the graphics driver: please report it with this line.`,
    { cause, code: 'kernel' },
  );
}

/** The first line, with a full stop. */
function firstLine(text: string): string {
  const line = text.trim().split('\n')[0]!.trim();
  return line === '' || line.endsWith('.') ? line : `${line}.`;
}
