// `npm run setup`: from a fresh clone, with Node and npm only, to a checkout whose commands work. Does what is missing,
// says what it does, and does nothing the second time. quickstart.mjs and test.mjs begin with it.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies } from './setup/dependencies.mjs';
import { runCommand } from './setup/processes.mjs';
import { runOrExplain, SetupError, say } from './setup/say.mjs';
import { installPrivateVulkan } from './setup/vulkan.mjs';

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
  say(`WebGPU adapter: ${await findAdapter()}`);
}

/** The name of the adapter that Forger will use, after installing a driver if that is what it takes. */
async function findAdapter() {
  const before = await probe();
  if (before.name) return before.name;
  if (process.platform !== 'linux') {
    throw new SetupError(
      'no WebGPU adapter answers. Forger needs a GPU with Metal (macOS) or Direct3D 12 (Windows) and its current driver.',
    );
  }
  if (process.env.FORGER_VULKAN === 'system') {
    throw new SetupError(
      "no WebGPU adapter answers among the system's, and FORGER_VULKAN=system rules out a private driver. Unset it, or install a Vulkan driver, and run this again.",
    );
  }
  await installPrivateVulkan();
  const after = await probe();
  if (after.name) return after.name;
  throw new SetupError(
    `a Vulkan driver is installed, yet no WebGPU adapter answers:\n${after.complaint || '  Dawn gave no reason'}`,
  );
}

async function probe() {
  const script = join(root, 'scripts/setup/probe.mjs');
  const { status, stdout, stderr } = await runCommand(process.execPath, [script], { cwd: root });
  const complaint = stderr.trim().replace(/^/gm, '  ');
  return status === 0 ? { ...JSON.parse(stdout), complaint } : { name: null, complaint };
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
