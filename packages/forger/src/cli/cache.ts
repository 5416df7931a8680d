// `forger cache`: what of decoded pictures is kept in the user's cache, and clearing it.

import { pictureCacheFolder } from '../data/cache-folder.ts';
import { evict, listCached, MOST_CACHE_BYTES } from '../data/picture-cache.ts';
import { say } from './print.ts';
import { tableLines } from './table.ts';

/** Shows the cache, or clears it. @returns the exit code. */
export async function runCache(flags: { clear?: boolean; json?: boolean }): Promise<number> {
  const folder = pictureCacheFolder();
  const removed = flags.clear ? await evict(folder, 0) : [];
  const files = await listCached(folder);
  const sum = (all: readonly { bytes: number }[]) => all.reduce((total, { bytes }) => total + bytes, 0);
  if (flags.json) {
    say(JSON.stringify({ folder, most: MOST_CACHE_BYTES, removed, files }));
    return 0;
  }
  if (flags.clear) say(`Removed ${removed.length} files, ${megabytes(sum(removed))}.`);
  say(
    `${folder} holds the decoded pictures of ${files.length} data sets, ${megabytes(sum(files))} of at most ${megabytes(MOST_CACHE_BYTES)}.`,
  );
  if (files.length > 0) {
    const rows = files.map(({ path, bytes, used }) => [
      path,
      megabytes(bytes),
      used.toISOString().slice(0, 16),
    ]);
    for (const line of tableLines([['file', 'size', 'last used'], ...rows], [1])) say(line);
    if (!flags.clear) say('Those used longest ago go first; `forger cache --clear` removes them all.');
  }
  return 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
}
