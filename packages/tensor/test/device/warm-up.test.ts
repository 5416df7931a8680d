// The dry run and the compilation of its kernels: nothing changes by them, and nothing is left to compile after.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Recipe, recipes, TrainState } from '@forger/dcgan';
import {
  createDevice,
  type Device,
  DeviceError,
  DeviceLostError,
  mul,
  normal,
  Rng,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { afterEach, describe, expect, test } from 'vitest';
import { warmUp } from '../../src/device/warm-up.ts';

const devices: Device[] = [];
const open = async (validation?: boolean): Promise<Device> => {
  const device = await createDevice(validation === undefined ? {} : { validation });
  devices.push(device);
  return device;
};
afterEach(() => {
  for (const device of devices.splice(0)) device.destroy();
});

const recipe = recipes.quick!;

interface Run {
  state: TrainState<Recipe>;
  real: Tensor;
}

function begin(device: Device): Run {
  const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: recipe.latentSize };
  const state = new TrainState(recipe, { sizes, lr: 2e-4, seed: 3, device });
  state.drawFixed(undefined, 8);
  const real = tensor(
    Float32Array.from({ length: 8 * 256 }, (_, i) => Math.sin(i)),
    [8, 1, 16, 16],
    { device },
  );
  return { state, real };
}

/** A sample grid and a step; @returns what they computed, to be freed by the caller. */
const work = ({ state, real }: Run): Tensor[] => [state.preview(), ...Object.values(state.step({ real }))];

const workAndForget = (run: Run): void => {
  for (const t of work(run)) t.dispose();
};

async function bytesOf(run: Run): Promise<Record<string, ArrayLike<number>>> {
  const found: Record<string, ArrayLike<number>> = {};
  for (const [name, value] of run.state.stateDict()) found[name] = await value.data();
  return found;
}

describe('a dry run', () => {
  test('leaves the state and the memory as they were, and later steps to the same bits', async () => {
    const device = await open();
    const [run, twin] = [begin(device), begin(device)];
    for (const each of [run, twin]) workAndForget(each);
    await device.sync();
    const before = await bytesOf(run);
    const { liveBytes, liveBuffers } = device.memory();
    device.dryRun(() => workAndForget(run));
    expect(device.memory()).toMatchObject({ liveBytes, liveBuffers });
    expect(await bytesOf(run)).toEqual(before);
    for (const each of [run, twin]) workAndForget(each);
    expect(await bytesOf(run)).toEqual(await bytesOf(twin));
  });

  test('uploads nothing', async () => {
    const device = await open();
    const x = tensor([1, 2, 3], [3], { device });
    device.dryRun(() => device.upload(x.range, new Float32Array([7, 8, 9])));
    expect(Array.from(await x.data())).toEqual([1, 2, 3]);
  });

  test('leaves no default RNG behind', async () => {
    const device = await open();
    device.dryRun(() => void normal([4], { device }));
    const values = await normal([4], { device }).data();
    expect(values.some((value) => value !== 0)).toBe(true);
    expect(await normal([4], { rng: new Rng(0, { device }) }).data()).toEqual(values);
  });

  test('refuses to wait, to nest and to be captured', async () => {
    const device = await open();
    const x = tensor([1, 2], [2], { device });
    const waits: Promise<unknown>[] = [];
    device.dryRun(() => waits.push(x.data(), device.sync()) as unknown as undefined);
    for (const wait of waits) await expect(wait).rejects.toThrow(/read inside device.dryRun/);
    expect(() => device.dryRun(() => void device.dryRun(() => {}))).toThrow(DeviceError);
    expect(() => device.capture(() => void device.dryRun(() => {}))).toThrow(DeviceError);
    expect(Array.from(await mul(x, 2).data())).toEqual([2, 4]); // the device lives on
  });
});

