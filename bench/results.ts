// Results as JSON under bench/results/, with the machine, driver and date they belong to.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '@forger/tensor';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'results');

export interface Machine {
  readonly date: string;
  readonly adapter: string;
  readonly driverFrom: string;
  readonly software: boolean;
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly node: string;
}

export function describeMachine(device: Device): Machine {
  const list = cpus();
  return {
    date: new Date().toISOString(),
    adapter: device.adapter.description || device.adapter.device,
    // A path of the user's home has no place in a file that is published.
    driverFrom: device.adapter.source.replace(/ in .*/, ''),
    software: device.adapter.software,
    cpu: list[0]?.model ?? 'unknown',
    cores: list.length,
    system: platform(),
    node: process.version,
  };
}

/** Writes one result file, named after the benchmark, the adapter and the day; returns its path. */
export function writeResult(name: string, device: Device, result: object): string {
  return saveResult(name, describeMachine(device), result);
}

/** The same for a machine that was described before. */
export function saveResult(name: string, machine: Machine, result: object): string {
  const adapter = machine.adapter
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .slice(0, 40)
    .replace(/-$/, '');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${adapter}-${machine.date.slice(0, 10)}.json`);
  writeFileSync(path, `${JSON.stringify({ benchmark: name, machine, ...result }, null, 2)}\n`);
  return path;
}
