// Data and weights that cannot be used.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, forger, TINY } from './fault.ts';

export const fileFaults: readonly Fault[] = [
  {
    name: 'a data folder is empty',
    provoke: (folder) => {
      mkdirSync(join(folder, 'pictures'));
      return forger(folder, [...TINY, '--data', 'pictures']);
    },
    sentence:
      "'<folder>' is empty, and IDX images (plain or gzip), CIFAR-10 binary batches, a ZIP archive of pictures, or pictures (PNG, JPEG, WebP, GIF, AVIF, TIFF) were expected; give another folder.",
    exitCode: 1,
    kept: 'nothing was begun: no folder is left',
  },
];
