// The types of say.mjs, which is plain JavaScript.

/** Thrown when the set-up cannot go on; its message says what happened and exactly what to type. */
export class SetupError extends Error {}

/** Prints one line to stderr. */
export function say(line: string): void;

/** Runs `main`; a SetupError ends the process with its message alone and exit code 1. */
export function runOrExplain(main: () => unknown): Promise<void>;

/** On a terminal, keeps a line up to date with how much of `total` bytes is here; call the result to end that. */
export function showProgress(bytesHere: () => number, total: number): () => void;
