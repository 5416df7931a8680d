// Training that leaves the numbers.

import { type Fault, forger, TINY } from './fault.ts';

export const divergenceFaults: readonly Fault[] = [
  {
    name: 'a loss becomes NaN or infinite',
    provoke: (folder) => forger(folder, [...TINY, '--lr', '1e30']),
    sentence:
      'Training diverged: <what> at step <step>. <checkpoint>; start a new run with a smaller --lr (it is 1e+30) or another --seed (it is 0).',
    exitCode: 1,
    kept: 'the last good checkpoint',
  },
];
