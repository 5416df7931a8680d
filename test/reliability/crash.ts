// What happens to a run from outside: signals, crashes, full disks, damaged and foreign folders.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Fault, forger, TINY } from './fault.ts';

export const crashFaults: readonly Fault[] = [
  {
    name: 'the newest checkpoint is cut short',
    provoke: async (folder) => {
      await forger(folder, TINY);
      const path = join(folder, 'run/checkpoints/step-000006.safetensors');
      writeFileSync(path, readFileSync(path).subarray(0, 1000));
      return forger(folder, ['train', '--resume', 'run', '--tune', 'off']);
    },
    sentence:
      'run/checkpoints/step-000006.safetensors is damaged: 1000 bytes where <bytes> were written; copy it again, or use another checkpoint of the run; trying the checkpoint before it',
    exitCode: 0,
    kept: 'training goes on from the checkpoint before; the damaged one is set aside as `.damaged`',
    isKept: (folder) => {
      const files = readdirSync(join(folder, 'run/checkpoints'));
      expect(files).toContain('step-000006.safetensors');
      expect(files).toContain('step-000006.safetensors.damaged');
    },
  },
];
