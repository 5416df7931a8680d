// Ctrl-C once asks a run to stop after the step under way; twice ends the process at once. A run whose output nobody
// reads any more stops in the same way.

import { onOutputEnd } from './output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells have it

export interface Stop {
  /** Aborted once the run was asked to stop. */
  readonly signal: AbortSignal;
  /** What the command exits with after a run that was stopped: 0, unless it was for want of a reader. */
  readonly exitCode: number;
  /** Gives the process's signals back. */
  dispose(): void;
}

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP, or the end of standard output, into an abort; the second signal exits with 130.
 * @param onFirst told once a signal asked for the stop.
 */
export function stopOnSignals(onFirst: () => void): Stop {
  const controller = new AbortController();
  let exitCode = 0;
  let signals = 0;
  const stop = () => {
    if (++signals > 1) process.exit(EXIT_INTERRUPTED);
    const first = !controller.signal.aborted;
    controller.abort();
    if (first) onFirst();
  };
  const forget = onOutputEnd((reason, code) => {
    exitCode = code;
    if (!controller.signal.aborted) console.error(`forger: ${reason}: stopping after this step and saving.`);
    controller.abort();
  });
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    dispose: () => {
      for (const name of SIGNALS) process.off(name, stop);
      forget();
    },
  };
}
