// grad(): a gradient for every input, an error for those that take no part, null for them on request.
import { type Device, grad, mul, noGrad, ShapeError, square, sum, Tensor, tensor } from '@forger/tensor';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const leaf = (...values: number[]): Tensor => tensor(values).requiresGrad_();

describe('grad', () => {
  it('gives one tensor for each input, and leaves .grad alone', async () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const [ga, gb] = grad(sum(mul(a, b)), [a, b]);
    expectTypeOf(ga).toEqualTypeOf<Tensor>();
    expect(await ga.data()).toEqual(Float32Array.of(3, 4));
    expect(await gb.data()).toEqual(Float32Array.of(1, 2));
    expect(a.grad).toBeNull();
  });

  it('names the input that no output was computed from', () => {
    const [a, b] = [leaf(1, 2), leaf(3)];
    expect(() => grad(sum(square(a)), [a, b])).toThrow(ShapeError);
    expect(() => grad(sum(square(a)), [a, b])).toThrow(/input 1, of shape \[1\].*allowUnused/);
    // Computed from, but not recorded.
    expect(() => grad(sum(mul(a, noGrad(() => square(b)).detach())), [a, b])).toThrow(/input 1/);
  });

  it('says when an input has no requiresGrad', () => {
    const [a, b] = [leaf(1, 2), tensor([3, 4])];
    expect(() => grad(sum(mul(a, b)), [b])).toThrow(/input 0.*requiresGrad_\(\)/);
  });

  it('gives null for such an input with allowUnused', async () => {
    const [a, b] = [leaf(1, 2), leaf(3)];
    const [ga, gb] = grad(sum(square(a)), [a, b], { allowUnused: true });
    expectTypeOf(ga).toEqualTypeOf<Tensor | null>();
    expect(await ga?.data()).toEqual(Float32Array.of(2, 4));
    expect(gb).toBeNull();
  });

  it('leaves no memory behind when it throws', () => {
    const [a, b] = [leaf(1, 2), leaf(3)];
    device.scope(() => {
      const y = sum(square(a));
      const before = device.memory().liveBuffers;
      expect(() => grad(y, [a, b])).toThrow(ShapeError);
      expect(device.memory().liveBuffers).toBe(before);
    });
    expect(a).toBeInstanceOf(Tensor);
  });
});

describe('noGrad', () => {
  it('records nothing, and refuses an async function, which would be recorded after its first wait', () => {
    const x = leaf(1);
    expect(noGrad(() => square(x)).requiresGrad).toBe(false);
    expect(square(x).requiresGrad).toBe(true);
    expect(() => noGrad(async () => 1)).toThrow(TypeError);
  });
});

describe('the gradient of a leaf that was made in a scope', () => {
  it('is freed with the leaf', () => {
    const w = leaf(1, 2);
    const before = device.memory().liveBuffers;
    device.scope(() => sum(mul(leaf(3, 4), w)).backward());
    // That of w, which was made outside, is left.
    expect(device.memory().liveBuffers).toBe(before + 1);
  });

  it('leaves the scope with the leaf, or by itself', async () => {
    const x = device.scope(() => {
      const x = leaf(3);
      sum(square(x)).backward();
      return x;
    });
    expect(await x.grad!.data()).toEqual(Float32Array.of(6));
    const g = device.scope(() => {
      const x = leaf(4);
      sum(square(x)).backward();
      return x.grad!;
    });
    expect(await g.data()).toEqual(Float32Array.of(8));
    const kept = device.scope(() => {
      const x = leaf(5);
      sum(square(x)).backward();
      x.keep();
      return () => x;
    })();
    expect(await kept.grad!.data()).toEqual(Float32Array.of(10));
  });
});
