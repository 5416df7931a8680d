// How much memory a weight file may ask for. Weights are noise, which hardly compresses: a file that unfolds to many
// times its size was made to exhaust the memory.

import { CheckpointError } from '@forger/tensor';

const FREE_BYTES = 64 * 2 ** 20;
const MOST_TIMES = 16;

/** Counts what the contents of one file claim. */
export class Budget {
  readonly limit: number;
  #spent = 0;

  /** @param fileBytes size of the file. */
  constructor(fileBytes: number) {
    this.limit = FREE_BYTES + MOST_TIMES * fileBytes;
  }

  /** Call it before memory is taken. @throws CheckpointError beyond the limit. */
  spend(bytes: number, what: string): void {
    this.#spent += bytes;
    if (this.#spent <= this.limit) return;
    throw new CheckpointError(
      `${what} would take ${this.#spent} bytes of memory where at most ${this.limit} are allowed (64 MiB and 16 times the file's size), ` +
        'which is how a file exhausts memory: use another copy of the weights',
    );
  }
}
