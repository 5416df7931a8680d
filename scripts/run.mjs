// Runs a TypeScript file of this repository from its source, in this process: `node scripts/run.mjs FILE [ARGS]`.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runOrExplain, SetupError } from '../packages/forger/setup/say.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Embeds the shaders, then imports `file` (relative to the repository) with `args` as its command line. */
export async function runSource(file, args) {
  const path = resolve(root, file);
  if (!existsSync(join(root, 'node_modules/esbuild')))
    throw new SetupError('the dependencies are not installed. Type:\n  npm run setup');
  if (!existsSync(path)) throw new SetupError(`there is no ${file} to run in ${root}.`);
  const { embedShaders } = await import('./embed-shaders.mjs');
  embedShaders();
  goWhereTheUserTyped();
  hearInterruptsOnce();
  process.setSourceMapsEnabled(true);
  process.argv = [process.argv[0], path, ...args];
  const { bundle } = await import('./bundle.mjs');
  await import(pathToFileURL(await bundle(path)).href);
}

/** npm and pnpm start scripts in the package's folder; paths that the user gives are relative to their own. */
function goWhereTheUserTyped() {
  const typed = process.env.INIT_CWD;
  if (typed && process.env.npm_lifecycle_event && process.cwd() === root && existsSync(typed))
    process.chdir(typed);
}

/**
 * Ctrl+C reaches a script twice, from the terminal and passed on by npm, milliseconds apart. The program should hear
 * it once, so that "again, to stop at once" means a second press.
 */
function hearInterruptsOnce() {
  const emit = process.emit;
  let last = Number.NEGATIVE_INFINITY;
  process.emit = function (event, ...rest) {
    if (event === 'SIGINT') {
      const before = last;
      last = performance.now();
      if (last - before < 250) return true;
    }
    return emit.call(this, event, ...rest);
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , file, ...args] = process.argv;
  await runOrExplain(() => {
    if (!file) throw new SetupError('type `node scripts/run.mjs FILE [ARGS]`.');
    return runSource(file, args);
  });
}
