// Standard output may close before the command ends: its reader ends (`forger recipes | head -1`), the terminal closes, or
// the disk is full.

/** The exit code of a program whose reader has gone: 128 + SIGPIPE. */
const EXIT_NO_READER = 141;

let ended = false;
let heard: ((reason: string, exitCode: number) => void) | undefined;

/** Ends the process when its standard output closes, unless `onOutputEnd` has a listener. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (ended) return; // every later write fails too
    ended = true;
    const readerGone = error.code === 'EPIPE' || error.code === 'EIO';
    const reason = readerGone
      ? 'standard output was closed'
      : `cannot write to standard output: ${error.message}`;
    const exitCode = readerGone ? EXIT_NO_READER : 1;
    if (heard) return heard(reason, exitCode);
    if (!readerGone) console.error(`forger: ${reason}`);
    process.exit(exitCode);
  });
  process.stderr.on('error', () => {}); // nothing can be printed any more
}

/**
 * Calls `listener` at the first write that fails, instead of ending the process. @returns a function that ends that.
 */
export function onOutputEnd(listener: (reason: string, exitCode: number) => void): () => void {
  heard = listener;
  return () => {
    heard = undefined;
  };
}
