// How the set-up speaks, always on stderr: one short line for each thing that it does, and one clear message when it
// cannot go on.

/** Thrown when the set-up cannot go on; its message says what happened and exactly what to type. */
export class SetupError extends Error {}

export function say(line) {
  console.error(`Forger: ${line}`);
}

/** Runs `main`; a SetupError ends the process with its message alone and exit code 1. */
export async function runOrExplain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

/** On a terminal, keeps a line up to date with how much of `total` bytes is here; call the result to end that. */
export function showProgress(bytesHere, total) {
  if (!process.stderr.isTTY) return () => {};
  const megabytes = (bytes) => Math.round(bytes / 1e6);
  const timer = setInterval(
    () => process.stderr.write(`\r  ${megabytes(bytesHere())} of ${megabytes(total)} MB `),
    300,
  );
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\x1b[K');
  };
}