describe('warming up', () => {
  test('compiles what the first weights, a grid and a step need, and nothing else', async () => {
    const [warm, cold] = [await open(), await open()];
    const kernels = warm.dryRun(() => workAndForget(begin(warm)));
    expect(warm.pipelines.size).toBe(0);
    const told: number[] = [];
    await warm.warmUp(kernels, { onProgress: (done, total) => void told.push(done, total) });
    expect(warm.pipelines.size).toBe(kernels.length);
    if (/llvmpipe/.test(warm.adapter.description))
      expect(told.slice(-2)).toEqual([kernels.length, kernels.length]);

    const runs = [begin(warm), begin(cold)];
    for (const run of runs) workAndForget(run);
    expect(cold.pipelines.size).toBe(kernels.length); // each was needed
    for (let step = 2; step <= 3; step++) for (const run of runs) workAndForget(run);
    expect(warm.pipelines.size).toBe(kernels.length); // none was missing
    expect(await bytesOf(runs[0]!)).toEqual(await bytesOf(runs[1]!));
  });

  test('begins nothing once it is aborted', async () => {
    const device = await open();
    const kernels = device.dryRun(() => void mul(tensor([1], [1], { device }), 2));
    await device.warmUp(kernels, { signal: AbortSignal.abort() });
    expect(device.pipelines.size).toBe(0);
  });

  describe('beside a device that helps', () => {
    /** A device that begins slowly. */
    async function slowToBegin(): Promise<Device> {
      const device = await open();
      const { sync } = device;
      device.sync = async () => {
        device.sync = sync;
        await sync.call(device);
        await new Promise((resolve) => setTimeout(resolve, 300));
      };
      return device;
    }

    /** Warms a slow device up with the help of another. @returns what was compiled and how it ended. */
    async function warmUpWith(another: () => Promise<Device>) {
      const device = await slowToBegin();
      const kernels = device.dryRun(() => workAndForget(begin(device)));
      let done = 0;
      const onProgress = (now: number): void => {
        done = now;
      };
      const ending = warmUp(device, kernels, { another, devices: 2, onProgress });
      const error = await ending.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return { kernels: kernels.length, done, error, device };
    }

    /** Elsewhere than on llvmpipe nobody helps. */
    const helped = async (): Promise<boolean> => /llvmpipe/.test((await open()).adapter.description);

    test('goes on alone when that is not to be had, or is lost', async () => {
      if (!(await helped())) return;
      const none = await warmUpWith(() => Promise.reject(new DeviceError('none')));
      expect(none).toMatchObject({ error: undefined, done: none.kernels });
      let asked = 0;
      const lost = await warmUpWith(async () => {
        asked++;
        const other = await open();
        other.recorder.flush = () => other.gpu.destroy();
        return other;
      });
      expect(asked).toBe(1);
      expect(lost).toMatchObject({ error: undefined, done: lost.kernels });
      expect(lost.device.pipelines.size).toBe(lost.kernels);
    });

    test('ends with its own loss, and the other with it', async () => {
      if (!(await helped())) return;
      const begun = performance.now();
      // Lost while it rests, it meets its loss before the other, which comes later and is as slow, has done
      // all the work.
      const { error, kernels, done } = await warmUpWith(() => {
        devices.at(-1)!.gpu.destroy();
        return slowToBegin();
      });
      expect(error).toBeInstanceOf(DeviceLostError);
      expect(done).toBeLessThan(kernels);
      expect(performance.now() - begun).toBeLessThan(30_000);
    });
  });

  test('more devices share the work while Mesa compiles, and leave it no other variant to compile later', () => {
    const cache = mkdtempSync(join(tmpdir(), 'forger-cold-'));
    try {
      const child = spawnSync(
        process.execPath,
        ['scripts/run.mjs', 'packages/tensor/test/device/cold-start.ts', cache],
        {
          encoding: 'utf8',
          env: { ...process.env, MESA_SHADER_CACHE_DIR: cache },
        },
      );
      expect(child.status, child.stderr).toBe(0);
      const found = JSON.parse(child.stdout.trim().split('\n').at(-1)!);
      if (!/llvmpipe/.test(found.adapter)) return; // elsewhere one device does, and the driver keeps its own cache
      expect(found.devices).toBeGreaterThan(1);
      expect(found.filesAfterWarmUp).toBeGreaterThan(found.kernels / 2);
      expect(found.filesAfterWork).toBe(found.filesAfterWarmUp);
    } finally {
      rmSync(cache, { recursive: true });
    }
  });
});

test('validation and bounds checks, on or off, change no bit', async () => {
  const runs: Run[] = [];
  for (const validation of [true, false]) {
    const device = await open(validation);
    await device.warmUp(device.dryRun(() => workAndForget(begin(device))));
    const run = begin(device);
    for (let step = 0; step < 2; step++) workAndForget(run);
    runs.push(run);
  }
  expect(await bytesOf(runs[1]!)).toEqual(await bytesOf(runs[0]!));
});
