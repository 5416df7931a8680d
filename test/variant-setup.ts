// FORGER_VARIANT=f4x2 npm test: every product of the tests by that core where it can, as `pnpm golden --variant f4x2`.
// Tests that name a core themselves keep theirs.
const variant = process.env.FORGER_VARIANT;
if (variant) {
  const { forceGemmCore, gemmCores } = await import('@forger/tensor/internal');
  const core = gemmCores.find((known) => known === variant);
  if (!core) throw new Error(`FORGER_VARIANT=${variant}: expected one of ${gemmCores.join(', ')}.`);
  if (core === 'matrix') process.env.FORGER_HALF_MATRICES = 'on';
  forceGemmCore(core);
}
