// Standard output may end before the command does: a reader goes away (`forger recipes | head -1`), a terminal closes, or
// the disk that it is written to is full.

/** What a shell reports for a program that writes to nobody: 128 + SIGPIPE. */
const EXIT_NO_READER = 141;

let ended = false;
let heard: ((reason: string, exitCode: number) => void) | undefined;

/** Ends the process when its output does, unless somebody listens with `onOutputEnd`. */
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
  process.stderr.on('error', () => {}); // there is nowhere left to say it
}

/** Calls `listener` at the first write that fails, instead of ending the process. @returns a function that ends that. */
export function onOutputEnd(listener: (reason: string, exitCode: number) => void): () => void {
  heard = listener;
  return () => {
    heard = undefined;
  };
}
