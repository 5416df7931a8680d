// What somebody may have meant by a name that there is not.

/** A typing error in four letters. */
const LETTERS_AN_ERROR = 4;

/**
 * The name nearest to what was given, by Damerau and Levenshtein's distance (letters added, left out,
 * replaced, or exchanged with their neighbour); undefined when none is near.
 */
export function nearest(given: string, names: readonly string[]): string | undefined {
  if (given.length > 64) return undefined;
  const wanted = given.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(given.length / LETTERS_AN_ERROR)) + 1;
  for (const name of names) {
    const apart = distance(wanted, name.toLowerCase());
    if (apart < least) [best, least] = [name, apart];
  }
  return best;
}

/** ` (did you mean x?)`, or nothing. */
export function didYouMean(given: string, names: readonly string[]): string {
  const name = nearest(given, names);
  return name === undefined ? '' : ` (did you mean ${name}?)`;
}

function distance(a: string, b: string): number {
  let [before, above] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}
