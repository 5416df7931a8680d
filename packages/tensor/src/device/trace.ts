// The trace of a step that is being captured: commands are recorded without running, and buffers have no
// memory yet. From the whole trace follow the first and the last use of each buffer (see plan-memory.ts).

import type { Shape } from '../shape.ts';
import {
  type Allocator,
  type BufferRange,
  checkBindable,
  maxTexels,
  nextId,
  type PooledBuffer,
  type PooledTexture,
  tensorOf,
  textureRowBytes,
  textureWidth,
  whereAmI,
} from './buffers.ts';
import type { FloatParam, Work } from './command.ts';
import {
  bindGroupOf,
  type Command,
  clearCommand,
  copyCommand,
  itemOf,
  type Operand,
  textureCopyCommand,
} from './command.ts';
import type { GPUBuffer, GPUDevice, GPUTexture, GPUTextureView } from './globals.ts';
import type { PackedCopies } from './packed.ts';
import type { CompiledKernel } from './pipelines.ts';
import type { Lifetime } from './placement.ts';

/** A buffer or texture that a captured step requested. */
abstract class Wanted implements Lifetime {
  readonly id = nextId();
  readonly bytes: number;
  readonly where: string;
  lastBatch = -1;
  /** Numbers of the first and the last command that use it; -1 for none. */
  first = -1;
  last = -1;
  /** The last command of a backward pass that uses it; -1 for none, and when a backward pass made it. */
  lastBackward = -1;
  /** Name of the command that uses it first. */
  maker = '';
  /**
   * Not released yet. An item still held when the step ends has memory of its own, so that it keeps its
   * content.
   */
  held = true;

  constructor(bytes: number, debug: boolean) {
    this.bytes = bytes;
    this.where = debug ? whereAmI() : '';
  }
}

export class WantedBuffer extends Wanted implements PooledBuffer {
  gpu!: GPUBuffer;
  readonly owner: GPUDevice;
  packed: PackedCopies | null = null;
  readonly shape: Shape | undefined;

  constructor(owner: GPUDevice, bytes: number, debug: boolean, shape?: Shape) {
    super(bytes, debug);
    this.owner = owner;
    this.shape = shape;
  }

  get what(): string {
    return `${tensorOf(this.shape)} made by ${this.maker}`;
  }
}

export class WantedTexture extends Wanted implements PooledTexture {
  gpu!: GPUTexture;
  view!: GPUTextureView;

  get what(): string {
    return `operands packed by ${this.maker}`;
  }
}

interface TracedDispatch {
  readonly kind: 'dispatch';
  readonly kernel: CompiledKernel;
  readonly paramBuffer: GPUBuffer;
  readonly params: readonly (number | FloatParam)[];
  operands: readonly Operand[];
  readonly workgroups: readonly [number, number, number];
  readonly work: Work | undefined;
}

interface TracedCopy {
  readonly kind: 'copy';
  readonly source: BufferRange;
  readonly target: BufferRange;
  readonly bytes: number;
}

interface TracedTextureCopy {
  readonly kind: 'texture_copy';
  readonly source: BufferRange;
  readonly target: PooledTexture;
}

interface TracedClear {
  readonly kind: 'clear';
  range: BufferRange;
}

export type TracedCommand = (TracedDispatch | TracedCopy | TracedTextureCopy | TracedClear) & {
  readonly backward: boolean;
};

/** The ranges that a command reads and writes. */
export function operandsOf(command: TracedCommand): readonly Operand[] {
  if (command.kind === 'dispatch') return command.operands;
  return command.kind === 'clear' ? [command.range] : [command.source, command.target];
}

/** Buffers start and end at multiples of this many bytes, so that a binding may be rounded up to it. */
const grain = 256;

export class Trace implements Allocator {
  readonly items = new Set<WantedBuffer | WantedTexture>();
  commands: TracedCommand[] = [];
  readonly #device: GPUDevice;
  readonly #debug: boolean;
  /** Called with each item that is released after the step has ended. */
  onRelease: (item: WantedBuffer | WantedTexture) => void = () => {};

  constructor(device: GPUDevice, debug: boolean) {
    this.#device = device;
    this.#debug = debug;
  }

  get maxTexels(): number {
    return maxTexels(this.#device);
  }

  acquire(bytes: number, shape?: Shape): PooledBuffer {
    checkBindable(this.#device, bytes, shape);
    const item = new WantedBuffer(this.#device, Math.ceil(bytes / grain) * grain, this.#debug, shape);
    this.items.add(item);
    return item;
  }

  acquireTexture(texels: number): PooledTexture {
    const item = new WantedTexture(Math.ceil(texels / textureWidth) * textureRowBytes, this.#debug);
    this.items.add(item);
    return item;
  }

  release(item: PooledBuffer | PooledTexture): void {
    if ('packed' in item) item.packed?.drop();
    const wanted = item as WantedBuffer | WantedTexture;
    wanted.held = false;
    this.onRelease(wanted);
  }

  record(command: TracedCommand): void {
    this.commands.push(command);
  }

  /** Sets the first and last use of each item. */
  measureLifetimes(): void {
    for (const [at, command] of this.commands.entries()) {
      for (const operand of operandsOf(command)) {
        const item = itemOf(operand) as WantedBuffer | WantedTexture;
        if (!this.items.has(item)) continue;
        if (item.first < 0) {
          item.first = at;
          item.maker = command.kind === 'dispatch' ? command.kernel.name : `a ${command.kind}`;
        }
        item.last = at;
        if (command.backward && !this.commands[item.first]!.backward) item.lastBackward = at;
      }
    }
  }

  /** The commands in the form that is encoded, once every item has memory. */
  build(): Command[] {
    return this.commands.map((command): Command => {
      if (command.kind === 'dispatch') {
        const { paramBuffer, backward: _, ...dispatch } = command;
        const bindGroup = bindGroupOf(this.#device, command.kernel, paramBuffer, command.operands);
        return { ...dispatch, bindGroup, buffers: command.operands.map(itemOf) };
      }
      if (command.kind === 'clear') return clearCommand(command.range);
      if (command.kind === 'texture_copy') return textureCopyCommand(command.source, command.target);
      const { source, target, bytes } = command;
      return copyCommand(source, target.buffer.gpu, target.offset, bytes, [source.buffer, target.buffer]);
    });
  }
}
