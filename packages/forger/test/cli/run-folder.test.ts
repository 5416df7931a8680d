// The run folder: nothing half-written is ever taken for whole, and two processes never write to one run.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CheckpointError, ConfigError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/train/checkpoint-store.ts';
import { RunFolder } from '../../src/train/run-folder.ts';
import { emptyFolder } from './folders.ts';
import { config, metrics } from './settings.ts';

const bytes = (seed: number) => Uint8Array.from({ length: 1000 }, (_, i) => (i * seed) % 251);

async function newRun(options: { keepCheckpoints?: number } = {}): Promise<RunFolder> {
  return RunFolder.create(config, { out: join(emptyFolder(), 'run'), ...options });
}

describe('creating', () => {
  test.skipIf(process.platform !== 'linux')(
    'says so where no folder can be made, and does not hang',
    async () => {
      // /proc refuses folders with ENOENT, which Node's recursive mkdir retries for ever.
      await expect(RunFolder.create(config, { out: '/proc/no/run' })).rejects.toThrow(
        'cannot make the folder /proc/no/run: there is no such file or folder',
      );
    },
  );

  test('makes a named folder that can be opened again', async () => {
    const before = process.cwd();
    process.chdir(emptyFolder());
    try {
      const now = new Date(2026, 0, 2, 3, 4, 5);
      const run = await RunFolder.create(config, { now });
      expect(run.dir).toBe(join('runs', 'quick-20260102-030405'));
      const twin = await RunFolder.create(config, { now });
      expect(twin.dir).toBe(join('runs', 'quick-20260102-030405-2'));
      run.close();
      twin.close();
      expect((await RunFolder.read(run.dir)).config).toEqual(config);
      expect(readdirSync(run.dir).sort()).toEqual(['checkpoints', 'config.json', 'samples']);
    } finally {
      process.chdir(before);
    }
  });

  test('takes an empty folder, and refuses one that holds a run or anything else', async () => {
    const dir = emptyFolder();
    (await RunFolder.create(config, { out: dir })).close();
    await expect(RunFolder.create(config, { out: dir })).rejects.toThrow(`continue it with --resume ${dir}`);
    const other = emptyFolder();
    writeFileSync(join(other, 'thesis.txt'), 'do not touch');
    await expect(RunFolder.create(config, { out: other })).rejects.toThrow('it holds thesis.txt');
    writeFileSync(join(other, 'config.json'), '{"name": "a web page"}');
    await expect(RunFolder.create(config, { out: other })).rejects.toThrow(ConfigError);
    expect(readdirSync(other).sort()).toEqual(['config.json', 'thesis.txt']);
  });

  test('says why a folder cannot be made', async () => {
    const file = join(emptyFolder(), 'file');
    writeFileSync(file, '');
    const create = RunFolder.create(config, { out: join(file, 'run') });
    await expect(create).rejects.toThrow(ConfigError);
    await expect(create).rejects.toThrow(/cannot make the folder .*: a part of the path is a file/);
  });

  test('leaves no trace of a run that failed before or at its first step', async () => {
    const run = await newRun();
    await run.discardIfUntrained();
    expect(existsSync(run.dir)).toBe(false);
    const first = await newRun();
    writeFileSync(first.samplePath(0), '');
    await first.discardIfUntrained();
    expect(existsSync(first.dir)).toBe(false);
    const trained = await newRun();
    trained.appendMetrics(metrics(1));
    await trained.discardIfUntrained();
    expect(readdirSync(trained.dir).sort()).toEqual([
      'checkpoints',
      'config.json',
      'metrics.jsonl',
      'samples',
    ]);
  });
});

describe('opening', () => {
  test('says what is wrong with a folder that is no run', async () => {
    const dir = emptyFolder();
    await expect(RunFolder.open(join(dir, 'none'))).rejects.toThrow('there is no such folder');
    await expect(RunFolder.open(dir)).rejects.toThrow('is not a run: it has no config.json');
    writeFileSync(join(dir, 'config.json'), '{"recipe": ');
    await expect(RunFolder.open(dir)).rejects.toThrow('is not JSON');
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, lr: 'fast' }));
    await expect(RunFolder.open(dir)).rejects.toThrow(/config\.json: lr: /);
    expect(existsSync(join(dir, 'run.lock'))).toBe(false);
  });

  test('clears temporary files and keeps everything else', async () => {
    const run = await newRun();
    await run.writeCheckpoint(20, bytes(1), {});
    run.close();
    const left = run.path('checkpoints', '.step-000040.safetensors.4711.tmp');
    const foreign = run.path('checkpoints', 'best.safetensors');
    writeFileSync(left, 'half');
    writeFileSync(foreign, 'mine');
    const again = await RunFolder.open(run.dir);
    expect(existsSync(left)).toBe(false);
    expect(existsSync(foreign)).toBe(true);
    expect(await again.checkpointSteps()).toEqual([20]);
    again.close();
  });
});

