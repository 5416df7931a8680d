// The command line from outside: exit codes, one clear message, help that comes fast, and Ctrl-C.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { oneOf, positiveNumber, wholeNumber } from '../../src/cli/flags.ts';
import { run } from '../../src/cli/program.ts';
import { emptyFolder } from './folders.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const runner = join(root, 'scripts/run.mjs');

function forgerIn(cwd: string, env: NodeJS.ProcessEnv, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [runner, 'packages/forger/src/cli/main.ts', ...args],
    { encoding: 'utf8', cwd, env: { ...process.env, ...env } },
  );
  return { status, stdout, stderr };
}

const forger = (...args: string[]) => forgerIn(emptyFolder(), {}, ...args);

/** Runs the program in this process, for what it prints to stderr. */
async function usage(...args: string[]): Promise<{ status: number; stderr: string }> {
  const lines: string[] = [];
  const original = console.error;
  console.error = (line: unknown) => lines.push(String(line));
  try {
    return { status: await run(args), stderr: lines.join('\n') };
  } finally {
    console.error = original;
  }
}

describe('flags', () => {
  const batch = wholeNumber('--batch-size', { least: 1, most: 100 });

  test('are read as numbers within their range', () => {
    expect(batch('64')).toBe(64);
    expect(batch('1e2')).toBe(100);
    expect(positiveNumber('--lr')('2e-4')).toBe(2e-4);
    expect(oneOf('--channels', [1, 3])('3')).toBe(3);
  });

  test.each(['0', '-1', '2.5', 'many', '', ' ', 'NaN', 'Infinity'])('refuse %j as a whole number', (text) => {
    expect(() => batch(text)).toThrow(`--batch-size ${text}: expected a whole number of at least 1`);
  });

  test('say the most, and what else is allowed', () => {
    expect(() => batch('101')).toThrow('--batch-size 101: expected a whole number of at most 100');
    for (const text of ['0', '-1', '1e999', 'x', '']) {
      expect(() => positiveNumber('--lr')(text)).toThrow(`--lr ${text}: expected a number above 0`);
    }
    expect(() => oneOf('--channels', [1, 3])('2')).toThrow('--channels 2: expected 1 or 3');
  });
});

describe('wrong usage exits 2 with one line and a hint', () => {
  test.each([
    [['train', '--batch-size', '0'], '--batch-size 0: expected a whole number of at least 1'],
    [['train', '--seed', '-1'], '--seed -1: expected a whole number of at least 0'],
    [['train', '--lr', 'fast'], '--lr fast: expected a number above 0'],
    [['train', '--precision', 'f64'], '--precision f64: expected float32 or mixed'],
    [['train', '--data', ''], '--data: expected a value'],
    [['train', '--epochs', '1', '--steps', '2'], "'--epochs <n>' cannot be used with option '--steps <n>'"],
    [['train', '--steps', '1', '--minutes', '2'], "'--steps <n>' cannot be used with option '--minutes <m>'"],
    [['train', '--resume', 'a', '--out', 'b'], "'--resume <dir>' cannot be used with option '--out <dir>'"],
    [['train', '--json', '--quiet'], "'--json' cannot be used with option '--quiet'"],
    [['train', '--recipe', 'gan'], "The recipe 'gan' was asked for; there are quick, pytorch, chainer"],
    [
      ['train', '--recipe', 'elix'],
      "--data: the recipe elix was published for pictures of one's own; name a folder",
    ],
    [['train', '--loss', 'mse'], '--loss mse: expected bce or non-saturating or lsgan or hinge or wgan-gp'],
    [['train', '--ema', '1'], '--ema 1: expected a number from 0 to below 1'],
    [['train', '--label-smoothing', '-0.1'], '--label-smoothing -0.1: expected a number from 0 to below 1'],
    [['train', '--n-dis', '0'], '--n-dis 0: expected a whole number of at least 1'],
    [['train', '--d-lr', '0'], '--d-lr 0: expected a number above 0'],
    [['train', '--noise', 'some'], '--noise some: expected a number at least 0'],
    [['train', '--max-restarts', '-1'], '--max-restarts -1: expected a whole number of at least 0'],
    [['train', '--on-nan', 'ignore'], "argument 'ignore' is invalid. Allowed choices are stop, rollback"],
    [['train', '--stepz', '3'], "unknown option '--stepz' (Did you mean --steps?)"],
    [['train', '--steps'], "option '--steps <n>' argument missing"],
    [['train', 'more'], "too many arguments for 'train'"],
    [['sample'], "missing required argument 'source'"],
    [['sample', 'run', '--out', 'a.jpg'], '--out a.jpg: expected a file name that ends in .png'],
    [['sample', 'run', '--count', '0'], '--count 0: expected a whole number of at least 1'],
    [['trian'], "unknown command 'trian' (Did you mean train?)"],
  ])('%j', async (args, message) => {
    const { status, stderr } = await usage(...args);
    expect(status).toBe(2);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).toContain(`forger: `);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/\nSee: forger (train |sample )?--help$/);
  });
});

