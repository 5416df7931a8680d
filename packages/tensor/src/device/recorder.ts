// The command recorder. Kernels, copies and clears are appended to a list, in order; a flush encodes the list
// and submits it. Eager work flushes every few commands, so that the device starts early. A captured step
// (capture.ts) submits its whole list at each replay.

import type { FloatParam } from './bindings.ts';
import {
  type BufferRange,
  type PooledBuffer,
  type PooledTexture,
  textureRowBytes,
  textureWidth,
} from './buffers.ts';
import type {
  GPUBindGroup,
  GPUBuffer,
  GPUCommandEncoder,
  GPUComputePipeline,
  GPUDevice,
  GPUTexture,
} from './globals.ts';
import type { CompiledKernel } from './pipelines.ts';
import type { CommandTimer } from './profile.ts';
import type { Work } from './work.ts';

/** What a kernel binds. */
export type Operand = BufferRange | PooledTexture;

export interface DispatchCommand {
  readonly kind: 'dispatch';
  readonly kernel: CompiledKernel;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** What profiles show for it. */
  readonly params: readonly (number | FloatParam)[];
  readonly operands: readonly Operand[];
  readonly work: Work | undefined;
  /** The items that it reads or writes. */
  readonly buffers: readonly (PooledBuffer | PooledTexture)[];
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

/** A copy of a range into a texture, four values per texel. */
export interface TextureCopyCommand {
  readonly kind: 'texture_copy';
  readonly source: GPUBuffer;
  readonly sourceOffset: number;
  readonly target: GPUTexture;
  readonly bytes: number;
  readonly buffers: readonly (PooledBuffer | PooledTexture)[];
}

export interface ClearCommand {
  readonly kind: 'clear';
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly buffers: readonly PooledBuffer[];
}

export type Command = DispatchCommand | CopyCommand | TextureCopyCommand | ClearCommand;

export const itemOf = (operand: Operand): PooledBuffer | PooledTexture =>
  'view' in operand ? operand : operand.buffer;

/** A copy out of a range. @param buffers the pooled buffers that it uses. */
export function copyCommand(
  source: BufferRange,
  target: GPUBuffer,
  targetOffset: number,
  bytes: number,
  buffers: readonly PooledBuffer[],
): CopyCommand {
  const { buffer, offset: sourceOffset } = source;
  return { kind: 'copy', source: buffer.gpu, sourceOffset, target, targetOffset, bytes, buffers };
}

export function textureCopyCommand(
  { buffer, offset, bytes }: BufferRange,
  target: PooledTexture,
): TextureCopyCommand {
  const from = { source: buffer.gpu, sourceOffset: offset };
  return { kind: 'texture_copy', ...from, target: target.gpu, bytes, buffers: [buffer, target] };
}

export function clearCommand({ buffer, offset, bytes }: BufferRange): ClearCommand {
  return { kind: 'clear', buffer: buffer.gpu, offset, bytes, buffers: [buffer] };
}

/** The bind group of one dispatch: parameters, then operands. */
export function bindGroupOf(
  device: GPUDevice,
  { layout, name }: CompiledKernel,
  params: GPUBuffer,
  operands: readonly Operand[],
): GPUBindGroup {
  const entries: GPUBindGroupEntry[] = [{ binding: 0, resource: { buffer: params } }];
  for (const [i, operand] of operands.entries()) {
    // WebGPU requires a bound size that is a multiple of 4; elements have 4 bytes.
    const resource =
      'view' in operand
        ? operand.view
        : { buffer: operand.buffer.gpu, offset: operand.offset, size: operand.bytes };
    entries.push({ binding: i + 1, resource });
  }
  return device.createBindGroup({ label: name, layout, entries });
}

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
