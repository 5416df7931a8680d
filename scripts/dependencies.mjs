// Installs the npm dependencies with pnpm, fetched through npx in the version that package.json names. A stamp in
// node_modules remembers for which lockfile and platform that was done, so a second time costs a hash.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible, runCommand } from '../packages/forger/setup/processes.mjs';
import { SetupError, say } from '../packages/forger/setup/say.mjs';

/** ONNX Runtime, 110 MB to fetch, which only tests need. */
const FOR_TESTS = '@forger/test-onnxruntime';

/**
 * Installs the dependencies unless they are there; those of tests alone only when `tests` is set.
 * Throws a SetupError if that fails.
 */
export async function installDependencies(root, { tests = false } = {}) {
  const stampPath = join(root, 'node_modules/.forger-setup');
  const stamp = createHash('sha256')
    .update(`${process.platform} ${process.arch}\n`)
    .update(readFileSync(join(root, 'pnpm-workspace.yaml')))
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  const complete = ['node_modules/tsx', 'node_modules/webgpu'].every((path) => existsSync(join(root, path)));
  const withTests = `${stamp} tests`;
  const stamped = existsSync(stampPath) ? readFileSync(stampPath, 'utf8') : '';
  if (complete && (stamped === withTests || (!tests && stamped === stamp))) return;

  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const command = [
    '--yes',
    packageManager,
    'install',
    '--frozen-lockfile',
    '--config.confirmModulesPurge=false',
    ...(tests ? [] : [`--filter=!${FOR_TESTS}`]),
  ];
  say(`installing the dependencies: npx ${command.slice(0, 4).join(' ')}`);
  // pnpm's report goes to stderr, so that the output of whatever follows stays clean.
  const options = { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' };
  const { status } = await interruptible(
    () => runCommand('npx', command, options),
    () => {},
  );
  if (status !== 0) {
    throw new SetupError(
      `the dependencies could not be installed (the reason is above). Check the network and npm's registry setting, then run this again, or type:\n  npx ${command.slice(0, 4).join(' ')}`,
    );
  }
  writeFileSync(stampPath, tests ? withTests : stamp);
}
