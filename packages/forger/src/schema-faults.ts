// What a schema found wrong with a file's JSON, in words.

import { shown } from '@forger/dcgan/internal';
import type { z } from 'zod';

/** Faults that are named; a hostile file has thousands. */
const MOST_NAMED = 8;
const MOST_CHARACTERS = 150;

/** `field: what is wrong; field: what is wrong`, on one line, however long the file's own words are. */
export function describeFaults({ issues }: z.ZodError): string {
  const named = issues
    .slice(0, MOST_NAMED)
    .map(({ path, message }) =>
      [...path.map((key) => shown(String(key))), shown(message, MOST_CHARACTERS)].join(': '),
    );
  const more = issues.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more faults`] : [])].join('; ');
}
