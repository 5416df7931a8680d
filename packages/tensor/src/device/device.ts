// A device: one adapter's queue with our buffer pool, pipeline cache, recorder and scopes around it. Knows
// buffers, not tensors.

import { DeviceError } from '../errors.ts';
import type { Shape } from '../shape.ts';
import { type AdapterReport, deviceOf, reportOf } from './adapter.ts';
import { Bindings } from './bindings.ts';
import {
  type Allocator,
  BufferPool,
  type BufferRange,
  type MemoryReport,
  type MemoryTotals,
  type Pooled,
  type PooledBuffer,
  type PooledTexture,
  Storage,
} from './buffers.ts';
import { Plan } from './capture.ts';
import type { Work } from './command.ts';
import {
  clearCommand,
  copyCommand,
  type FloatParam,
  itemOf,
  type Operand,
  textureCopyCommand,
} from './command.ts';
import { Failures } from './failure.ts';
import type { GPUDevice } from './globals.ts';
import { PackedCopies } from './packed.ts';
import { type KernelSource, kernelKey, PipelineCache } from './pipelines.ts';
import { PlanMemory } from './plan-memory.ts';
import type { Platform, PlatformOptions, Waiting } from './platform.ts';
import { checkPrecision, type Precision, withPrecision } from './precision.ts';
import type { Profile } from './profile.ts';
import { type ProfileOptions, profile } from './profiler.ts';
import { Readback } from './readback.ts';
import { Recorder } from './recorder.ts';
import { ScopeStack } from './scope.ts';
import { Trace } from './trace.ts';
import { type NeededKernel, type WarmUpOptions, warmUp } from './warm-up.ts';

export interface DeviceOptions extends PlatformOptions {
  /** Record the stack of each allocation, for `device.leaks()`. Default false. */
  readonly debug?: boolean;
  /** Precision of matrix products and convolutions. Default 'float32'. */
  readonly precision?: Precision;
}

export type { BufferRange } from './buffers.ts';
export { type FloatParam, f32 } from './command.ts';

/**
 * A WebGPU device: it allocates the memory of tensors, records and submits commands, and reports errors. Open
 * one with `createDevice`. Errors of the device itself (memory, loss, validation) are thrown by a later call
 * or wait.
 */
