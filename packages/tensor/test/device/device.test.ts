// The device layer: scopes, the pool, capture and replay, and what is said when something is wrong.
import {
  add,
  backward,
  createDevice,
  type Device,
  DeviceError,
  empty,
  grad,
  mul,
  relu,
  reshape,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@forger/tensor';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let device: Device;
// A device for each test: tensors that an earlier one dropped may be collected at any time, which would move
// the counts.
beforeEach(async () => {
  device = await createDevice({ debug: true });
});
afterEach(() => device.destroy());

const values = async (t: { data(): Promise<ArrayLike<number>> }): Promise<number[]> =>
  Array.from(await t.data());

describe('scopes', () => {
  test('nested scopes hand results outwards', async () => {
    const x = tensor([1, 2]);
    const before = device.memory().liveBuffers;
    const y = device.scope(() => {
      const inner = device.scope(() => ({ kept: mul(x, 2), list: [mul(x, 3)] }));
      return add(inner.kept, inner.list[0]!);
    });
    expect(await values(y)).toEqual([5, 10]);
    expect(device.memory().liveBuffers).toBe(before + 1);
    for (const t of [x, y]) t.dispose();
  });

  test('keep() takes a tensor out of every scope', async () => {
    const held = device.scope(() => {
      const t = device.scope(() => {
        const made = tensor([7]);
        made.keep();
        return { hidden: new WeakRef(made), made };
      });
      return t;
    });
    expect(await values(held.made)).toEqual([7]);
    held.made.dispose();
  });

  test('a scope frees what it made when it throws', () => {
    const before = device.memory().liveBuffers;
    expect(() =>
      device.scope(() => {
        tensor([1, 2, 3]);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(device.memory().liveBuffers).toBe(before);
  });

  test('leaf gradients outlive the scope, and are freed by dispose', async () => {
    const x = tensor([1, 2]).requiresGrad_();
    device.scope(() => backward(sum(square(x))));
    device.scope(() => backward(sum(square(x))));
    expect(await values(x.grad!)).toEqual([4, 8]);
  });

  test('a freed tensor, and a graph whose part was freed, say so', () => {
    const x = tensor([1, 2]).requiresGrad_();
    let inner = x;
    const y = device.scope(() => {
      inner = square(x);
      return sum(relu(inner));
    });
    expect(() => add(inner, 1)).toThrow(/used after it was freed/);
    expect(() => backward(y)).toThrow(/has been freed/);
  });

  test('an async function is refused', () => {
    expect(() => device.scope(async () => 1)).toThrow(/async/);
  });

  test('views share a buffer until the last is freed', async () => {
    const x = tensor([1, 2, 3, 4]);
    const before = device.memory().liveBuffers;
    const y = reshape(x, [2, 2]);
    expect(device.memory().liveBuffers).toBe(before);
    x.dispose();
    expect(await values(y)).toEqual([1, 2, 3, 4]);
    y.dispose();
    expect(device.memory().liveBuffers).toBe(before - 1);
  });

  test('the leak report names the place of allocation', () => {
    const t = zeros([3]);
    expect(device.leaks().some((leak) => leak.where.includes('device.test'))).toBe(true);
    t.dispose();
  });
});

describe('memory', () => {
  test('200 rounds of work allocate nothing new', async () => {
    const x = tensor(new Float32Array(1000).fill(1)).requiresGrad_();
    const round = (): void => device.scope(() => void grad(sum(square(relu(mul(x, 2)))), [x]));
    for (let i = 0; i < 3; i++) round();
    const before = device.memory();
    for (let i = 0; i < 200; i++) round();
    expect(device.memory()).toEqual(before);
  });

  test('a tensor past the binding limit is refused with its size', () => {
    const limit = device.gpu.limits.maxStorageBufferBindingSize;
    expect(() => empty([limit / 4 + 1])).toThrow(DeviceError);
    expect(() => empty([limit / 4 + 1])).toThrow(
      `a tensor of shape [${limit / 4 + 1}] (${(limit + 4).toLocaleString('en')} bytes) was asked for`,
    );
  });

  test('free buffers do not pile up without bound when sizes keep changing', async () => {
    const mebibyte = 2 ** 18;
    let most = 0;
    for (let size = 16; size < 120; size += 3) {
      const make = size < 40 ? zeros : empty; // zeros write to the memory, which takes time
      device.scope(() => [make([mebibyte * size]), make([mebibyte * size])].length);
      most = Math.max(most, device.memory().pooledBytes);
    }
    await device.sync();
    // Two buffers in each of twelve size classes come to 1.3 GiB; 256 MiB are kept, and what one round adds.
    expect(most).toBeLessThan(512 * 2 ** 20);
    expect(device.memory().peakBytes).toBeGreaterThanOrEqual(most);
  });

  test('an upload does not overtake commands that were recorded before it', async () => {
    const x = tensor([1]);
    const y = mul(x, 10);
    x.write([5]);
    const z = mul(x, 10);
    expect([await y.item(), await z.item()]).toEqual([10, 50]);
  });
});

describe('capture and replay', () => {
  test('a replayed descent gives the same bits as an eager one', async () => {
    const start = Float32Array.from({ length: 300 }, (_, i) => Math.sin(i));
    const descend = (w: Tensor): void => {
      const [g] = grad(sum(square(add(square(w), -0.5))), [w]);
      device.copy(add(w, mul(g, -0.01)).range, w.range, w.bytes);
    };
    const eager = tensor(start).requiresGrad_();
    for (let i = 0; i < 10; i++) device.scope(() => descend(eager));
    const replayed = tensor(start).requiresGrad_();
    const plan = device.capture(() => descend(replayed));
    for (let i = 1; i < 10; i++) plan.replay();
    expect(await values(replayed)).toEqual(await values(eager));
    const live = device.memory().liveBuffers;
    plan.dispose();
    expect(device.memory().liveBuffers).toBeLessThanOrEqual(live);
  });

  test('its result follows the inputs, and frees with the plan', async () => {
    const x = tensor([1, 2]);
    const before = device.memory();
    const plan = device.capture(() => ({ y: mul(x, 3) }));
    expect(await values(plan.result.y)).toEqual([3, 6]);
    x.write([10, 20]);
    plan.replay();
    expect(await values(plan.result.y)).toEqual([30, 60]);
    plan.dispose();
    expect(device.memory().liveBuffers).toBe(before.liveBuffers);
    x.dispose();
  });

  test('what a plan leaves in use is still counted, and destroyed when it is released', () => {
    const before = device.memory();
    const plan = device.capture(() => ({ y: mul(zeros([5000]), 2) }));
    const held = plan.result.y.detach().keep();
    plan.dispose();
    expect(device.memory().liveBuffers).toBe(before.liveBuffers + 1);
    held.dispose();
    expect(device.memory().liveBytes + device.memory().pooledBytes).toBe(
      before.liveBytes + before.pooledBytes,
    );
  });

  test('an upload inside a capture is refused', () => {
    expect(() => device.capture(() => tensor([1]))).toThrow(/uploaded inside device.capture/);
    expect(tensor([1]).size).toBe(1);
  });
});

describe('errors', () => {
  test('shapes are named', () => {
    expect(() => add(zeros([2, 3]), zeros([4]))).toThrow(ShapeError);
    expect(() => add(zeros([2, 3]), zeros([4]))).toThrow(/\[2, 3\] and \[4\]/);
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow(/3 values .* \[2, 2\]/);
    expect(() => zeros([0, 2])).toThrow(/at least 1/);
    expect(() => backward(zeros([2]).requiresGrad_())).toThrow(/one element/);
    expect(() => backward(zeros([1]))).toThrow(/needs no gradient/);
  });

  test('a destroyed device says so', async () => {
    const { createDevice: create } = await import('@forger/tensor');
    const { getDefaultDevice, setDefaultDevice } = await import('@forger/tensor');
    const kept = getDefaultDevice();
    const other = await create();
    setDefaultDevice(kept);
    other.destroy();
    expect(() => zeros([2], { device: other })).toThrow(/after destroy/);
  });

  test('a shader that does not compile surfaces as a DeviceError', async () => {
    const { setDefaultDevice } = await import('@forger/tensor');
    const broken = await createDevice({ validation: true }); // without it Dawn ends the process
    const x = zeros([4], { device: broken });
    broken.dispatch(
      { name: 'broken', files: ['fill/fill.wgsl'], constants: {}, bindings: ['write'] },
      [4],
      [x.range],
      [1, 1, 1],
    );
    await expect(broken.sync()).rejects.toThrow(DeviceError);
    setDefaultDevice(device);
    broken.destroy();
  });
});

test('validation is on or off as asked, with float16 matrices or without', async () => {
  for (const validation of [true, false]) {
    for (const halfMatrices of [true, false]) {
      const own = await createDevice({ validation, halfMatrices });
      own.gpu.pushErrorScope('validation');
      own.gpu.createSampler({ maxAnisotropy: 4 }); // anisotropy asks for linear filters
      expect((await own.gpu.popErrorScope()) !== null, `${validation} ${halfMatrices}`).toBe(validation);
      own.destroy();
    }
  }
});
