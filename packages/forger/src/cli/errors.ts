// How the command ends when something is wrong: 2 for wrong usage, 1 for everything else, one message each.

import { existsSync } from 'node:fs';
import { inspect } from 'node:util';
import { printable, shown } from '@forger/dcgan/printable';
import type { DeviceLostError, ForgerError } from '@forger/tensor';
import { CommanderError } from 'commander';
import { commandName } from './invocation.ts';

/** The longest message that is printed: names of files, and what they say, may be of any length. */
const MOST_CHARACTERS = 4000;

/** A flag or argument that cannot be meant. The message names it. */
export class UsageError extends Error {
  override name = 'UsageError';
}

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
    console.error(`forger: ${shown(message, MOST_CHARACTERS)}`);
    console.error(`See: forger ${command === undefined ? '' : `${command} `}--help`);
    return 2;
  }
  // Loaded only here, so that --help and usage errors need not wait for it.
  const { ForgerError } = await import('@forger/tensor');
  if (debug) console.error(inspect(error).split('\n').map(printable).join('\n'));
  else if (error instanceof ForgerError) console.error(`forger: ${shownLines(messageFor(error, command))}`);
  else {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`forger: unexpected error: ${shown(reason, MOST_CHARACTERS)}`);
    console.error('Add --debug to see where it comes from.');
  }
  return 1;
}

/** A message of several lines, such as a table: its own breaks stay, everything else is escaped. */
function shownLines(message: string): string {
  return message.slice(0, MOST_CHARACTERS).split('\n').map(printable).join('\n');
}

const SMALLER = 'A smaller --batch-size, --width or --image-size needs less.';

/** What an error of the library says, with what the command's user can do about it. */
export function messageFor(error: ForgerError, command: string | undefined): string {
  switch (error.code) {
    case 'no-adapter':
      return [
        error.message,
        // The set-up takes drivers from apt.
        ...(existsSync('/usr/bin/apt-get')
          ? [`\`${commandName()} setup\` fetches a driver without root.`]
          : []),
        ...(command === 'doctor' ? [] : ['`forger doctor` shows what was found.']),
      ].join(' ');
    case 'precision':
      return `${error.message} \`forger doctor\` shows what the adapter offers.`;
    case 'device-lost':
      return `The device was lost (${(error as DeviceLostError).why}). Try again. If it happens again, update the graphics driver (\`forger doctor\` shows which one is in use).`;
    case 'out-of-memory':
    case 'too-large':
      return command === 'train' ? `${error.message} ${SMALLER}` : error.message;
    case 'kernel':
      return `${error.message} Another driver${command === 'train' ? ', or `--tune off`,' : ''} may avoid that kernel.`;
    case undefined:
      return error.message;
  }
}
