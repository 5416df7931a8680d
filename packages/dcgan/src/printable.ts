// Text from outside (names of files and folders, what files hold) as it may be printed: a terminal takes control
// characters for commands, and some others hide or turn around what stands beside them.

/** Control characters, line and paragraph separators, changes of direction, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;

/** The text with each of these as an escape, such as \u001b. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A name as it may stand in a sentence, however long a hostile one is. */
export function shown(name: string, most = 80): string {
  return printable(name.length > most ? `${name.slice(0, most)}…` : name);
}
