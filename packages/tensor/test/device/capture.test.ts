// What a captured step does with memory: buffers that never meet share it, results keep theirs, copies that only move a
// fresh result fall away, as does what nobody uses; and nothing of this changes a bit.
import {
  add,
  createDevice,
  type Device,
  DeviceError,
  empty,
  mul,
  square,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mostAtOnce, place } from '../../src/device/placement.ts';

let device: Device;
beforeEach(async () => {
  device = await createDevice({ debug: true });
});
afterEach(() => device.destroy());

const values = async (t: Tensor): Promise<number[]> => Array.from(await t.data());
const copy = (from: Tensor, to: Tensor): void => device.copy(from.range, to.range, from.bytes);

test('no two lifetimes that meet share a place, and every place is large enough', () => {
  const lifetime = fc
    .record({ bytes: fc.integer({ min: 1, max: 9 }), first: fc.nat(20), length: fc.nat(6) })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));
  fc.assert(
    fc.property(fc.array(lifetime), fc.array(fc.integer({ min: 1, max: 9 })), (lifetimes, present) => {
      const { places, sizes } = place(lifetimes, present);
      expect(sizes.slice(0, present.length)).toEqual(present);
      for (const [i, a] of lifetimes.entries()) {
        expect(sizes[places[i]!]).toBeGreaterThanOrEqual(a.bytes);
        for (const [j, b] of lifetimes.slice(0, i).entries())
          if (places[i] === places[j]) expect(a.first > b.last || b.first > a.last).toBe(true);
      }
      const most = Array.from({ length: 27 }, (_, t) =>
        lifetimes.reduce((all, { bytes, first, last }) => all + (first <= t && t <= last ? bytes : 0), 0),
      );
      expect(mostAtOnce(lifetimes)).toBe(Math.max(...most));
    }),
  );
});

describe('memory of a plan', () => {
  const chain = (x: Tensor, links: number): Tensor => {
    let y = x;
    for (let i = 0; i < links; i++) y = add(y, x);
    return y;
  };

  test('does not grow with the length of a chain', async () => {
    const x = tensor(new Float32Array(4096).fill(1));
    const plan = device.capture(() => chain(x, 50));
    expect(plan.needs.bytesAtOnce).toBe(2 * x.bytes);
    expect(device.memory().pooledBytes).toBe(2 * x.bytes);
    expect((await plan.result.data()).every((v) => v === 51)).toBe(true);
  });

  test('is shared by plans, whose results stay apart', async () => {
    const x = tensor(new Float32Array(4096).fill(1));
    const before = device.memory();
    const a = device.capture(() => chain(x, 9));
    const one = device.memory().pooledBytes;
    const b = device.capture(() => square(chain(x, 9)));
    expect(device.memory().pooledBytes).toBe(one);
    x.write(new Float32Array(4096).fill(3));
    a.replay();
    b.replay();
    expect([(await a.result.data())[7], (await b.result.data())[7]]).toEqual([30, 900]);
    a.dispose();
    b.replay();
    expect((await b.result.data())[7]).toBe(900);
    b.dispose();
    expect(device.memory()).toMatchObject({ liveBytes: before.liveBytes, pooledBytes: before.pooledBytes });
  });

  test('a result that was let go keeps its memory while the plan writes it', async () => {
    const x = tensor([1, 2]);
    const plan = device.capture(() => [mul(x, 2)]);
    const seen = add(plan.result[0]!, 0);
    plan.result[0]!.dispose();
    const other = tensor([7, 7]);
    plan.replay();
    expect([await values(seen), await values(other)]).toEqual([
      [2, 4],
      [7, 7],
    ]);
  });

  test('nothing runs and nothing is held when the step throws', async () => {
    const x = tensor([1]);
    const before = device.memory();
    const step = (): void => {
      copy(mul(x, 2), x);
      throw new Error('no');
    };
    expect(() => device.capture(step)).toThrow('no');
    expect(await values(x)).toEqual([1]);
    expect(device.memory()).toEqual(before);
  });

  test('reading inside is refused', async () => {
    let reading: Promise<unknown> = Promise.resolve();
    device.capture(() => {
      reading = mul(tensorBefore, 2).data();
      reading.catch(() => {});
    });
    await expect(reading).rejects.toThrow(DeviceError);
    await expect(reading).rejects.toThrow(/read inside device.capture/);
  });
  let tensorBefore: Tensor;
  beforeEach(() => {
    tensorBefore = tensor([1]);
  });
});

