// What a device reports by itself: invalid calls, shaders that do not compile, memory that there is not, its own loss.
// Such reports come after the call that they are about, in Dawn's words; here the first becomes one sentence, which is
// thrown at the next call or wait. Nothing waits longer than the device lives.
import { DeviceError, DeviceLostError, OutOfMemoryError } from '../errors.ts';

export class Failures {
  #first: DeviceError | null = null;
  #closed = false;
  /** Ends each wait that is under way. */
  readonly #waits = new Set<(error: DeviceError) => void>();

  constructor(gpu: GPUDevice) {
    gpu.addEventListener('uncapturederror', (event) => {
      event.preventDefault(); // it would be printed
      const note = (): void => {
        this.#first ??= explain(event.error);
      };
      // What follows from an error is reported too; the error itself goes first.
      if (/is invalid due to a previous error/.test(event.error.message)) setTimeout(note, 0);
      else note();
    });
    void gpu.lost.then(({ reason, message }) => {
      const why = [reason, firstLine(message).slice(0, -1)].filter((part) => part !== '').join(': ');
      // Whatever else went wrong may be the loss's consequence; but some drivers give up when memory runs out.
      if (!this.#closed && !(this.#first instanceof OutOfMemoryError)) this.#first = new DeviceLostError(why);
      const error = this.#first ?? new DeviceError('The device was destroyed while it was waited for.');
      for (const end of this.#waits) end(error);
    });
  }

  /** The loss to come is the caller's own doing. */
  close(): void {
    this.#closed = true;
  }

  /** Throws the first report, if there was one. */
  throwIfAny(): void {
    if (this.#first) throw this.#first;
  }

  /**
   * Awaits a promise of the device's, but not past its loss: what becomes of promises then is the platform's own affair
   * (npm webgpu 0.6.2 rejects maps and resolves the rest). A rejection gives way to the report that explains it.
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
      await new Promise((resolve) => setTimeout(resolve, 0)); // reports are delivered beside rejections
      this.throwIfAny();
      throw error;
    } finally {
      this.#waits.delete(end);
    }
  }
}

/** A report of Dawn's as an error: its first line, and what its trail of calls says it is about. */
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

/** A kernel that the compiler, or the driver, refuses. */
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
