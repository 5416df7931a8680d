// `npm test [-- ARGS]` and `pnpm test [ARGS]`: the set-up, then `vitest run ARGS`.
import { runOrExplain } from '../packages/forger/setup/say.mjs';
import { setUp } from './setup.mjs';

await runOrExplain(async () => {
  await setUp({ tests: true });
  process.argv = [process.argv[0], 'vitest', 'run', ...process.argv.slice(2)];
  await import('../node_modules/vitest/vitest.mjs');
});
