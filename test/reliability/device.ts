// Faults of the device: lost, out of memory, a kernel that does not compile, a call that is not valid.

import { type Fault, forger, TINY } from './fault.ts';

export const deviceFaults: readonly Fault[] = [
  {
    name: 'the device is lost in the middle of a step',
    provoke: (folder) =>
      forger(folder, TINY, {
        inject: {
          method: 'GPUQueue.submit',
          after: 'run/checkpoints/step-000002.json',
          at: 2,
          action: 'lose',
        },
      }),
    sentence: 'The device was lost (destroyed): device was destroyed',
    exitCode: 1,
    kept: 'the last checkpoint',
  },
];
