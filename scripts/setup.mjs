// `npm run setup`: from a fresh clone, with Node and npm only, to a checkout whose commands work. Does what is missing,
// says what it does, and does nothing the second time. quickstart.mjs and test.mjs begin with it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setUpAdapter } from '../packages/forger/setup/adapter.mjs';
import { runOrExplain, SetupError, say } from '../packages/forger/setup/say.mjs';
import { installDependencies } from './dependencies.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = [20, 9];

/**
 * Installs the dependencies and, when no WebGPU adapter answers, a Vulkan driver. Throws a SetupError if it cannot.
 * @param options `tests`: also what only the tests need.
 */
export async function setUp(options = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new SetupError(
      `Node ${process.versions.node} is too old; install Node ${OLDEST_NODE.join('.')} or newer (https://nodejs.org).`,
    );
  }
  await installDependencies(root, options);
  const vulkanModule = pathToFileURL(join(root, 'packages/tensor/src/device/vulkan.ts')).href;
  say(`WebGPU adapter: ${await setUpAdapter(vulkanModule)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runOrExplain(async () => {
    await setUp();
    const found = spawnSync('pnpm', ['--version'], { shell: process.platform === 'win32' }).status === 0;
    say(
      found
        ? 'ready. Try `pnpm train` or `pnpm forger --help`.'
        : 'ready. Try `npm run train` or `npm run forger -- --help`.',
    );
  });
}
