// Faults of the device: lost, out of memory, a kernel that does not compile, a call that is not valid.

import { join } from 'node:path';
import { createDevice } from '@forger/tensor';
import { type Fault, forger, isUndisturbed, ownCache, TINY, undisturbedRun } from './fault.ts';
import type { Injection } from './inject.ts';

const adapter = await createDevice({ halfMatrices: true });
const hasHalfMatrices = adapter.adapter.halfMatrix !== null;
adapter.destroy();

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

const inject = (...injections: Injection[]): Fault['provoke'] => {
  return (folder) => forger(folder, TINY, { inject: injections });
};

const nothing = 'nothing was begun: no folder is left';

const noMemory = (what: string): string =>
  `The device has no memory left for ${what} (<bytes> bytes): use smaller tensors (a smaller batch), or end other programs that use its memory. A smaller --batch-size, --width or --image-size needs less.`;

const goesOn =
  'The device was lost (<reason>) at step <step>: a new device was opened, training continues from step <step> (restart 1 of 3).';

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
      'The device was lost (<reason>) while the run was prepared: a new device was opened, training starts over (restart 1 of 3).',
    ...sameBits,
  },
  {
    name: 'the device is lost before the first checkpoint',
    provoke: loseIn({ method: 'GPUQueue.submit', after: 'run/samples/step-000000.png', at: 2 }),
    sentence:
      'The device was lost (<reason>) at step <step>: a new device was opened, training starts over (restart 1 of 3).',
    ...sameBits,
  },
  {
    name: 'the device is lost while the tuner times kernels',
    provoke: (folder) =>
      forger(folder, [...TINY, '--tune', 'thorough'], {
        inject: { method: 'GPUQueue.submit', at: 5, action: 'lose' },
        env: ownCache(folder),
      }),
    sentence:
      'The device was lost (<reason>) while the run was prepared: a new device was opened, training starts over (restart 1 of 3).',
    exitCode: 0,
    kept: 'everything',
  },
  {
    name: 'the device is lost while a sample grid is drawn',
    provoke: loseIn({ method: 'GPUQueue.submit', after: 'run/checkpoints/step-000006.json', at: 1 }),
    sentence: goesOn,
    ...sameBits,
  },
  {
    name: 'the device is lost while a checkpoint is read back',
    provoke: loseIn({ method: 'GPUDevice.createBuffer', label: 'to the host (3', at: 1 }),
    sentence:
      'The device was lost (<reason>) at step 2: a new device was opened, training starts over (restart 1 of 3).',
    ...sameBits,
  },
  {
    name: 'the device is lost and no adapter answers any more',
    provoke: inject(
      { method: 'GPUQueue.submit', ...late, at: 2, action: 'lose' },
      { method: 'GPU.requestAdapter', ...late, at: 1, times: 9, action: 'nothing' },
    ),
    sentence:
      'The device was lost (<reason>) at step <step>, and no new device could be opened: No WebGPU adapter answers: <what to do> The checkpoint of step 2 is kept: continue with --resume run.',
    exitCode: 1,
    kept: 'the last checkpoint',
  },
  {
    name: 'the adapter gives no device',
    provoke: inject({ method: 'GPUAdapter.requestDevice', at: 1, action: 'refuse', message: 'no' }),
    sentence: 'The adapter of <driver> gives no device: no',
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'the adapter has no float16 matrices for `--precision mixed`',
    provoke: (folder) => forger(folder, [...TINY, '--precision', 'mixed']),
    sentence:
      "Precision mixed was asked for, and the adapter (<name>) lists no products of float16 matrices summed in float32 (chromium-experimental-subgroup-matrix, with shader-f16 and subgroups of one size): take float32, or a GPU that has them, such as NVIDIA's with tensor cores. `forger doctor` shows what the adapter offers.",
    exitCode: 1,
    kept: nothing,
    skip: hasHalfMatrices && 'this adapter has them',
  },
  {
    name: 'the device is lost again and again',
    provoke: loseIn({ method: 'GPUQueue.submit', ...late, at: 2, times: 9 }, '--max-restarts', '2'),
    sentence:
      'The device was lost (<reason>) <when> after 2 restarts: update the graphics driver (`forger doctor` shows which one is in use). The checkpoint of step 2 is kept: continue with --resume run.',
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
      'The device was lost (<reason>). Try again. If it happens again, update the graphics driver (`forger doctor` shows which one is in use).',
    exitCode: 1,
    kept: 'the run as it was',
  },
  {
    name: 'a tensor is larger than the adapter can bind',
    provoke: (folder) => forger(folder, ['train', '--out', 'run', '--batch-size', '60000']),
    sentence:
      'This adapter binds at most <bytes> bytes at once, and a tensor of shape [<shape>] (<bytes> bytes) was asked for: use smaller tensors (a smaller batch). A smaller --batch-size, --width or --image-size needs less.',
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'a batch is larger than any memory',
    provoke: (folder) =>
      forger(folder, [
        ...['train', '--out', 'run', '--batch-size', '65536', '--image-size', '1024'],
        ...['--channels', '3', '--width', '1'],
      ]),
    sentence:
      'This adapter binds at most <bytes> bytes at once, and a tensor of shape [65536, 3, 1024, 1024] (824,633,720,832 bytes) was asked for: use smaller tensors (a smaller batch). A smaller --batch-size, --width or --image-size needs less.',
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'there is no memory for the first weights',
    provoke: inject({
      method: 'GPUDevice.createBuffer',
      label: 'a tensor of shape',
      at: 1,
      action: 'memory',
    }),
    sentence: noMemory('a tensor of shape [<shape>]'),
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'there is no memory for a training step',
    provoke: inject({ method: 'GPUDevice.createBuffer', label: 'made by conv', at: 1, action: 'memory' }),
    sentence: noMemory('a tensor of shape [<shape>] made by <kernel>'),
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'there is no memory for what a kernel packs',
    provoke: inject({ method: 'GPUDevice.createTexture', label: 'operands', at: 1, action: 'memory' }),
    sentence: noMemory('packed operands'),
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'memory runs out midway',
    provoke: inject({
      method: 'GPUDevice.createBuffer',
      ...late,
      at: 1,
      action: 'memory',
    }),
    sentence: noMemory('<what>'),
    exitCode: 1,
    kept: 'the last checkpoint',
  },
  {
    name: 'a call to the device is not valid',
    provoke: inject({ method: 'GPUDevice.createBindGroup', label: 'adam', at: 1, action: 'invalid' }),
    sentence:
      'The device refused a call (CreateBindGroup of adam): <complaint> This is a fault of Forger: please report it with this line.',
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'a kernel does not compile',
    provoke: inject({ method: 'GPUDevice.createShaderModule', label: 'adam', at: 1, action: 'wgsl' }),
    sentence:
      'The kernel adam does not compile: <complaint> This is a fault of Forger or of the graphics driver: please report it with this line. Another driver, or `--tune off`, may avoid that kernel.',
    exitCode: 1,
    kept: nothing,
  },
  {
    name: 'a kernel of `forger sample` does not compile',
    provoke: async (folder) =>
      forger(folder, ['sample', await undisturbedRun()], {
        inject: { method: 'GPUDevice.createShaderModule', label: 'conv', at: 1, action: 'wgsl' },
      }),
    sentence:
      'The kernel <kernel> does not compile: <complaint> This is a fault of Forger or of the graphics driver: please report it with this line. Another driver may avoid that kernel.',
    exitCode: 1,
    kept: 'the run as it was',
  },
];
