// `forger setup`: looks for a WebGPU adapter and, on Linux, fetches a private Vulkan driver when none answers.

import { setUpAdapter } from '../../setup/adapter.mjs';
import { SetupError, say } from '../../setup/say.mjs';
import { commandName } from './invocation.ts';

/** @returns 0 when an adapter answers, 1 with what to do when none does. */
export async function runSetup(): Promise<number> {
  try {
    say(`WebGPU adapter: ${await setUpAdapter(import.meta.resolve('@forger/tensor/vulkan'))}`);
    say(`ready. Try \`${commandName()} train\`.`);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return 1;
  }
}
