// Training that leaves the numbers.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Fault, forger, TINY } from './fault.ts';
import type { Injection } from './inject.ts';

/** Pictures of one step after the checkpoint of step 2: a batch of 8 pictures of 16 by 16. */
const poisoned: Injection = {
  method: 'GPUQueue.writeBuffer',
  bytes: 8 * 16 * 16 * 4,
  after: 'run/checkpoints/step-000002.json',
  at: 1,
  action: 'nan',
};

const checkpoint = (folder: string, step: number): string =>
  join(folder, `run/checkpoints/step-00000${step}.safetensors`);

export const divergenceFaults: readonly Fault[] = [
  {
    name: 'a loss becomes NaN or infinite',
    provoke: (folder) => forger(folder, TINY, { inject: poisoned }),
    sentence:
      "Training diverged: the discriminator's loss is NaN at step 3. The last checkpoint before is of step 2; start a new run with a smaller --lr (it is 0.0002) or another --seed (it is 0).",
    exitCode: 1,
    kept: 'the last good checkpoint',
    isKept: (folder) => {
      expect(existsSync(checkpoint(folder, 2))).toBe(true);
      expect(existsSync(checkpoint(folder, 4))).toBe(false);
    },
  },
  {
    name: 'a weight becomes NaN or infinite',
    provoke: (folder) => forger(folder, [...TINY, '--g-lr', '1e39', '--sample-every', '1']),
    sentence:
      'Training diverged: <weight> holds NaN or infinity after step 1. No checkpoint was written before; start a new run with a smaller --lr (it is 0.0002) or another --seed (it is 0).',
    exitCode: 1,
    kept: 'the grid of the first weights; no checkpoint holds the others',
    isKept: (folder) => {
      expect(existsSync(join(folder, 'run/samples/step-000000.png'))).toBe(true);
      expect(existsSync(join(folder, 'run/samples/step-000001.png'))).toBe(false);
    },
  },
  {
    name: 'training diverges with `--on-nan rollback`',
    provoke: (folder) => forger(folder, [...TINY, '--on-nan', 'rollback'], { inject: poisoned }),
    sentence:
      "Training diverged: the discriminator's loss is NaN at step 3: both learning rates are halved, training continues from step 2 (restart 1 of 3).",
    exitCode: 0,
    kept: 'the last good checkpoint; `rollbacks` in config.json says where rates were halved',
    isKept: (folder) => {
      const { rollbacks } = JSON.parse(readFileSync(join(folder, 'run/config.json'), 'utf8'));
      expect(rollbacks).toEqual([2]);
      expect(existsSync(checkpoint(folder, 6))).toBe(true);
    },
  },
  {
    name: 'training diverges again and again with `--on-nan rollback`',
    provoke: (folder) =>
      forger(folder, [...TINY, '--on-nan', 'rollback', '--max-restarts', '2'], {
        inject: { ...poisoned, times: 99 },
      }),
    sentence:
      "Training diverged: the discriminator's loss is NaN at step 3. The last checkpoint before is of step 2; start a new run with a smaller --lr (it is 0.0002, halved 2 times since) or another --seed (it is 0).",
    exitCode: 1,
    kept: 'the last good checkpoint',
    isKept: (folder) => expect(existsSync(checkpoint(folder, 2))).toBe(true),
  },
];
