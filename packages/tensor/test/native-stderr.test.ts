// What Dawn and drivers write while an adapter is looked for does not reach the user, unless none is found.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { withoutLimitWarnings } from '../src/device/native-stderr.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'forger-warnings-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const warning = (kind: string) =>
  `Warning: maxDynamic${kind}BuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.\n`;

test('only these two lines are dropped', () => {
  expect(withoutLimitWarnings(warning('Uniform') + warning('Storage'))).toBe('');
  const other = 'Warning: maxBindGroups artificially reduced\nMESA: error: no memory\n';
  expect(withoutLimitWarnings(`${warning('Storage')}${other}${warning('Uniform')}`)).toBe(other);
  expect(withoutLimitWarnings(`x ${warning('Uniform')}`)).toBe(`x ${warning('Uniform')}`);
});

describe.runIf(process.platform === 'linux')('in a process', () => {
  const source = (name: string) => JSON.stringify(join(root, 'packages/tensor/src', name));
  const run = (script: string, stderr: 'pipe' | number) =>
    spawnSync(
      process.execPath,
      ['--conditions=@forger/source', '--import', 'tsx', '--input-type=module', '-e', script],
      { cwd: root, stdio: ['ignore', 'pipe', stderr], encoding: 'utf8' },
    );

  test('a device opens in silence, whether stderr is a pipe or a file', () => {
    const open = `
      const { createDevice } = await import(${source('index.ts')});
      const device = await createDevice();
      console.log(device.adapter.description);
      console.error('last words');
      device.destroy();`;
    const piped = run(open, 'pipe');
    expect(piped.stdout.trim()).not.toBe('');
    expect(piped.stderr).toBe('last words\n');
    const path = join(scratch, 'stderr.txt');
    const file = openSync(path, 'w');
    run(open, file);
    closeSync(file);
    expect(readFileSync(path, 'utf8')).toBe('last words\n');
  });

  test('what is written meanwhile is captured, and printed where the call throws', () => {
    const { stderr } = run(
      `
      import { writeSync } from 'node:fs';
      const { stderrCapture } = await import(${source('device/native-stderr.ts')});
      const capture = await stderrCapture();
      const { value, text } = capture(() => {
        writeSync(2, 'driver speaks');
        return 7;
      });
      writeSync(2, value + ' ' + text.length);
      try {
        capture(() => {
          writeSync(2, ' before');
          throw new Error(' thrown');
        });
      } catch (error) {
        writeSync(2, error.message);
      }`,
      'pipe',
    );
    expect(stderr).toBe('7 13 before thrown');
  });
});
