// A device: one adapter's queue with our buffer pool, pipeline cache, recorder and scopes around it. Knows buffers,
// not tensors.
import { DeviceError } from '../errors.ts';
import { type AdapterReport, reportOf } from './adapter.ts';
import {
  BufferPool,
  type MemoryReport,
  type MemoryTotals,
  type Pooled,
  type PooledBuffer,
  type PooledTexture,
  Storage,
} from './buffers.ts';
import { Plan } from './capture.ts';
import { type KernelSource, PipelineCache } from './pipelines.ts';
import type { Platform, PlatformOptions } from './platform.ts';
import type { Profile } from './profile.ts';
import { type ProfileOptions, profile } from './profiler.ts';
import { type Command, Recorder } from './recorder.ts';
import { ScopeStack } from './scope.ts';
import { bufferUsage, mapModeRead } from './webgpu-constants.ts';
import type { Work } from './work.ts';

export interface DeviceOptions extends PlatformOptions {
  /** Record where each live buffer was allocated, for `device.leaks()`. */
  readonly debug?: boolean;
}

/** A float among a kernel's parameters; plain numbers are written as 32-bit integers. */
export interface FloatParam {
  readonly f32: number;
}
export const f32 = (value: number): FloatParam => ({ f32: value });

/** A part of a buffer that a kernel binds. Offsets are multiples of the device's storage alignment. */
export interface BufferRange {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly bytes: number;
}

const wantedFeatures: GPUFeatureName[] = ['shader-f16', 'timestamp-query', 'subgroups'];

const raisedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const;

/** How many bind groups and parameter buffers are kept for reuse; a training step needs a few hundred. */
const cacheEntries = 16_384;

