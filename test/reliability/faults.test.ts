// Every fault of the lists is provoked through the command; docs/reliability.md has a line for each.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { emptyFolder } from '../../packages/forger/test/cli/folders.ts';
import { crashFaults } from './crash.ts';
import { deviceFaults } from './device.ts';
import { diskFaults } from './disks.ts';
import { divergenceFaults } from './divergence.ts';
import { checkOutcome, tableRows } from './fault.ts';
import { fileFaults } from './files.ts';

const families = {
  device: deviceFaults,
  divergence: divergenceFaults,
  crash: crashFaults,
  disks: diskFaults,
  files: fileFaults,
};
vi.setConfig({ maxConcurrency: 2 });

const everything = Object.values(families).flat();

describe.each(Object.entries(families))('%s', (_, faults) => {
  // Two at a time: a command is one process that waits a good deal.
  test.concurrent.for(faults.map((fault) => [fault.name, fault] as const))(
    '%s',
    async ([, fault], { skip }) => {
      if (fault.skip) skip(fault.skip);
      const folder = emptyFolder();
      const outcome = await fault.provoke(folder);
      checkOutcome(fault, outcome);
      if (fault.kept.endsWith('no folder is left')) expect(existsSync(join(folder, 'run'))).toBe(false);
      await fault.isKept?.(folder, outcome);
    },
  );
});

test('docs/reliability.md has exactly these faults in its table (with -u it is written anew)', async () => {
  const path = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
  const head = '| --- | --- | --- | --- |\n';
  const [before, after = ''] = readFileSync(path, 'utf8').split(head);
  const rest = after.slice(after.indexOf('\n\n'));
  await expect(`${before}${head}${tableRows(everything).join('\n')}${rest}`).toMatchFileSnapshot(path);
});
