// Measures the adapter's ceilings: the rate of arithmetic without memory accesses, and of memory without
// arithmetic.
import { profileSources } from '../shaders.generated.ts';
import type { BufferRange, Device } from './device.ts';
import { timeInterleaved } from './timing.ts';

export interface Ceilings {
  /** 10⁹ float32 operations a second, of multiply-adds in registers (2 operations each). */
  readonly gflops: number;
  /** 10⁹ bytes a second, read and written by a plain copy. */
  readonly gbs: number;
}

/** Measures both for about a second and returns the best round. Uses up to 128 MiB of device memory. */
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