describe('metrics', () => {
  test('are cut back to the resumed step, torn lines dropped, NaN kept as a gap', async () => {
    const run = await newRun();
    for (let step = 1; step <= 120; step++) run.appendMetrics({ ...metrics(step), secondsLeft: 5 });
    const last = metrics(121);
    run.appendMetrics({ ...last, metrics: { ...last.metrics, lossD: Number.NaN } });
    expect(run.readMetrics()).toHaveLength(121);
    expect(run.readMetrics()[120]!.metrics).toEqual({ ...last.metrics, lossD: Number.NaN });
    run.close();
    writeFileSync(run.path('metrics.jsonl'), '{"step": 122, "epo', { flag: 'a' });

    const again = await RunFolder.open(run.dir);
    expect(again.readMetrics()).toHaveLength(121);
    await again.rewind(100);
    again.appendMetrics(metrics(101));
    again.close();
    const lines = readFileSync(run.path('metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(101);
    // One flat object, as version 0.1 wrote it.
    const { metrics: measured, ...rest } = metrics(101);
    expect(JSON.parse(lines[100]!)).toEqual({ ...rest, ...measured });
    expect(again.readMetrics()[100]).toEqual(metrics(101));
  });
});

describe('samples', () => {
  test('are listed by step and dropped after the resumed one', async () => {
    const run = await newRun();
    for (const step of [1_000_000, 0, 200, 50]) writeFileSync(run.samplePath(step), '');
    writeFileSync(run.path('samples', 'notes.txt'), '');
    expect(run.samplePath(50)).toBe(run.path('samples', 'step-000050.png'));
    expect((await run.samples()).map(({ step }) => step)).toEqual([0, 50, 200, 1_000_000]);
    await run.rewind(60);
    expect((await run.samples()).map(({ step }) => step)).toEqual([0, 50]);
    run.close();
  });
});

describe('checkpoints', () => {
  test('come back as they were written, the newest first', async () => {
    const run = await newRun();
    expect(await run.latestCheckpoint()).toBeUndefined();
    await run.writeCheckpoint(20, bytes(2), { optimizer: { step: 20 } });
    const path = await run.writeCheckpoint(40, bytes(3), { order: [3, 1, 2] });
    expect(path).toBe(run.path('checkpoints', 'step-000040.safetensors'));
    const { checkpoint, notes } = (await run.latestCheckpoint())!;
    expect(notes).toEqual([]);
    expect(checkpoint).toMatchObject({ step: 40, path, meta: { order: [3, 1, 2] } });
    expect(Buffer.compare(checkpoint.bytes, bytes(3))).toBe(0);
    run.close();
  });

  test('are removed but for the newest few', async () => {
    const run = await newRun({ keepCheckpoints: 2 });
    for (const step of [20, 40, 60, 80]) await run.writeCheckpoint(step, bytes(step), {});
    expect(readdirSync(run.path('checkpoints')).sort()).toEqual([
      'step-000060.json',
      'step-000060.safetensors',
      'step-000080.json',
      'step-000080.safetensors',
    ]);
    run.close();
  });

  test('do not exist until their JSON does', async () => {
    const run = await newRun();
    await run.writeCheckpoint(20, bytes(2), {});
    writeFileSync(run.path('checkpoints', 'step-000040.safetensors'), bytes(4));
    expect((await run.latestCheckpoint())!.checkpoint.step).toBe(20);
    run.close();
  });

  const damages: [string, (weights: string, record: string) => void][] = [
    ['one flipped bit', (weights) => writeFileSync(weights, bytes(5).with(500, bytes(5)[500]! ^ 1))],
    ['a cut-off end', (weights) => writeFileSync(weights, bytes(5).subarray(0, 999))],
    ['missing weights', (weights) => rmSync(weights)],
    ['a JSON of something else', (_, record) => writeFileSync(record, '{"format": "other"}')],
    ['a torn JSON', (_, record) => writeFileSync(record, '{"format": ')],
  ];
  test.each(damages)('with %s are passed over for the one before', async (_, damage) => {
    const run = await newRun();
    await run.writeCheckpoint(20, bytes(2), {});
    const weights = await run.writeCheckpoint(40, bytes(5), {});
    const record = weights.replace('.safetensors', '.json');
    damage(weights, record);
    await expect(readCheckpoint(weights)).rejects.toThrow(CheckpointError);
    const { checkpoint, notes } = (await run.latestCheckpoint())!;
    expect(checkpoint.step).toBe(20);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('step-000040');

    // Going on from step 20, the damaged one must neither be found again nor crowd a good one out.
    await run.rewind(20);
    for (const step of [25, 30, 35]) await run.writeCheckpoint(step, bytes(step), {});
    expect(await run.checkpointSteps()).toEqual([25, 30, 35]);
    expect((await run.latestCheckpoint())!.notes).toEqual([]);
    run.close();
  });

  test('that are all damaged are an error that names them', async () => {
    const run = await newRun();
    for (const step of [20, 40]) writeFileSync(await run.writeCheckpoint(step, bytes(1), {}), 'gone');
    await expect(run.latestCheckpoint()).rejects.toThrow(CheckpointError);
    await expect(run.latestCheckpoint()).rejects.toThrow(
      /no whole checkpoint left.*step-000040.*step-000020/,
    );
    run.close();
  });

  test('survive a process that is killed while it writes', async () => {
    const root = fileURLToPath(new URL('../../../..', import.meta.url));
    const dir = join(emptyFolder(), 'run');
    const script = 'packages/forger/test/cli/fixtures/write-forever.ts';
    for (const delay of [30, 110, 190]) {
      const child = spawn(process.execPath, [join(root, 'scripts/run.mjs'), script, dir], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data'); // the first checkpoint is written
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const run = await RunFolder.open(dir); // takes over the dead process's lock
      const { checkpoint, notes } = (await run.latestCheckpoint())!;
      expect(notes).toEqual([]);
      expect(checkpoint.bytes.every((value) => value === checkpoint.step % 256)).toBe(true);
      expect(run.readMetrics().at(-1)!.step).toBeGreaterThanOrEqual(checkpoint.step);
      run.close();
    }
  });
});

describe('lock', () => {
  const lock = (run: RunFolder, owner: object) => writeFileSync(run.path('run.lock'), JSON.stringify(owner));

  test('keeps a second opening out until the first closes, but not readers', async () => {
    const run = await newRun();
    await expect(RunFolder.open(run.dir)).rejects.toThrow(ConfigError);
    await RunFolder.read(run.dir);
    run.close();
    expect(existsSync(run.path('run.lock'))).toBe(false);
    (await RunFolder.open(run.dir)).close();
  });

  test('of a live process or another machine is respected', async () => {
    const run = await newRun();
    run.close();
    lock(run, { pid: process.ppid, host: hostname() });
    await expect(RunFolder.open(run.dir)).rejects.toThrow(
      `in use by process ${process.ppid}: wait for it or stop it`,
    );
    lock(run, { pid: 1, host: 'elsewhere' });
    await expect(RunFolder.open(run.dir)).rejects.toThrow('in use by process 1 on elsewhere');
    writeFileSync(run.path('run.lock'), '');
    await expect(RunFolder.open(run.dir)).rejects.toThrow('names no process: delete it');
    expect(existsSync(run.path('run.lock'))).toBe(true);
  });

  test('of a dead process is taken over', async () => {
    const run = await newRun();
    run.close();
    const { pid } = spawnSync(process.execPath, ['--version']);
    lock(run, { pid, host: hostname() });
    const again = await RunFolder.open(run.dir);
    expect(JSON.parse(readFileSync(again.path('run.lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
    again.close();
    lock(run, { pid: process.pid, host: hostname() }); // an earlier process with our number
    (await RunFolder.open(run.dir)).close();
  });

  test('a folder without samples or checkpoints can be opened', async () => {
    const run = await newRun();
    run.close();
    rmSync(run.path('samples'), { recursive: true });
    rmSync(run.path('checkpoints'), { recursive: true });
    const reader = await RunFolder.read(run.dir);
    expect([await reader.samples(), await reader.checkpointSteps(), await reader.latestCheckpoint()]).toEqual(
      [[], [], undefined],
    );
    const again = await RunFolder.open(run.dir);
    mkdirSync(run.path('samples', 'sub'));
    expect(await again.samples()).toEqual([]);
    again.close();
  });
});