describe('copies in a plan', () => {
  // Two slots of a flat buffer, as gradients have.
  const flat = (): { whole: Tensor; slots: Tensor[] } => {
    const whole = tensor(new Float32Array(256));
    return { whole, slots: [whole.view([4]), whole.view([4], 512)] };
  };

  test('of a fresh result fall away', async () => {
    const x = tensor([1, 2, 3, 4]);
    const { slots } = flat();
    const plan = device.capture(() => {
      copy(add(x, x), slots[0]!);
      copy(square(x), slots[1]!);
    });
    expect(plan.commands).toBe(2);
    expect(await values(slots[1]!)).toEqual([1, 4, 9, 16]);
    x.write([3, 3, 3, 3]);
    plan.replay();
    expect([await values(slots[0]!), await values(slots[1]!)]).toEqual([
      [6, 6, 6, 6],
      [9, 9, 9, 9],
    ]);
  });

  test('stay where leaving them out would change something', async () => {
    const x = tensor([1, 2, 3, 4]);
    const { whole, slots } = flat();
    const [a, b] = slots as [Tensor, Tensor];
    const plan = device.capture(() => {
      const used = add(x, x);
      copy(used, a); // used again below
      const late = add(used, used);
      const seen = square(a); // the target is read between
      copy(late, a);
      const fromTarget = add(b, x); // the target is bound where the source is made
      copy(fromTarget, b);
      copy(whole.view([4], 256), x); // the source is not of this step
      return { seen, sum: add(a, b) };
    });
    expect(plan.commands).toBe(9);
    expect(await values(plan.result.seen)).toEqual([4, 16, 36, 64]);
    expect(await values(a)).toEqual([4, 8, 12, 16]);
    expect(await values(plan.result.sum)).toEqual([5, 10, 15, 20]);
    expect(await values(x)).toEqual([0, 0, 0, 0]);
  });

  test('of what the step returns stay, and of part of a result', async () => {
    const x = tensor([1, 2, 3, 4]);
    const [a, b] = flat().slots as [Tensor, Tensor];
    const plan = device.capture(() => {
      const returned = add(x, x);
      copy(returned, a);
      device.copy(square(x).range, b.range, 8);
      return returned;
    });
    expect(plan.commands).toBe(4);
    expect(await values(b)).toEqual([1, 4, 0, 0]);
    expect(await values(plan.result)).toEqual([2, 4, 6, 8]);
  });
});

describe('commands in a plan', () => {
  test('whose results nobody uses are left out, with what only they used', async () => {
    const x = tensor([1, 2]);
    const counter = tensor([1, 1]);
    const plan = device.capture(() => {
      square(add(x, x)); // both fall away
      const half = mul(x, 0.5); // its factor, too, is a command
      add(half, half);
      copy(add(counter, counter), counter); // of before the step
      return half;
    });
    expect(plan.commands).toBe(3 + 1);
    plan.replay();
    expect([await values(plan.result), await values(counter)]).toEqual([
      [0.5, 1],
      [4, 4],
    ]);
  });

  test('that a later one writes over in part are kept', async () => {
    const x = tensor(new Float32Array(128).fill(3));
    const plan = device.capture(() => {
      const y = add(x, x);
      copy(x.view([64]), y.view([64]));
      return y;
    });
    const result = await values(plan.result);
    expect([result[0], result[64]]).toEqual([3, 6]);
  });
});

test('200 replays allocate nothing', async () => {
  const x = tensor(new Float32Array(1000).fill(1));
  const total = empty([]);
  const plan = device.capture(() => copy(sum(mul(x, 2)), total));
  const before = device.memory();
  for (let i = 0; i < 200; i++) plan.replay();
  expect(await total.item()).toBe(2000);
  expect(device.memory()).toEqual(before);
});
