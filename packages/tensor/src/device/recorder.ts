// The command recorder. Kernels, copies and clears are appended to a list, in order; a flush encodes the list and
// submits it. Eager work flushes every few commands so that the device starts early; a capture also keeps the list
// so that it can be encoded again (see capture.ts).
import type { PooledBuffer, PooledTexture } from './buffers.ts';
import type { BufferRange, FloatParam } from './device.ts';
import type { CompiledKernel } from './pipelines.ts';
import type { CommandTimer } from './profile.ts';
import type { Work } from './work.ts';

export interface DispatchCommand {
  readonly kind: 'dispatch';
  readonly kernel: CompiledKernel;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  readonly buffers: readonly (PooledBuffer | PooledTexture)[];
  /** What profiles tell of it. */
  readonly params: readonly (number | FloatParam)[];
  readonly operands: readonly (BufferRange | PooledTexture)[];
  readonly work: Work | undefined;
}

export interface CopyCommand {
  readonly kind: 'copy';
  readonly source: GPUBuffer;
  readonly sourceOffset: number;
  readonly target: GPUBuffer;
  readonly targetOffset: number;
  readonly bytes: number;
  readonly buffers: readonly PooledBuffer[];
}

export interface ClearCommand {
  readonly kind: 'clear';
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly buffers: readonly PooledBuffer[];
}

export type Command = DispatchCommand | CopyCommand | ClearCommand;

/** Commands per submit while encoding eagerly: enough to amortise a submit, few enough to overlap with encoding. */
const eagerBatch = 32;

export class Recorder {
  readonly #device: GPUDevice;
  #pending: Command[] = [];
  #batch = 0;
  #dispatches = 0;
  /** While a capture records, every command goes here as well. */
  captured: Command[] | null = null;
  /** While a profile is made, it submits in the recorder's place. */
  timer: CommandTimer | null = null;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Dispatches recorded since the device was made. */
  get dispatches(): number {
    return this.#dispatches;
  }

  record(command: Command): void {
    for (const buffer of command.buffers) buffer.lastBatch = this.#batch;
    if (command.kind === 'dispatch') this.#dispatches++;
    this.#pending.push(command);
    this.captured?.push(command);
    if (this.#pending.length >= eagerBatch) this.flush();
  }

  /** Encodes and submits what is pending. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    this.#batch++;
    this.submit(pending);
  }

  /** Encodes a list of commands in one command buffer and submits it. */
  submit(commands: readonly Command[]): void {
    if (this.timer) {
      this.timer.submit(commands);
      return;
    }
    const encoder = this.#device.createCommandEncoder();
    encodeCommands(encoder, commands);
    this.#device.queue.submit([encoder.finish()]);
  }

  /** Writes host data into a buffer after everything recorded so far: `writeBuffer` takes effect before commands
   * that are not submitted yet, so those that touch this buffer are submitted first. */
  upload(buffer: PooledBuffer, offset: number, data: ArrayBufferView): void {
    if (buffer.lastBatch === this.#batch) this.flush();
    // Dawn refuses shared memory, so such data is copied first.
    const view =
      data.buffer instanceof ArrayBuffer
        ? data
        : new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    this.#device.queue.writeBuffer(
      buffer.gpu,
      offset,
      view.buffer as ArrayBuffer,
      view.byteOffset,
      view.byteLength,
    );
  }
}

/** Encodes commands in their order; dispatches that follow one another share a pass. */
export function encodeCommands(encoder: GPUCommandEncoder, commands: readonly Command[]): void {
  let pass: GPUComputePassEncoder | null = null;
  let pipeline: GPUComputePipeline | null = null;
  for (const command of commands) {
    if (command.kind === 'dispatch') {
      pass ??= encoder.beginComputePass();
      if (pipeline !== command.kernel.pipeline) {
        pipeline = command.kernel.pipeline;
        pass.setPipeline(pipeline);
      }
      pass.setBindGroup(0, command.bindGroup);
      pass.dispatchWorkgroups(...command.workgroups);
      continue;
    }
    pass?.end();
    pass = null;
    pipeline = null;
    encodeTransfer(encoder, command);
  }
  pass?.end();
}

/** Encodes a copy or a clear, outside any pass. */
export function encodeTransfer(encoder: GPUCommandEncoder, command: CopyCommand | ClearCommand): void {
  if (command.kind === 'clear') {
    encoder.clearBuffer(command.buffer, command.offset, command.bytes);
    return;
  }
  const { source, sourceOffset, target, targetOffset, bytes } = command;
  encoder.copyBufferToBuffer(source, sourceOffset, target, targetOffset, bytes);
}
