// Copies of ranges into textures, as convolutions by Winograd's method read them: of views that begin within
// a buffer, of more than a row of texels, of sizes that fill no whole texel; eager and captured.
import { conv2d, type Device, empty, matmul, slice, tensor } from '@forger/tensor';
import { algorithmsNamed } from '@forger/tensor/internal';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const wave = (size: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.37));

test.each([
  { what: 'less than a row, an odd size', shape: [3, 2, 7, 9], images: [0, 3] },
  { what: 'several rows and a part of one', shape: [3, 8, 33, 32], images: [0, 3] },
  { what: 'a view that begins within the buffer', shape: [3, 4, 16, 18], images: [1, 3] },
])('$what', async ({ shape, images: [from, to] }) => {
  if (!algorithmsNamed('winograd-f4x2')[0]!.runsOn(device)) return;
  const all = tensor(wave(shape.reduce((a, b) => a * b)), shape, { device }).keep();
  const weight = tensor(wave(8 * shape[1]! * 16), [8, shape[1]!, 4, 4], { device }).keep();
  const run = () => conv2d(slice(all, 0, from, to), weight, { stride: 2, padding: 1 });
  const plain = await device.withAlgorithm('naive', run).data();
  for (const name of ['winograd-f2x2', 'winograd-f4x2']) {
    const eager = await device.withAlgorithm(name, run).data();
    // Winograd's sums of up to 128 products of numbers up to 1: some hundred roundings.
    for (const [i, value] of eager.entries()) expect(Math.abs(value - plain[i]!)).toBeLessThan(2e-4);
    const plan = device.withAlgorithm(name, () => device.capture(run));
    plan.replay();
    expect(await plan.result.data()).toEqual(eager);
    plan.dispose();
  }
});

test('a matrix whose packing would pass a grid is multiplied as it is', (context) => {
  if (!algorithmsNamed('texture')[0]!.runsOn(device) || !device.adapter.software)
    context.skip('only software adapters with subgroups pack matrices into textures');
  const kernelsOf = (rows: number): string[] =>
    device
      .dryRun(() => void matmul(empty([rows, 16], { device }), empty([16, 16], { device })))
      .map(({ source }) => source.name);
  expect(kernelsOf(1_000_000)).toContain('winograd_input_transform');
  expect(kernelsOf(1_100_000)).not.toContain('winograd_input_transform');
});
