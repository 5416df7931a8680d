// The command that repeats what was found.

import type { Finding } from './jobs.ts';

export function repeat({ parser, seed, index, file }: Finding): string {
  return file === undefined
    ? `pnpm fuzz --parser ${parser} --seed ${seed} --case ${index}`
    : `pnpm fuzz --file ${file}`;
}
