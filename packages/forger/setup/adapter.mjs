// Finds a WebGPU adapter, after installing a private Vulkan driver if that is what it takes. `forger setup` and, in a
// clone, `npm run setup` are this. Plain JavaScript, so that a clone can run it before anything is built.
import { fileURLToPath } from 'node:url';
import { runCommand } from './processes.mjs';
import { SetupError } from './say.mjs';
import { installPrivateVulkan } from './vulkan.mjs';

/**
 * The name of the adapter that Forger will use.
 *
 * @param vulkanModule the URL of @forger/tensor/vulkan
 * @throws SetupError, which says what to type, when there is no adapter and no driver can be installed
 */
export async function setUpAdapter(vulkanModule) {
  const before = await probe(vulkanModule);
  if (before.name) return before.name;
  const byHand = inLines(before.advice);
  if (process.platform !== 'linux') throw new SetupError(`no WebGPU adapter answers; ${byHand}`);
  if (process.env.FORGER_VULKAN === 'system') {
    throw new SetupError(
      `no WebGPU adapter answers among the system's, and FORGER_VULKAN=system rules out a private driver. Unset it and run this again, or ${byHand}`,
    );
  }
  await installPrivateVulkan({ byHand });
  const after = await probe(vulkanModule);
  if (after.name) return after.name;
  throw new SetupError(
    `a Vulkan driver is installed, yet no WebGPU adapter answers:\n${after.complaint || '  Dawn gave no reason'}`,
  );
}

async function probe(vulkanModule) {
  const script = fileURLToPath(new URL('./probe.mjs', import.meta.url));
  const { status, stdout, stderr } = await runCommand(process.execPath, [script, vulkanModule]);
  const complaint = stderr.trim().replace(/^/gm, '  ');
  const line = stdout.trim().split('\n').at(-1);
  if (status === 0) return { ...JSON.parse(line), complaint };
  // A driver that crashes the process that looks for it counts as none.
  const advice = {
    what: `look after the driver, which ends the process that loads it:\n${complaint}`,
    commands: [],
  };
  return { name: null, advice, complaint };
}

/** Advice with each command on a line of its own, to be copied. */
function inLines({ what, commands }) {
  return commands.length === 0
    ? `${what}.`
    : `${what}:\n${commands.map((command) => `  ${command}`).join('\n')}`;
}
