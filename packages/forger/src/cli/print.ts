// What the command prints that may hold words from outside: names of files, and what files say of themselves.

import { printable } from '@forger/dcgan/printable';

/** A line on standard output. */
export function say(line: string): void {
  console.log(printable(line));
}

/** A remark on standard error. */
export function remark(note: string): void {
  console.error(`note: ${printable(note)}`);
}
