// Ctrl-C once asks a run to stop after the step under way; twice ends the process at once.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130; // 128 + SIGINT, as shells have it

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort; the second exits with 130.
 * @param onFirst told once the stop was asked for.
 * @returns the signal, and a function that gives the process's signals back.
 */
export function stopOnSignals(onFirst: () => void): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
    onFirst();
  };
  for (const name of SIGNALS) process.on(name, stop);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
