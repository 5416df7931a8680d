// How the command ends when something is wrong: 2 for wrong usage, 1 for everything else, one message each.

import { CommanderError } from 'commander';

/** A flag or argument that cannot be meant. The message names it. */
export class UsageError extends Error {}

/**
 * Prints one message to stderr, with a hint where there is one.
 * @param command the subcommand that was asked for, if any.
 * @param debug print the stack of errors that are not the user's.
 * @returns the exit code.
 */
export async function explain(error: unknown, command: string | undefined, debug: boolean): Promise<number> {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // --help and --version
    if (error.code === 'commander.help') return 2; // the help was shown because there was no command
  }
  if (error instanceof UsageError || error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    console.error(`forger: ${message}`);
    console.error(`See: forger ${command === undefined ? '' : `${command} `}--help`);
    return 2;
  }
  // Loaded only here, so that --help and usage errors need not wait for it.
  const { ForgerError } = await import('@forger/tensor');
  if (debug) console.error(error);
  else if (error instanceof ForgerError) console.error(`forger: ${error.message}`);
  else {
    console.error(`forger: unexpected error: ${error instanceof Error ? error.message : error}`);
    console.error('Add --debug to see where it comes from.');
  }
  return 1;
}
