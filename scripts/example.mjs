// `pnpm example NAME`: runs examples/NAME.ts.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOrExplain, SetupError } from '../packages/forger/setup/say.mjs';
import { runSource } from './run.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../examples');

await runOrExplain(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  const file = join(folder, `${name}.ts`);
  if (!/^[\w-]+$/.test(name) || !existsSync(file)) {
    const names = readdirSync(folder).flatMap((entry) => /^([\w-]+)\.ts$/.exec(entry)?.[1] ?? []);
    throw new SetupError(`type \`pnpm example NAME\`, NAME one of ${names.join(', ')}.`);
  }
  await runSource(`examples/${name}.ts`, args);
});
