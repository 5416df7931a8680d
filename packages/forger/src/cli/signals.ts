// The first Ctrl-C stops a run after the current step; the second ends the process at once. A run whose
// standard output is closed stops like after the first.

import { releaseLocks } from '../train/run-lock.ts';
import { onOutputEnd } from './output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Stop {
  /** Aborted once the run was asked to stop. */
  readonly signal: AbortSignal;
  /** What the command exits with after a run that was stopped: 0, unless it was for want of a reader. */
  readonly exitCode: number;
  /** Gives the process's signals back. */
  dispose(): void;
}

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP, or the end of standard output, into an abort; the second signal ends
 * the process as it would have without us, which shells report as 130 for SIGINT.
 * @param onFirst told once a signal asked for the stop.
 */
export function stopOnSignals(onFirst: () => void): Stop {
  const controller = new AbortController();
  let exitCode = 0;
  let signals = 0;
  const stop = (name: NodeJS.Signals) => {
    if (++signals > 1) return quit(name);
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

// Not `process.exit`: it takes down what the driver's threads still compile with, and they print nonsense or crash.
function quit(name: NodeJS.Signals): void {
  releaseLocks();
  for (const other of SIGNALS) process.removeAllListeners(other);
  process.kill(process.pid, name);
}
