// `npm run quickstart [-- ARGS]`: the set-up, then `forger train ARGS`, which trains the default recipe.

import { runOrExplain, say } from '../packages/forger/setup/say.mjs';
import { runSource } from './run.mjs';
import { setUp } from './setup.mjs';

await runOrExplain(async () => {
  await setUp();
  say('training the default recipe');
  await runSource('packages/forger/src/cli/main.ts', ['train', ...process.argv.slice(2)]);
});