export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterReport;
  readonly features: ReadonlySet<string>;
  readonly precision: Precision;
  /** The byte offset of a view that a kernel binds must be a multiple of this. */
  readonly alignment: number;
  readonly scopes = new ScopeStack();
  readonly recorder: Recorder;
  readonly pipelines: PipelineCache;
  readonly #pool: BufferPool;
  readonly #planMemory: PlanMemory;
  /** The trace of the step that is being captured or run dry. */
  #trace: Trace | null = null;
  /** The kernels found by the current dry run. */
  #dryRun: Map<string, NeededKernel> | null = null;
  #backwardDepth = 0;
  #forcedAlgorithm: string | null = null;
  readonly #totals: MemoryTotals = { bytes: 0, peakBytes: 0 };
  readonly #platform: Platform;
  readonly #waiting: Waiting;
  readonly #options: DeviceOptions;
  readonly #bindings: Bindings;
  readonly #readback: Readback;
  readonly #packed = new Set<PackedCopies>();
  readonly #failures: Failures;
  #destroyed = false;

  /**
   * Opens a device.
   * @throws DeviceError when no adapter answers. ConfigError when it lacks the requested precision.
   */
  static async create(platform: Platform, options: DeviceOptions = {}): Promise<Device> {
    const found = await platform.requestAdapter(withPrecision(options));
    if (!found) throw new DeviceError(platform.noAdapterHelp, { code: 'no-adapter' });
    const report = reportOf(found.adapter, found.detail);
    checkPrecision(options.precision, report);
    const gpu = await platform.asynchronous(() => deviceOf(found.adapter, found.detail));
    return new Device(platform, gpu, report, options);
  }

  private constructor(platform: Platform, gpu: GPUDevice, adapter: AdapterReport, options: DeviceOptions) {
    this.#failures = new Failures(gpu);
    const waiting: Waiting = {
      asynchronous: (call) => this.#failures.wait(platform.asynchronous(call)),
    };
    this.#platform = platform;
    this.#waiting = waiting;
    this.#options = options;
    this.gpu = gpu;
    this.adapter = adapter;
    this.features = new Set(gpu.features);
    this.precision = options.precision ?? 'float32';
    this.alignment = gpu.limits.minStorageBufferOffsetAlignment;
    const memory = {
      totals: this.#totals,
      onDestroy: (item: Pooled) => this.#forget(item),
      onLeave: ({ id }: Pooled) => this.recorder.timer?.forget(id),
      debug: options.debug ?? false,
    };
    this.#pool = new BufferPool(gpu, memory);
    this.#planMemory = new PlanMemory(gpu, memory);
    this.#bindings = new Bindings(gpu);
    this.pipelines = new PipelineCache(gpu, waiting);
    this.recorder = new Recorder(gpu);
    this.#readback = new Readback(gpu, waiting);
  }

  /** The allocator in use: the pool, or the trace of the step that is being captured. */
  get pool(): Allocator {
    return this.#trace ?? this.#pool;
  }

  /** Whether a step is being captured. */
  get capturing(): boolean {
    return this.#trace !== null && !this.dry;
  }

  /** Whether a dry run is in progress: tensors created now have no memory and are freed at its end. */
  get dry(): boolean {
    return this.#dryRun !== null;
  }

  /**
   * A new storage of at least `bytes` bytes, content undefined.
   * @param shape the tensor's shape, for error messages.
   */
  allocate(bytes: number, shape?: Shape): Storage {
    this.throwIfFailed();
    return new Storage(this.pool, bytes, shape);
  }

  /** Throws the first error that the device has reported, if any: validation, memory, loss. */
  throwIfFailed(): void {
    if (this.#destroyed) throw new DeviceError('The device was used after destroy(); create a new one.');
    this.#failures.throwIfAny();
  }

  /**
   * Records one dispatch.
   * @param params what `params` holds at binding 0, in order: integers, or `f32(x)`.
   * @param operands the buffers and textures at bindings 1, 2, …, in the order of `source.bindings`.
   * @param work the operations and bytes that profiles show.
   */
  dispatch(
    source: KernelSource,
    params: readonly (number | FloatParam)[],
    operands: readonly Operand[],
    workgroups: readonly [number, number, number],
    work?: Work,
  ): void {
    this.throwIfFailed();
    for (const operand of operands) if (!('view' in operand)) this.#checkOwned(operand);
    for (const [i, operand] of operands.entries()) {
      if (source.bindings[i] === 'write' && !('view' in operand)) operand.buffer.packed?.drop();
    }
    if (this.#dryRun) {
      this.#dryRun.set(kernelKey(source), { source, params });
      return;
    }
    const kernel = this.pipelines.get(source);
    const found = this.#bindings.params(params);
    if (this.#trace) {
      this.#trace.record({
        kind: 'dispatch',
        kernel,
        paramBuffer: found.buffer,
        params,
        operands,
        workgroups,
        work,
        ...this.#phase,
      });
      return;
    }
    const bindGroup = this.#bindings.group(kernel, found, operands);
    const buffers = operands.map(itemOf);
    this.recorder.record({
      kind: 'dispatch',
      kernel,
      bindGroup,
      workgroups,
      params,
      operands,
      work,
      buffers,
    });
  }

  /** A command that binds another device's buffer would break this device for good: refuse it before it is recorded. */
  #checkOwned({ buffer }: BufferRange): void {
    if (buffer.owner !== this.gpu)
      throw new DeviceError(
        'Tensors of two devices were given to one operation; create one of them on the device of the other: tensor(await x.data(), x.shape, { device }).',
      );
  }

  /** Records a copy of `bytes` bytes (a multiple of 4) between two ranges of different buffers. */
  copy(source: BufferRange, target: BufferRange, bytes: number): void {
    this.#checkOwned(source);
    this.#checkOwned(target);
    target.buffer.packed?.drop();
    if (this.#trace) {
      this.#trace.record({ kind: 'copy', source, target, bytes, ...this.#phase });
      return;
    }
    const buffers = [source.buffer, target.buffer];
    this.recorder.record(copyCommand(source, target.buffer.gpu, target.offset, bytes, buffers));
  }

  /**
   * Records a copy of a range into a texture, four values per texel, in order. The range starts at a multiple
   * of 16 bytes.
   */
  copyToTexture(source: BufferRange, target: PooledTexture): void {
    this.#checkOwned(source);
    if (this.#trace) this.#trace.record({ kind: 'texture_copy', source, target, ...this.#phase });
    else this.recorder.record(textureCopyCommand(source, target));
  }

  /** Records a fill with zeros. */
  clear(range: BufferRange): void {
    range.buffer.packed?.drop();
    if (this.#trace) {
      this.#trace.record({ kind: 'clear', range, ...this.#phase });
      return;
    }
    this.recorder.record(clearCommand(range));
  }

  /** Writes host data into a range, after everything recorded so far. */
  upload(range: BufferRange, data: ArrayBufferView): void {
    this.throwIfFailed();
    if (this.#dryRun) return;
    if (this.#trace) {
      throw new DeviceError(
        'Host data was uploaded inside device.capture(); upload into a tensor made before it.',
      );
    }
    range.buffer.packed?.drop();
    this.recorder.upload(range.buffer, range.offset, data);
  }

  /**
   * The packed copy of a range under `key`, from the cache or created by `make`. A copy is valid until its
   * buffer changes.
   * @param key identifies the packing: sizes and layout.
   * @param make allocates the copy from the pool and records the commands that fill it.
   */
  packed<T extends PooledTexture | PooledBuffer>(
    { buffer, offset, bytes }: BufferRange,
    key: string,
    make: (pool: Allocator) => T,
  ): T {
    const copies = buffer.packed ?? new PackedCopies(buffer, this.#packed);
    return copies.get(`${offset}:${bytes}:${key}`, this.pool, make);
  }

  /**
   * Releases all packed copies: commands recorded from here on run when buffers may have changed (capture,
   * replay).
   */
  dropAllPacked(): void {
    for (const copies of this.#packed) copies.drop();
  }

  /** Reads several ranges back with one copy and one wait. */
  async read(ranges: readonly BufferRange[]): Promise<ArrayBuffer[]> {
    this.throwIfFailed();
    this.#refuseToWait();
    for (const range of ranges) this.#checkOwned(range);
    const results = await this.#readback.read(this.recorder, ranges).catch((error: unknown) => {
      this.throwIfFailed();
      throw error;
    });
    this.throwIfFailed();
    return results;
  }

  /** Submits the recorded commands and waits for them. Throws the first error that the device reported. */
  async sync(): Promise<void> {
    this.throwIfFailed();
    this.#refuseToWait();
    this.recorder.flush();
    await this.#waiting.asynchronous(() => this.gpu.queue.onSubmittedWorkDone().then(() => undefined));
    this.throwIfFailed();
  }

  /**
   * Runs `fn` once and keeps its commands for replay. `fn` must not wait or upload from the host. Random
   * numbers advance at each replay, since their counter is on the device. `fn` runs in a scope; the tensors
   * that it returns live until the plan is disposed. Commands whose results are neither returned, kept nor
   * used are dropped.
   * @throws DeviceError when `fn` waits, uploads or captures.
   */
  capture<T>(fn: () => T): Plan<T> {
    this.throwIfFailed();
    if (this.capturing) throw new DeviceError('device.capture() was called inside another capture.');
    this.recorder.flush();
    const { trace, result, kept } = this.#runTraced(fn);
    const dispose = (): void => {
      for (const item of kept) item.dispose();
    };
    // A capture within a dry run has neither commands nor memory.
    if (this.dry) return new Plan(this, this.#newTrace(), this.#planMemory, result, dispose);
    // The plan allocates memory of its own: free the pool's unused buffers first.
    this.#pool.trim();
    const plan = new Plan(this, trace, this.#planMemory, result, dispose);
    plan.replay();
    return plan;
  }

  /**
   * Runs `fn` without the device: nothing is computed, copied or uploaded. Tensors created inside have no
   * memory and are freed at the end. Changes of `fn` on the host remain. `fn` must not wait.
   * @returns the kernels that `fn` would have run, for `warmUp`.
   * @throws DeviceError inside a capture or another dry run.
   */
  dryRun(fn: () => void): NeededKernel[] {
    this.throwIfFailed();
    if (this.#trace) throw new DeviceError('device.dryRun() was called inside a dry run or a capture.');
    const needed = new Map<string, NeededKernel>();
    this.#dryRun = needed;
    try {
      for (const item of this.#runTraced(fn).kept) item.dispose();
    } finally {
      this.#dryRun = null;
    }
    return [...needed.values()];
  }

  /** Compiles kernels ahead of their use, in parallel. @throws DeviceError when one does not compile. */
  async warmUp(kernels: readonly NeededKernel[], options: WarmUpOptions = {}): Promise<void> {
    this.throwIfFailed();
    const another = (): Promise<Device> => Device.create(this.#platform, this.#options);
    await warmUp(this, kernels, { another, devices: this.#platform.compilers, ...options });
  }

  #runTraced<T>(fn: () => T) {
    this.dropAllPacked();
    const outer = this.#trace;
    const trace = this.#newTrace();
    this.#trace = trace;
    try {
      return { trace, ...this.scopes.runKeeping(fn) };
    } finally {
      this.dropAllPacked();
      this.#trace = outer;
    }
  }

  #newTrace(): Trace {
    return new Trace(this.gpu, this.#options.debug ?? false);
  }

  /** Runs `fn` as a backward pass: a captured step counts as activations what it uses from before. */
  inBackward<T>(fn: () => T): T {
    this.#backwardDepth++;
    try {
      return fn();
    } finally {
      this.#backwardDepth--;
    }
  }

  /**
   * Runs `fn`, which may be async and may replay captured plans, and times every kernel it runs. Results do
   * not change. It waits for earlier work first, and for the work of `fn` at the end.
   * @throws DeviceError inside another profile or a capture, and without timestamps where those are asked
   * for.
   */
  profile<T>(fn: () => T | Promise<T>, options: ProfileOptions = {}): Promise<Profile<Awaited<T>>> {
    return profile(this, fn, options);
  }

  /** The name of the algorithm that matrix products and convolutions take here wherever it can compute them, if any. */
  get forcedAlgorithm(): string | null {
    return this.#forcedAlgorithm;
  }

  /**
   * Takes one algorithm for matrix products and convolutions from now on, or with null the one that suits
   * each: to compare them in tests and benchmarks. What it cannot compute goes to another. A product throws
   * ConfigError when there is no algorithm of this name or the adapter cannot run it.
   */
  forceAlgorithm(name: string | null): void {
    this.#forcedAlgorithm = name;
  }

  /** The same while `fn` runs. */
  withAlgorithm<T>(name: string, fn: () => T): T {
    const before = this.#forcedAlgorithm;
    this.#forcedAlgorithm = name;
    try {
      return fn();
    } finally {
      this.#forcedAlgorithm = before;
    }
  }

  /**
   * Runs `fn` and frees the tensors created inside, except those that it returns (alone, in an array or in a
   * plain object) or keeps with `keep()`. Returned tensors move to the surrounding scope. Scopes nest.
   * @throws TypeError when `fn` is async: read results after the scope.
   */
  scope<T>(fn: () => T): T {
    return this.scopes.run(fn);
  }

  /** Bytes and counts of buffers in use and kept for reuse, including those of captured plans. */
  memory(): MemoryReport {
    const total = this.#pool.report();
    const plans = this.#planMemory.report();
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += plans[key];
    return { ...total, peakBytes: this.#totals.peakBytes };
  }

  /** The places in the code that allocated live buffers (needs `debug`), most frequent first. */
  leaks(): { bytes: number; count: number; where: string }[] {
    const places = new Map<string, { bytes: number; count: number; where: string }>();
    for (const [buffer, where] of [...this.#pool.live(), ...this.#planMemory.live()]) {
      const place = places.get(where) ?? { bytes: 0, count: 0, where };
      place.bytes += buffer.bytes;
      place.count += 1;
      places.set(where, place);
    }
    return [...places.values()].sort((a, b) => b.count - a.count);
  }

  /** Destroys the device and its memory. A Node process exits cleanly only after this. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#failures.close();
    this.#bindings.clear();
    this.gpu.destroy();
  }

  get #phase(): { backward: boolean } {
    return { backward: this.#backwardDepth > 0 };
  }

  #refuseToWait(): void {
    if (!this.#trace) return;
    const inside = this.#dryRun
      ? 'dryRun(), which computes none'
      : 'capture(); return them and read after it';
    throw new DeviceError(`Results were read inside device.${inside}.`);
  }

  /** Before a buffer or texture is destroyed: submits pending commands and drops its bind groups. */
  #forget(item: Pooled): void {
    this.recorder.flush();
    this.#bindings.forget(item);
    this.recorder.timer?.forget(item.id);
  }
}
