// The golden runner: it passes what is right, fails what is not, and says which recipes are not there.

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Device, type SafetensorsEntry, writeSafetensors } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { emptyFolder } from '../packages/forger/test/cli/folders.ts';
import { readTensorFile } from './golden/files.ts';
import { findGolden, runGolden } from './golden/main.ts';
import { runTraining } from './golden/training.ts';
import { ref } from './reference/array.ts';
import { referenceOps } from './reference/index.ts';
import { useDevice } from './support/device.ts';
import { relativeError, rmsError, worst } from './support/errors.ts';

const shared = fileURLToPath(new URL('../../shared/golden', import.meta.url));
const here = existsSync(shared);

let device: Device;
useDevice((opened) => {
  device = opened;
});

async function run(...paths: string[]) {
  const lines: string[] = [];
  const found = paths.flatMap((path) => findGolden(path));
  return { totals: await runGolden(device, found, (line) => lines.push(line)), lines };
}

/** A file with one case of linear, computed by the reference; `off` is added to one value of a tensor. */
function writeLinear(path: string, off: Record<string, number> = {}, op = 'linear'): void {
  const values = (n: number, phase: number) => Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + phase));
  const [x, weight] = [ref([5, 7], values(35, 0)), ref([3, 7], values(21, 1))];
  const gy = ref([5, 3], values(15, 2));
  const y = referenceOps.linear.forward([x, weight], {});
  const [gradX, gradWeight] = referenceOps.linear.backward([x, weight], {}, gy);
  const tensors = { x, weight, gy, y, grad_x: gradX!, grad_weight: gradWeight! };
  const entries = Object.entries(tensors).map(([name, { shape, data }]): [string, SafetensorsEntry] => {
    const moved = Float32Array.from(data, (v, i) => v + (i === 4 ? (off[name] ?? 0) : 0));
    return [`case/0/${name}`, { shape, data: moved }];
  });
  const cases = [{ id: 0, op, args: {}, inputs: ['x', 'weight'], grads: ['x', 'weight'] }];
  writeFileSync(path, writeSafetensors(entries, { cases: JSON.stringify(cases) }));
}

describe('operations', () => {
  test('pass when every value is right, from a folder, a folder above it, or a file', async () => {
    const folder = emptyFolder();
    mkdirSync(join(folder, 'ops'));
    const file = join(folder, 'ops', 'unseen.safetensors');
    writeLinear(file);
    for (const path of [file, join(folder, 'ops'), folder]) {
      const { totals, lines } = await run(path);
      expect(totals).toEqual({ cases: 1, families: 1, runs: 0, notBuilt: 0, failed: 0 });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/unseen +1 cases {2}worst error \d\.\de-\d+ of 1\.0e-5 allowed {2}ok$/);
    }
  });

  test.each(['y', 'grad_x', 'grad_weight'])('fail when one value of %s is off by 1e-3', async (name) => {
    const folder = emptyFolder();
    writeLinear(join(folder, 'wrong.safetensors'), { [name]: 1e-3 });
    const { totals, lines } = await run(folder);
    expect(totals.failed).toBe(1);
    expect(lines[0]).toMatch(/FAILED$/);
    expect(lines[1]).toMatch(/FAILED {2}wrong case 0 \(linear\): .* is off by \d\.\de-4/);
  });

  test('fail when they are unknown', async () => {
    const folder = emptyFolder();
    writeLinear(join(folder, 'new.safetensors'), {}, 'warp');
    const { totals, lines } = await run(folder);
    expect(totals.failed).toBe(1);
    expect(lines[1]).toContain('there is no operation "warp" here');
  });
});

test('a file that is no golden file fails, and the others are still run', async () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, 'a.safetensors'), 'not a safetensors file, and long enough to be read');
  writeFileSync(join(folder, 'b.safetensors'), writeSafetensors([]));
  writeLinear(join(folder, 'c.safetensors'));
  const { totals, lines } = await run(folder);
  expect(totals).toMatchObject({ families: 1, failed: 2 });
  expect(lines.join('\n')).toContain('b.safetensors has no "cases" in its metadata');
});

describe.runIf(here)('training', () => {
  /** A copy of the pytorch run with one loss or one final tensor changed. */
  function changed(change: { loss?: number; weights?: number; recipe?: string }): string {
    const folder = join(emptyFolder(), 'run');
    cpSync(join(shared, 'training/pytorch'), folder, { recursive: true });
    const path = join(folder, 'expected.json');
    const expected = JSON.parse(readFileSync(path, 'utf8'));
    if (change.recipe !== undefined) expected.recipe = change.recipe;
    expected.steps[1].loss_d *= 1 + (change.loss ?? 0);
    // Short, so that failing is quick.
    if (change.weights === undefined) expected.steps.length = 2;
    writeFileSync(path, JSON.stringify(expected));
    if (change.weights !== undefined) {
      const { tensors } = readTensorFile(join(folder, 'final.safetensors'));
      const entries = Array.from(tensors, ([name, { shape, data }]): [string, SafetensorsEntry] => {
        const factor = name === 'generator/02.conv_transpose2d.weight' ? 1 + change.weights! : 1;
        return [name, { shape, data: Float32Array.from(data, (v) => v * factor) }];
      });
      writeFileSync(join(folder, 'final.safetensors'), writeSafetensors(entries));
    }
    return folder;
  }

  test('fails on a loss that is off by 2e-4', async () => {
    const { failures } = await runTraining(device, changed({ loss: 2e-4 }), 2);
    expect(failures).toEqual([expect.stringMatching(/^loss_d of step 1 is off by (1\.[3-9]|2\.\d)e-4$/)]);
  });

  test('fails on final weights that are off by 2e-3', async () => {
    const { failures } = await runTraining(device, changed({ weights: 2e-3 }), 2);
    expect(failures).toEqual(['generator/02.conv_transpose2d.weight is off by 2.0e-3']);
  });

  test('says that a recipe is not built, and counts it apart', async () => {
    const { totals, lines } = await run(changed({ recipe: 'unheard-of' }));
    expect(totals).toEqual({ cases: 0, families: 0, runs: 0, notBuilt: 1, failed: 0 });
    expect(lines).toEqual([expect.stringContaining("not built: there is no recipe 'unheard-of' here")]);
  });
});

test.runIf(here)('everything in ../shared/golden passes', async () => {
  const { totals, lines } = await run(shared);
  expect(totals.failed, lines.join('\n')).toBe(0);
  expect(totals).toMatchObject({ cases: 204, families: 12 });
  expect(totals.runs).toBeGreaterThan(0);
});

test('errors are relative, and NaN is never small', () => {
  expect(relativeError([1, 2.5], [1, 2])).toBeCloseTo(0.25);
  expect(relativeError([0.25], [0])).toBe(0.25);
  expect(relativeError([1, 2.5], [1, 2], 10)).toBeCloseTo(0.05);
  expect(relativeError([Number.NaN, 1], [1, 1])).toBeNaN();
  expect(relativeError([1, Number.NaN, 1], [1, 1, 1])).toBeNaN();
  expect(rmsError([3, 4], [3, 3])).toBeCloseTo(1 / Math.sqrt(18));
  expect(rmsError([Number.NaN], [3])).toBeNaN();
  const list = [1e-3, Number.NaN, 1e-2].map((error) => ({ name: '', error }));
  expect(worst(list).error).toBeNaN();
  expect(worst(list.slice(0, 1)).error).toBe(1e-3);
});
