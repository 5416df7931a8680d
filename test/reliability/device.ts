// Faults of the device: lost, out of memory, a kernel that does not compile, a call that is not valid.

import { join } from 'node:path';
import { type Fault, forger, isUndisturbed, TINY, undisturbedRun } from './fault.ts';
import type { Injection } from './inject.ts';

/** After the checkpoint of step 2. */
const late = { after: 'run/checkpoints/step-000002.json' } as const;

const loseIn = (inject: Omit<Injection, 'action'>, ...flags: string[]): Fault['provoke'] => {
  return (folder) => forger(folder, [...TINY, ...flags], { inject: { ...inject, action: 'lose' } });
};

const sameBits: Pick<Fault, 'exitCode' | 'kept' | 'isKept'> = {
  exitCode: 0,
  kept: 'everything: the run ends with the same bits as an undisturbed one',
  isKept: (folder) => isUndisturbed(join(folder, 'run')),
};

const goesOn =
  'The device was lost (<reason>) at step <step>: a new one was made, training goes on from step <step> (restart 1 of 3).';

export const deviceFaults: readonly Fault[] = [
  {
    name: 'the device is lost in the middle of a step',
    provoke: loseIn({ method: 'GPUQueue.submit', ...late, at: 2 }),
    sentence: goesOn,
    ...sameBits,
  },
  {
    name: 'the device is lost while results are read back',
    provoke: loseIn({ method: 'GPUBuffer.mapAsync', ...late, at: 1 }),
    sentence: goesOn,
    ...sameBits,
  },
  {
    name: 'the device is lost while kernels are compiled',
    provoke: loseIn({ method: 'GPUDevice.createComputePipelineAsync', at: 20 }),
    sentence:
      'The device was lost (<reason>) while the run was prepared: a new one was made, training starts over (restart 1 of 3).',
    ...sameBits,
  },
  {
    name: 'the device is lost before the first checkpoint',
    provoke: loseIn({ method: 'GPUQueue.submit', after: 'run/samples/step-000000.png', at: 2 }),
    sentence:
      'The device was lost (<reason>) at step <step>: a new one was made, training starts over (restart 1 of 3).',
    ...sameBits,
  },
  {
    name: 'the device is lost again and again',
    provoke: loseIn({ method: 'GPUQueue.submit', ...late, at: 2, times: 9 }, '--max-restarts', '2'),
    sentence:
      'The device was lost (<reason>) <when> after 2 restarts: look after the graphics driver, which `forger doctor` names. The checkpoint of step 2 is kept: go on with --resume run.',
    exitCode: 1,
    kept: 'the last checkpoint',
  },
  {
    name: 'the device is lost while pictures are drawn by `forger sample`',
    provoke: async (folder) =>
      forger(folder, ['sample', await undisturbedRun()], {
        inject: { method: 'GPUBuffer.mapAsync', at: 1, action: 'lose' },
      }),
    sentence:
      'The device was lost (<reason>): try again; if it comes back, look after the graphics driver, which `forger doctor` names.',
    exitCode: 1,
    kept: 'the run as it was',
  },
  {
    name: 'a kernel does not compile',
    provoke: (folder) =>
      forger(folder, TINY, {
        inject: { method: 'GPUDevice.createShaderModule', label: 'adam', at: 1, action: 'wgsl' },
      }),
    sentence:
      'The kernel adam does not compile: <complaint> This is a fault of Forger or of the graphics driver: please report it with this line; another driver, or `--tune off`, may do without that kernel.',
    exitCode: 1,
    kept: 'nothing was begun: no folder is left',
  },
];
