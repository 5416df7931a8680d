// Options that a function does not know: a typo in JavaScript would otherwise be ignored.
import { ConfigError } from './errors.ts';

/**
 * Refuses options that are no object, and names that are not among the known ones.
 * @param what the function or class, for the message.
 * @param known every option's name; the compiler checks that none is missing.
 * @throws ConfigError
 */
export function checkOptions<T extends object>(
  what: string,
  options: T,
  known: Readonly<Record<keyof T & string, true>>,
): void {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError(
      `${what}: ${String(options)} was given for its options; expected an object such as { ${Object.keys(known)[0]}: … }.`,
    );
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name))
      throw new ConfigError(
        `${what}: there is no option "${name}"; the options are ${Object.keys(known).sort().join(', ')}.`,
      );
  }
}
