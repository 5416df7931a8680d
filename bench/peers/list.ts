// What our step is timed beside, and the installation of what comes from npm.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Peer {
  readonly name: string;
  /** The program and its arguments; the case file and `setting` come after. */
  command(python: string): readonly string[];
  readonly setting: string;
  /** From npm: bench/peers/node_modules has to be there. */
  readonly npm: boolean;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const fromSource = [process.execPath, here('../../scripts/run.mjs')];

function javaScript(name: string, file: string, setting: string): Peer {
  return { name, command: () => [...fromSource, here(file)], setting, npm: true };
}

function pytorch(name: string, setting: string): Peer {
  return { name, command: (python) => [python, here('pytorch.py')], setting, npm: false };
}

/** A PyTorch that waits for cases. */
export const pytorchServer = (python: string): readonly string[] => [python, here('pytorch.py')];

export const peers: readonly Peer[] = [
  pytorch('pytorch', 'float32'),
  pytorch('pytorch-best', 'best'),
  pytorch('pytorch-tf32', 'tf32'),
  pytorch('pytorch-amp', 'amp'),
  javaScript('tfjs-webgpu', 'tfjs.mjs', 'webgpu'),
  javaScript('tfjs-wasm', 'tfjs.mjs', 'wasm'),
  javaScript('jax-webgpu', 'jax.mjs', 'webgpu'),
  javaScript('jax-webgpu-phases', 'jax.mjs', 'webgpu-phases'),
  javaScript('jax-wasm-phases', 'jax.mjs', 'wasm-phases'),
];

/** Installs the lock file's packages unless they are there. @returns why that failed, or undefined. */
export function installPeers(print: (line: string) => void): string | undefined {
  const [lock, installed] = [here('package-lock.json'), here('node_modules/.package-lock.json')];
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return undefined;
  print('installing what bench/peers/package-lock.json names …');
  const { status, stderr, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: here('.'),
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status === 0) return undefined;
  const reason = error?.message ?? stderr.split('\n').find((line) => line.startsWith('npm error')) ?? stderr;
  return `npm ci failed in bench/peers: ${reason.trim()}`;
}
