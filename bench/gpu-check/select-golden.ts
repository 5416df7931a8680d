// Makes the selection of golden cases that comes with the repository from a folder with all of them:
// `node scripts/run.mjs bench/gpu-check/select-golden.ts ../shared/golden/ops`. The small cases of each
// family, in their order, as far as there is room.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SafetensorsEntry, writeSafetensors } from '@forger/tensor';
import { type GoldenEntry, openGoldenFile } from '../../test/golden/cases.ts';

/** Bytes of a case, and of a family. */
const MOST_OF_CASE = 12 * 1024;
const MOST_OF_FAMILY = 48 * 1024;

const target = fileURLToPath(new URL('reference/golden', import.meta.url));

function select(path: string): number {
  const { family, file, entries } = openGoldenFile(path);
  const tensorsOf = ({ id }: GoldenEntry) =>
    [...file.tensors].filter(([name]) => name.startsWith(`case/${id}/`));
  let room = MOST_OF_FAMILY;
  const chosen = entries.filter((entry) => {
    const bytes = tensorsOf(entry).reduce((sum, [, { data }]) => sum + 4 * data.length, 0);
    if (bytes > MOST_OF_CASE || bytes > room) return false;
    room -= bytes;
    return true;
  });
  const tensors = chosen.flatMap(tensorsOf).map(([name, { shape, data }]): [string, SafetensorsEntry] => {
    return [name, { shape, data: Float32Array.from(data) }];
  });
  const bytes = writeSafetensors(tensors, { cases: JSON.stringify(chosen) });
  writeFileSync(join(target, `${family}.safetensors`), bytes);
  console.log(`${family}: ${chosen.length} of ${entries.length} cases, ${bytes.length} bytes`);
  return bytes.length;
}

const [, , folder] = process.argv;
if (folder === undefined) {
  console.error('Usage: select-golden.ts FOLDER');
  process.exit(2);
}
mkdirSync(target, { recursive: true });
const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
console.log(`${files.sort().reduce((sum, name) => sum + select(join(folder, name)), 0)} bytes`);
