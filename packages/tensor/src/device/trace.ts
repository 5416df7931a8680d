// A step while it is captured: its commands are written down and not run, and its buffers are only asked for. Once all
// of it is known, so is when each buffer is used first and last (see plan-memory.ts).
import type { Shape } from '../shape.ts';
import type { FloatParam } from './bindings.ts';
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
import type { PackedCopies } from './packed.ts';
import type { CompiledKernel } from './pipelines.ts';
import type { Lifetime } from './placement.ts';
import {
  bindGroupOf,
  type Command,
  clearCommand,
  copyCommand,
  itemOf,
  type Operand,
  textureCopyCommand,
} from './recorder.ts';
import type { Work } from './work.ts';

/** A buffer or texture that a step asked for. */
abstract class Wanted implements Lifetime {
  readonly id = nextId();
  readonly bytes: number;
  readonly where: string;
  lastBatch = -1;
  /** Its first and last command; -1 for none. */
  first = -1;
  last = -1;
  /** The last command of a backward pass that uses it, unless it was made in one; -1 for none. */
  lastBackward = -1;
  /** The kernel, copy or clear that uses it first. */
  maker = '';
  /** Not released yet. What still is not when the step ends keeps its content, and its memory, for itself. */
  held = true;

  constructor(bytes: number, debug: boolean) {
    this.bytes = bytes;
    this.where = debug ? whereAmI() : '';
  }
}

export class WantedBuffer extends Wanted implements PooledBuffer {
  gpu!: GPUBuffer;
  packed: PackedCopies | null = null;
  readonly shape: Shape | undefined;

  constructor(bytes: number, debug: boolean, shape?: Shape) {
    super(bytes, debug);
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

/** What a command reads and writes. */
export function operandsOf(command: TracedCommand): readonly Operand[] {
  if (command.kind === 'dispatch') return command.operands;
  return command.kind === 'clear' ? [command.range] : [command.source, command.target];
}

/** Buffers start and end at multiples of this, which any binding may be rounded up to. */
const grain = 256;

export class Trace implements Allocator {
  readonly items = new Set<WantedBuffer | WantedTexture>();
  commands: TracedCommand[] = [];
  readonly #device: GPUDevice;
  readonly #debug: boolean;
  /** Called with what is released after the step has ended. */
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
    const item = new WantedBuffer(Math.ceil(bytes / grain) * grain, this.#debug, shape);
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

  /** Notes when each item is used. */
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

  /** The commands as they are encoded, once every item has its place. */
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
