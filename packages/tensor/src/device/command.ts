// The commands that a device is given: dispatches, copies and clears, as plain data, and what they are made of.
import type { BufferRange, PooledBuffer, PooledTexture } from './buffers.ts';
import type { GPUBindGroup, GPUBuffer, GPUDevice, GPUTexture } from './globals.ts';
import type { CompiledKernel } from './pipelines.ts';

/** A float among a kernel's parameters; plain numbers are written as 32-bit integers. */
export interface FloatParam {
  readonly f32: number;
}

export const f32 = (value: number): FloatParam => ({ f32: value });

/**
 * The work of a dispatch as its launch function reports it. What is left out is derived from the operands.
 */
export interface Work {
  /** Floating-point operations; a multiply-add counts as 2. */
  readonly flop?: number;
  /** Least bytes that must be moved. Default: the sizes of all operands. */
  readonly bytes?: number;
  /** The purpose, where several operations share a kernel. Default: the kernel's name. */
  readonly name?: string;
  /**
   * The sizes that tell this dispatch from others of its kernel, such as [m, n, k]. Default: its parameters.
   */
  readonly sizes?: readonly number[];
}

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
