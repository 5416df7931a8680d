// Copies what the packages say of their origin (author, repository, homepage, bugs, license) from the
// package.json of the repository into theirs, so that a fork states it once. Runs before each `pnpm pack` and
// `pnpm publish`; a second run changes nothing. `--check` changes nothing at all, and exits with 1 where a
// package differs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FIELDS = ['license', 'author', 'homepage', 'repository', 'bugs'];

/** @returns the names of the packages whose package.json differed from the repository's. */
export function stampPackages({ write = true } = {}) {
  const origin = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const changed = [];
  for (const name of readdirSync(join(root, 'packages'))) {
    const path = join(root, 'packages', name, 'package.json');
    const before = readFileSync(path, 'utf8');
    const entries = [];
    for (const [field, value] of Object.entries(JSON.parse(before))) {
      if (field === 'license') for (const each of FIELDS) entries.push([each, fieldOf(origin, each, name)]);
      else if (!FIELDS.includes(field)) entries.push([field, value]);
    }
    const after = `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
    if (after === before) continue;
    changed.push(name);
    if (write) writeFileSync(path, after);
  }
  return changed;
}

function fieldOf(origin, field, name) {
  if (origin[field] === undefined)
    throw new Error(`package.json of the repository has no "${field}" to copy.`);
  return field === 'repository' ? { ...origin.repository, directory: `packages/${name}` } : origin[field];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  const changed = stampPackages({ write: !check });
  if (changed.length > 0)
    console.error(`packages ${check ? 'that differ' : 'stamped'}: ${changed.join(', ')}`);
  process.exitCode = check && changed.length > 0 ? 1 : 0;
}
