// Reads buffers back to the host: copies into a staging buffer, then maps it. Staging buffers are reused.

import { DeviceError } from '../errors.ts';
import { type BufferRange, labelOf } from './buffers.ts';
import { copyCommand } from './command.ts';
import type { GPUBuffer, GPUDevice } from './globals.ts';
import type { Waiting } from './platform.ts';
import type { Recorder } from './recorder.ts';
import { bufferUsage, mapModeRead } from './webgpu-constants.ts';

/** Most free staging buffers that are kept. */
const mostKept = 3;

export class Readback {
  readonly #device: GPUDevice;
  readonly #platform: Waiting;
  readonly #free: GPUBuffer[] = [];

  constructor(device: GPUDevice, platform: Waiting) {
    this.#device = device;
    this.#platform = platform;
  }

  /** Reads several ranges with one copy and one wait. Throws DeviceError when the map fails. */
  async read(recorder: Recorder, ranges: readonly BufferRange[]): Promise<ArrayBuffer[]> {
    const total = ranges.reduce((sum, range) => sum + range.bytes, 0);
    const staging = this.#take(total);
    let at = 0;
    const copies = ranges.map((range) => {
      const copy = copyCommand(range, staging, at, range.bytes, []);
      at += range.bytes;
      return copy;
    });
    recorder.flush();
    recorder.submit(copies);
    try {
      await this.#platform.asynchronous(() => staging.mapAsync(mapModeRead, 0, total));
    } catch (cause) {
      if (cause instanceof DeviceError) throw cause;
      const [line] = (cause as Error).message.split('\n');
      throw new DeviceError(`Reading results back from the device failed: ${line}`, { cause });
    }
    const mapped = staging.getMappedRange(0, total);
    at = 0;
    const results = ranges.map((range) => {
      const bytes = mapped.slice(at, at + range.bytes);
      at += range.bytes;
      return bytes;
    });
    staging.unmap();
    this.#free.push(staging);
    return results;
  }

  #take(bytes: number): GPUBuffer {
    const fits = ({ size }: GPUBuffer): boolean => size >= bytes && size <= 4 * bytes + 4096;
    const index = this.#free.findIndex(fits);
    if (index >= 0) return this.#free.splice(index, 1)[0]!;
    for (const stale of this.#free.splice(0, this.#free.length - mostKept)) stale.destroy();
    const usage = bufferUsage.MAP_READ | bufferUsage.COPY_DST;
    const size = Math.max(bytes, 256);
    return this.#device.createBuffer({
      label: labelOf('results on their way to the host', size),
      size,
      usage,
    });
  }
}