test.each([
  [
    ['--recipe', 'chainer', '--image-size', '30'],
    'An image size of 30 was given; this network needs a multiple of 8',
  ],
  [['--recipe', 'chainer', '--width', '12'], 'A width of 12 was given; this network needs a multiple of 8'],
  [['--recipe', 'paddle', '--image-size', '12'], 'a multiple of 4, at least 16'],
  [['--recipe', 'd2l', '--image-size', '48'], 'pictures of 16, 32, 64, 128, … pixels'],
  [
    ['--loss', 'hinge', '--label-smoothing', '0.1'],
    'the loss hinge, which has no labels: leave one of them out',
  ],
])('settings that cannot go together exit 1 and leave no folder: %j', async (args, message) => {
  const out = join(emptyFolder(), 'run');
  const { status, stderr } = await usage('train', ...args, '--out', out);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
  expect(stderr.split('\n')).toHaveLength(1);
  expect(existsSync(out)).toBe(false);
});

describe('the process', () => {
  test('prints help and version to stdout and exits 0', () => {
    const help = forger('--help');
    expect(help).toMatchObject({ status: 0, stderr: '' });
    for (const command of ['train', 'sample', 'info', 'recipes', 'doctor'])
      expect(help.stdout).toContain(`  ${command} `);
    const train = forger('train', '--help');
    expect(train.status).toBe(0);
    for (const flag of [
      ...[
        'recipe',
        'data',
        'data-dir',
        'background',
        'image-size',
        'width',
        'channels',
        'batch-size',
        'lr',
        'epochs',
      ],
      ...[
        'steps',
        'minutes',
        'seed',
        'out',
        'resume',
        'sample-every',
        'checkpoint-every',
        'precision',
        'max-restarts',
        'on-nan',
        'profile',
        'quiet',
        'json',
      ],
    ]) {
      expect(train.stdout).toContain(`--${flag} `);
    }
    expect(forger('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('exits 2 on wrong usage, with nothing on stdout', () => {
    expect(forger('train', '--batch-size', '0')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'forger: --batch-size 0: expected a whole number of at least 1\nSee: forger train --help\n',
    });
    expect(forger('train', '--profile', '0').stderr).toContain(
      'forger: --profile 0: expected a whole number of at least 1\n',
    );
    expect(forger()).toMatchObject({ status: 2, stdout: '' });
  });

  test('is asked to stop by the first signal and ended by the second', async () => {
    const child = spawn(process.execPath, [runner, 'packages/forger/test/cli/fixtures/wait-for-signal.ts']);
    const heard = async (word: string) => {
      for await (const chunk of child.stdout.iterator({ destroyOnReturn: false }))
        if (String(chunk).includes(word)) return;
    };
    await heard('ready');
    child.kill('SIGTERM');
    await heard('still here');
    child.kill('SIGINT');
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGINT'); // for a shell: 130
  });
});

// Elsewhere no variable hides the drivers.
describe.runIf(process.platform === 'linux')('with no adapter', () => {
  const none = '/nonexistent/driver.json';
  const hidden = { FORGER_VULKAN: 'system', VK_DRIVER_FILES: none, VK_ICD_FILENAMES: none };

  test('train says what to do, and leaves no folder behind', () => {
    const cwd = emptyFolder();
    const { status, stderr } = forgerIn(cwd, hidden, 'train', '--out', 'run');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^forger: No WebGPU adapter answers.*: .+$/m);
    expect(stderr).toContain('`forger doctor` shows what was found.');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('doctor names the variables that hide the drivers', () => {
    const { status, stdout } = forgerIn(emptyFolder(), hidden, 'doctor');
    expect(status).toBe(1);
    expect(stdout).toMatch(/Adapter\n {2}found +none/);
    expect(stdout).toContain('FORGER_VULKAN=system is set');
    expect(stdout).toContain(`allows no drivers but ${none}`);
    expect(stdout).not.toContain('forger doctor');
  });

  test('setup says how to install a driver, and does not name itself', () => {
    const { status, stderr } = forgerIn(emptyFolder(), hidden, 'setup');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^Forger: no WebGPU adapter answers among the system's, and FORGER_VULKAN=system /,
    );
    expect(stderr).not.toMatch(/forger setup|npm run setup|\n\s+at /);
  });
});
