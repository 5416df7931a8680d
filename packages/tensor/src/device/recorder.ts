// The command recorder. Kernels, copies and clears are appended to a list, in order; a flush encodes the list
// and submits it. Eager work flushes every few commands, so that the device starts early. A captured step
// (capture.ts) submits its whole list at each replay.

import { type PooledBuffer, textureRowBytes, textureWidth } from './buffers.ts';
import type { Command, DispatchCommand, TextureCopyCommand } from './command.ts';
import type { GPUCommandEncoder, GPUComputePipeline, GPUDevice } from './globals.ts';
import type { CommandTimer } from './profile.ts';

/**
 * Commands per submit in eager work: many enough to amortise a submit, few enough that the device starts
 * early.
 */
const eagerBatch = 32;

export class Recorder {
  readonly #device: GPUDevice;
  #pending: Command[] = [];
  #batch = 0;
  #dispatches = 0;

  /** Set while a profile is taken: it submits instead of the recorder. */
  timer: CommandTimer | null = null;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Dispatches recorded since the device was created. */
  get dispatches(): number {
    return this.#dispatches;
  }

  record(command: Command): void {
    for (const item of command.buffers) item.lastBatch = this.#batch;
    if (command.kind === 'dispatch') this.#dispatches++;
    this.#pending.push(command);
    if (this.#pending.length >= eagerBatch) this.flush();
  }

  /** Encodes and submits the pending commands. */
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

  /**
   * Writes host data into a buffer after everything recorded so far. `writeBuffer` would take effect before
   * commands that are not submitted yet, so pending commands that use this buffer are submitted first.
   */
  upload(buffer: PooledBuffer, offset: number, data: ArrayBufferView): void {
    if (buffer.lastBatch === this.#batch) this.flush();
    // Dawn rejects shared memory, so it is copied first.
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

/** Encodes commands in order. Consecutive dispatches share a pass. */
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
      const [x, y, z] = command.workgroups;
      pass.dispatchWorkgroups(x, y, z);
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
export function encodeTransfer(encoder: GPUCommandEncoder, command: Exclude<Command, DispatchCommand>): void {
  if (command.kind === 'clear') {
    encoder.clearBuffer(command.buffer, command.offset, command.bytes);
    return;
  }
  if (command.kind === 'texture_copy') {
    encodeTextureCopy(encoder, command);
    return;
  }
  const { source, sourceOffset, target, targetOffset, bytes } = command;
  encoder.copyBufferToBuffer(source, sourceOffset, target, targetOffset, bytes);
}

/** Copies whole rows at once, then the rest. The last texel may include padding bytes behind the range. */
function encodeTextureCopy(encoder: GPUCommandEncoder, command: TextureCopyCommand): void {
  const { source: buffer, sourceOffset, target: texture, bytes } = command;
  const rows = Math.floor(bytes / textureRowBytes);
  const left = Math.ceil((bytes - rows * textureRowBytes) / 16);
  const copy = (offset: number, y: number, width: number, height: number): void =>
    encoder.copyBufferToTexture(
      { buffer, offset, bytesPerRow: textureRowBytes },
      { texture, origin: [0, y] },
      [width, height],
    );
  if (rows > 0) copy(sourceOffset, 0, textureWidth, rows);
  if (left > 0) copy(sourceOffset + rows * textureRowBytes, rows, left, 1);
}
