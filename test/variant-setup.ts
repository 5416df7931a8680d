// FORGER_VARIANT=winograd-f4x2 npm test: every product of the tests by that algorithm where it can, as `pnpm
// golden --variant`.
// Tests that name an algorithm themselves keep theirs.
const variant = process.env.FORGER_VARIANT;
if (variant) {
  const { Device } = await import('@forger/tensor');
  const { algorithms, algorithmsNamed } = await import('@forger/tensor/internal');
  const [algorithm] = algorithmsNamed(variant);
  if (!algorithm) {
    const known = algorithms.map(({ name }) => name).join(', ');
    throw new Error(`FORGER_VARIANT=${variant}: expected one of ${known}.`);
  }
  if (algorithm.name === 'subgroup-matrix') process.env.FORGER_HALF_MATRICES = 'on';
  const create = Device.create;
  Device.create = async (...args) => {
    const device = await create.apply(Device, args);
    device.forceAlgorithm(variant);
    return device;
  };
}
