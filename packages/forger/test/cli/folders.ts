// Folders for tests, removed when the test file is done.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'forger-run-test-'));
  made.push(folder);
  return folder;
}
