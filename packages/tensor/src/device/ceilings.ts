// What the adapter could reach: arithmetic without memory, and memory without arithmetic, measured now.
import { profileSources } from '../shaders.generated.ts';
import type { BufferRange, Device } from './device.ts';
import { timeInterleaved } from './timing.ts';

export interface Ceilings {
  /** float32 multiply-adds in registers, 10⁹ operations (2 per multiply-add) a second. */
  readonly gflops: number;
  /** Bytes read and written by a plain copy, 10⁹ a second. */
  readonly gbs: number;
}

/** Measures for a second; the best round counts. Takes up to 128 MiB of device memory meanwhile. */
export async function measureCeilings(device: Device): Promise<Ceilings> {
  const workgroup = 64;
  const groups = device.adapter.software ? 64 : 4096;
  const rounds = 2048;
  const bytes = Math.min(64 * 2 ** 20, device.gpu.limits.maxStorageBufferBindingSize / 2);
  const sizes = [groups * workgroup * 4, bytes, bytes];
  const storages = sizes.map((size) => device.allocate(size));
  const [small, source, target] = storages.map(({ buffer }, i) => {
    return { buffer, offset: 0, bytes: sizes[i]! };
  }) as [BufferRange, BufferRange, BufferRange];
  const vectors = bytes / 16;
  const [arithmetic, copy] = await timeInterleaved(device, [
    () =>
      device.dispatch(
        {
          name: 'multiply_add',
          files: ['profile/multiply_add.wgsl'],
          sources: profileSources,
          constants: { WORKGROUP: workgroup },
          bindings: ['write'],
        },
        [rounds, { f32: 0.999 }],
        [small],
        [groups, 1, 1],
      ),
    () =>
      device.dispatch(
        {
          name: 'stream_copy',
          files: ['profile/stream_copy.wgsl'],
          sources: profileSources,
          constants: { WORKGROUP: workgroup },
          bindings: ['read', 'write'],
        },
        [vectors],
        [source, target],
        [Math.min(65_535, Math.ceil(vectors / (workgroup * 4))), 1, 1],
      ),
  ]);
  for (const storage of storages) storage.release();
  return {
    gflops: (groups * workgroup * rounds * 16 * 8 * 2) / arithmetic!.least / 1e6,
    gbs: (2 * bytes) / copy!.least / 1e6,
  };
}