export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterReport;
  readonly features: ReadonlySet<string>;
  /** Byte offsets of bound views are multiples of this. */
  readonly alignment: number;
  readonly scopes = new ScopeStack();
  readonly recorder: Recorder;
  readonly pipelines: PipelineCache;
  pool: BufferPool;
  readonly #pools = new Set<BufferPool>();
  readonly #totals: MemoryTotals = { bytes: 0, peakBytes: 0 };
  readonly #debug: boolean;
  readonly #platform: Platform;
  readonly #params = new Map<string, GPUBuffer>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #staging: GPUBuffer[] = [];
  #failure: DeviceError | null = null;
  #destroyed = false;

  /** Asks the platform for an adapter and opens a device on it. Throws DeviceError when none answers. */
  static async create(platform: Platform, options: DeviceOptions = {}): Promise<Device> {
    const found = await platform.requestAdapter(options);
    if (!found) throw new DeviceError(platform.noAdapterHelp);
    const { adapter } = found;
    const requiredLimits: Record<string, number> = {};
    for (const name of raisedLimits) requiredLimits[name] = adapter.limits[name];
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
    const gpu = await platform.asynchronous(() =>
      adapter.requestDevice({ requiredFeatures, requiredLimits }),
    );
    return new Device(platform, gpu, reportOf(adapter, found.detail), options);
  }

  private constructor(platform: Platform, gpu: GPUDevice, adapter: AdapterReport, options: DeviceOptions) {
    this.#platform = platform;
    this.gpu = gpu;
    this.adapter = adapter;
    this.features = new Set(gpu.features);
    this.alignment = gpu.limits.minStorageBufferOffsetAlignment;
    this.#debug = options.debug ?? false;
    this.pool = this.#createPool(true);
    this.pipelines = new PipelineCache(gpu);
    this.recorder = new Recorder(gpu);
    gpu.addEventListener('uncapturederror', (event) => {
      this.#failure ??= new DeviceError(`The device reported an error: ${event.error.message.trim()}`);
    });
    void gpu.lost.then((info) => {
      if (!this.#destroyed)
        this.#failure ??= new DeviceError(`The device was lost (${info.reason}): ${info.message}`);
    });
  }

  #createPool(trims: boolean): BufferPool {
    const onDestroy = (item: Pooled): void => this.#forget(item);
    const pool = new BufferPool(this.gpu, { totals: this.#totals, onDestroy, debug: this.#debug, trims });
    this.#pools.add(pool);
    return pool;
  }

  /** A new storage of at least `bytes` bytes, content undefined. */
  allocate(bytes: number): Storage {
    this.throwIfFailed();
    return new Storage(this.pool, bytes);
  }

  /** Throws the error that the device met since, if any: validation, memory, loss. */
  throwIfFailed(): void {
    if (this.#destroyed) throw new DeviceError('The device was used after destroy(); create a new one.');
    if (this.#failure) throw this.#failure;
  }

  /**
   * Records one dispatch.
   * @param params what `params` holds at binding 0, in order: integers, or `f32(x)`.
   * @param operands the buffers and textures at bindings 1, 2, …, in the order of `source.bindings`.
   * @param work what profiles say of it.
   */
  dispatch(
    source: KernelSource,
    params: readonly (number | FloatParam)[],
    operands: readonly (BufferRange | PooledTexture)[],
    workgroups: readonly [number, number, number],
    work?: Work,
  ): void {
    this.throwIfFailed();
    const kernel = this.pipelines.get(source);
    const paramKey = this.#paramKey(params);
    let key = `${kernel.id};${paramKey};`;
    for (const operand of operands) {
      key +=
        'view' in operand ? `${operand.id}:,` : `${operand.buffer.id}:${operand.offset}:${operand.bytes},`;
    }
    let bindGroup = this.#bindGroups.get(key);
    if (!bindGroup) {
      const entries: GPUBindGroupEntry[] = [
        { binding: 0, resource: { buffer: this.#paramBuffer(paramKey, params) } },
      ];
      for (const [i, operand] of operands.entries()) {
        // Kernels read whole elements of 4 bytes; a bound size is a multiple of 4 as WebGPU asks.
        const resource =
          'view' in operand
            ? operand.view
            : { buffer: operand.buffer.gpu, offset: operand.offset, size: operand.bytes };
        entries.push({ binding: i + 1, resource });
      }
      bindGroup = this.gpu.createBindGroup({ layout: kernel.layout, entries });
      evictOldest(this.#bindGroups);
      this.#bindGroups.set(key, bindGroup);
    }
    this.recorder.record({
      kind: 'dispatch',
      kernel,
      bindGroup,
      workgroups,
      buffers: operands.map((o) => ('view' in o ? o : o.buffer)),
      params,
      operands,
      work,
    });
  }

  /** Records a copy of `bytes` bytes (a multiple of 4) between two ranges of different buffers. */
  copy(source: BufferRange, target: BufferRange, bytes: number): void {
    this.recorder.record({
      kind: 'copy',
      source: source.buffer.gpu,
      sourceOffset: source.offset,
      target: target.buffer.gpu,
      targetOffset: target.offset,
      bytes,
      buffers: [source.buffer, target.buffer],
    });
  }

  /** Records a fill with zeros. */
  clear(range: BufferRange): void {
    const { buffer, offset, bytes } = range;
    this.recorder.record({ kind: 'clear', buffer: buffer.gpu, offset, bytes, buffers: [buffer] });
  }

  /** Writes host data into a range, after everything recorded so far. */
  upload(range: BufferRange, data: ArrayBufferView): void {
    this.throwIfFailed();
    if (this.recorder.captured) {
      throw new DeviceError(
        'Host data was uploaded inside device.capture(); upload into a tensor made before it.',
      );
    }
    this.recorder.upload(range.buffer, range.offset, data);
  }

  /** Reads several ranges back with one copy and one wait. */
  async read(ranges: readonly BufferRange[]): Promise<ArrayBuffer[]> {
    this.throwIfFailed();
    const total = ranges.reduce((sum, range) => sum + range.bytes, 0);
    const staging = this.#takeStaging(total);
    let at = 0;
    const commands: Command[] = [];
    for (const range of ranges) {
      commands.push({
        kind: 'copy',
        source: range.buffer.gpu,
        sourceOffset: range.offset,
        target: staging,
        targetOffset: at,
        bytes: range.bytes,
        buffers: [],
      });
      at += range.bytes;
    }
    this.recorder.flush();
    this.recorder.submit(commands);
    try {
      await this.#platform.asynchronous(() => staging.mapAsync(mapModeRead, 0, total));
    } catch (cause) {
      this.throwIfFailed();
      throw new DeviceError('Reading results back from the device failed.', { cause });
    }
    const mapped = staging.getMappedRange(0, total);
    at = 0;
    const results = ranges.map((range) => {
      const bytes = mapped.slice(at, at + range.bytes);
      at += range.bytes;
      return bytes;
    });
    staging.unmap();
    this.#staging.push(staging);
    this.throwIfFailed();
    return results;
  }

  /** Submits what is recorded and waits until the device has finished it. Throws what went wrong on the way. */
  async sync(): Promise<void> {
    this.throwIfFailed();
    this.recorder.flush();
    await this.#platform.asynchronous(() => this.gpu.queue.onSubmittedWorkDone().then(() => undefined));
    this.throwIfFailed();
  }

  /**
   * Runs `fn` once and keeps its commands for replay. Inside, nothing may wait or upload from the host; random numbers
   * advance through their counter on the device. `fn` runs in a scope; what it returns lives until the plan is disposed.
   */
  capture<T>(fn: () => T): Plan<T> {
    this.throwIfFailed();
    if (this.recorder.captured) throw new DeviceError('device.capture() was called inside another capture.');
    this.recorder.flush();
    const outer = this.pool;
    const pool = this.#createPool(false);
    const commands: Command[] = [];
    this.pool = pool;
    this.recorder.captured = commands;
    try {
      const { result, kept } = this.scopes.runKeeping(fn);
      return new Plan(this, commands, pool, result, () => {
        for (const item of kept) item.dispose();
      });
    } catch (error) {
      this.dropPool(pool);
      throw error;
    } finally {
      this.recorder.captured = null;
      this.pool = outer;
    }
  }

  /**
   * Runs `fn`, which may be async and may replay captured plans, and times every kernel it runs. Nothing that is
   * computed changes. What ran before is waited for first, and what `fn` began is waited for at its end.
   * Throws DeviceError inside another profile or a capture, and without timestamps where those are asked for.
   */
  profile<T>(fn: () => T | Promise<T>, options: ProfileOptions = {}): Promise<Profile<Awaited<T>>> {
    return profile(this, fn, options);
  }

  /** Lets go of a plan's buffers: free ones at once, those still in use when they are released. */
  dropPool(pool: BufferPool): void {
    pool.retire();
  }

  /** Runs `fn`; tensors made inside are freed at its end unless returned or kept. */
  scope<T>(fn: () => T): T {
    return this.scopes.run(fn);
  }

  /** Bytes and buffers in use and kept for reuse, captured plans included. */
  memory(): MemoryReport {
    const total = { liveBytes: 0, liveBuffers: 0, pooledBytes: 0, pooledBuffers: 0 };
    for (const pool of this.#pools) {
      if (pool.isGone) this.#pools.delete(pool);
      const report = pool.report();
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key];
    }
    return { ...total, peakBytes: this.#totals.peakBytes };
  }

  /** Where live buffers were allocated (needs `debug`), the most common place first. */
  leaks(): { bytes: number; count: number; where: string }[] {
    const places = new Map<string, { bytes: number; count: number; where: string }>();
    for (const [buffer, where] of [...this.#pools].flatMap((pool) => [...pool.live()])) {
      const place = places.get(where) ?? { bytes: 0, count: 0, where };
      place.bytes += buffer.bytes;
      place.count += 1;
      places.set(where, place);
    }
    return [...places.values()].sort((a, b) => b.count - a.count);
  }

  /** Frees everything. Dawn exits cleanly only after this. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#bindGroups.clear();
    this.#params.clear();
    this.gpu.destroy();
  }

  #paramKey(params: readonly (number | FloatParam)[]): string {
    let key = '';
    for (const p of params) key += typeof p === 'number' ? `${p},` : `${p.f32}f,`;
    return key;
  }

  /** Parameter buffers never change once written, so equal parameters share one. */
  #paramBuffer(key: string, params: readonly (number | FloatParam)[]): GPUBuffer {
    let buffer = this.#params.get(key);
    if (!buffer) {
      const words = Math.max(4, Math.ceil(params.length / 4) * 4);
      buffer = this.gpu.createBuffer({ size: words * 4, usage: bufferUsage.UNIFORM, mappedAtCreation: true });
      const view = new DataView(buffer.getMappedRange());
      for (const [i, p] of params.entries()) {
        if (typeof p !== 'number') view.setFloat32(i * 4, p.f32, true);
        else view.setInt32(i * 4, p | 0, true);
      }
      buffer.unmap();
      evictOldest(this.#params);
      this.#params.set(key, buffer);
    }
    return buffer;
  }

  #takeStaging(bytes: number): GPUBuffer {
    const index = this.#staging.findIndex(
      (buffer) => buffer.size >= bytes && buffer.size <= 4 * bytes + 4096,
    );
    if (index >= 0) return this.#staging.splice(index, 1)[0]!;
    for (const stale of this.#staging.splice(0, this.#staging.length - 3)) stale.destroy();
    return this.gpu.createBuffer({
      size: Math.max(bytes, 256),
      usage: bufferUsage.MAP_READ | bufferUsage.COPY_DST,
    });
  }

  /** Before a buffer or texture is destroyed: what uses it is submitted, and bind groups with it are dropped. */
  #forget({ id }: Pooled): void {
    this.recorder.flush();
    this.recorder.timer?.forget(id);
    for (const key of this.#bindGroups.keys()) {
      if (key.slice(key.indexOf(';')).includes(`${id}:`)) this.#bindGroups.delete(key);
    }
  }
}

/** Keeps a cache within bounds: Maps iterate in order of insertion, so the first key is the oldest. */
function evictOldest(cache: Map<string, unknown>): void {
  if (cache.size < cacheEntries) return;
  for (const key of cache.keys()) {
    cache.delete(key);
    if (cache.size < cacheEntries * 0.75) return;
  }
}
