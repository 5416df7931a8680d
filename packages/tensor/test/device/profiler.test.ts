// Profiles: every kernel has its row, times are real times, and profiling changes nothing.
import {
  add,
  chromeTrace,
  createDevice,
  type Device,
  matmul,
  measureCeilings,
  type Profile,
  profileTable,
  relu,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let device: Device;
let a: Tensor;
let b: Tensor;

beforeAll(async () => {
  device = await createDevice();
  const values = Float32Array.from({ length: 128 * 128 }, (_, i) => Math.sin(i));
  a = tensor(values, [128, 128]).keep();
  b = tensor(values, [128, 128]).keep();
});

afterAll(() => device.destroy());

/** One dispatch: the plain core is the same on every adapter. */
const product = (x: Tensor, y: Tensor): Tensor => device.withAlgorithm('naive', () => matmul(x, y));

const work = (): Tensor => sum(relu(add(product(a, b), a)), [1]);

function rowOf({ kernels }: Profile, name: string): Profile['kernels'][number] {
  const found = kernels.filter((kernel) => kernel.name.startsWith(name));
  expect(found.length, name).toBe(1);
  return found[0]!;
}

function checkRows(profile: Profile, calls: number): void {
  for (const name of ['matmul', 'add', 'relu', 'reduce_sum']) {
    const row = rowOf(profile, name);
    expect(row.calls, name).toBe(calls);
    expect(row.milliseconds, name).toBeGreaterThan(0);
  }
  const row = rowOf(profile, 'matmul');
  expect(row.shape).toBe('128×128×128');
  expect(row.flop).toBe(calls * 2 * 128 ** 3);
  expect(row.gflops).toBeCloseTo(row.flop / row.milliseconds / 1e6, 6);
  // Three operands of 128 × 128; the place of the absent bias is taken by the first.
  expect(row.bytes).toBe(calls * 3 * 128 * 128 * 4);
  expect(rowOf(profile, 'relu')).toMatchObject({ shape: '16384', flop: 0, bytes: calls * 2 * 16_384 * 4 });
}

describe('with timestamps', () => {
  test('an eager function: a row for each kernel, whose times fit into the wall time', async () => {
    await device.scope(work).data(); // compiles
    const profile = await device.profile(async () => {
      const results = [1, 2, 3].map(() => device.scope(work));
      return results[2]!.data();
    });
    expect(profile.method).toBe('timestamps');
    checkRows(profile, 3);
    expect(profile.result).toEqual(await device.scope(work).data());
    expect(profile.deviceMilliseconds).toBeGreaterThan(0);
    expect(profile.deviceMilliseconds).toBeLessThanOrEqual(profile.milliseconds);
    expect(profile.deviceMilliseconds).toBeCloseTo(
      profile.kernels.reduce((total, { milliseconds }) => total + milliseconds, 0),
      9,
    );
    const { encode, submit, wait, other } = profile.host;
    for (const part of [encode, submit, other]) expect(part).toBeGreaterThan(0);
    expect(encode + submit + wait! + other).toBeLessThanOrEqual(profile.milliseconds + 1e-6);
    expect(profile.untimed).toBe(0);
    expect(rowOf(profile, 'copy')).toMatchObject({ calls: 1, shape: '512 bytes' }); // the values that were read
  });

  test("a captured plan's replays", async () => {
    const plan = device.capture(work);
    const expected = await plan.result.data();
    const profile = await device.profile(() => {
      for (let i = 0; i < 4; i++) plan.replay();
    });
    checkRows(profile, 4);
    expect(profile.deviceMilliseconds).toBeLessThanOrEqual(profile.milliseconds);
    expect(await plan.result.data()).toEqual(expected);
    plan.dispose();
  });

  test('more commands in one plan than a query set holds', async () => {
    const plan = device.capture(() => {
      let x = a;
      for (let i = 0; i < 1100; i++) x = relu(x);
      return x;
    });
    const profile = await device.profile(() => plan.replay());
    expect(rowOf(profile, 'relu').calls).toBe(1100);
    const spans = [...profile.deviceSpans].sort((p, q) => p.begin - q.begin);
    for (const [i, span] of spans.slice(1).entries()) {
      // One after another, to the rounding of milliseconds in floating point.
      expect(span.begin).toBeGreaterThanOrEqual(spans[i]!.begin + spans[i]!.milliseconds - 1e-6);
    }
    plan.dispose();
  });

  test('the trace file lists every call, none before it was submitted nor after the end', async () => {
    const profile = await device.profile(() => void device.scope(work));
    const trace = JSON.parse(JSON.stringify(chromeTrace(profile))) as ReturnType<typeof chromeTrace>;
    const lines = trace.traceEvents.filter(({ name }) => name === 'thread_name');
    expect(lines.map(({ args }) => args!.name)).toEqual(['host', 'device']);
    const spans = trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(spans.filter(({ tid }) => tid === 2).length).toBe(profile.deviceSpans.length);
    expect(profile.deviceSpans.length).toBe(4);
    const submitted = spans.find(({ name }) => name === 'submit')!.ts!;
    for (const { ts, dur } of spans.filter(({ tid }) => tid === 2)) {
      expect(ts).toBeGreaterThanOrEqual(submitted);
      expect(ts! + dur!).toBeLessThanOrEqual(1000 * profile.milliseconds);
    }
  });
});

test('repeats find the same kernels, agree on a long one, and leave every buffer as it was', async () => {
  const long = tensor(new Float32Array(512 * 512).fill(0.5), [512, 512]).keep();
  const counter = tensor([1], [1]).keep();
  const plan = device.capture(() => {
    device.copy(add(counter, counter).range, counter.range, 4); // changes what it reads
    return product(long, long);
  });
  const before = (await counter.data())[0]!;
  const timed = await device.profile(() => plan.replay());
  const repeated = await device.profile(() => plan.replay(), { method: 'repeats' });
  expect((await counter.data())[0]).toBe(4 * before);
  expect(repeated.method).toBe('repeats');
  expect(repeated.kernels.map(({ name }) => name).sort()).toEqual(
    timed.kernels.map(({ name }) => name).sort(),
  );
  // Two ways to the time of one kernel, on a machine that does other things as well.
  const ratio = rowOf(repeated, 'matmul').milliseconds / rowOf(timed, 'matmul').milliseconds;
  expect(ratio).toBeGreaterThan(0.2);
  expect(ratio).toBeLessThan(5);
  plan.dispose();
  for (const t of [long, counter]) t.dispose();
});

test('the table gives times of one step, and shares of ceilings that are measured', async () => {
  const profile = await device.profile(() => {
    for (let i = 0; i < 2; i++) device.scope(work);
  });
  const ceilings = await measureCeilings(device);
  expect(ceilings.gflops).toBeGreaterThan(0);
  expect(ceilings.gbs).toBeGreaterThan(0);
  const lines = profileTable(profile, { ceilings, steps: 2 });
  const line = lines.find((text) => /matmul\/\w+ 128×128×128$/.test(text))!;
  const row = rowOf(profile, 'matmul');
  expect(line).toContain(` ${(row.milliseconds / 2).toFixed(3)}  `);
  expect(line).toContain(`${((100 * row.milliseconds) / profile.deviceMilliseconds).toFixed(1)}%`);
  const share = Math.max(row.gflops / ceilings.gflops, row.gbs / ceilings.gbs);
  expect(line).toContain(` ${(100 * share).toFixed(0)}% `);
  expect(lines.join('\n')).toContain('a step, over 2 steps');
});

test('a profile inside a profile or a capture is refused, and one whose function throws leaves no trace', async () => {
  await expect(device.profile(() => device.profile(() => {}))).rejects.toThrow('inside another profile');
  const failing = device.profile(() => {
    throw new Error('mine');
  });
  await expect(failing).rejects.toThrow('mine');
  expect(device.recorder.timer).toBeNull();
  expect((await device.profile(() => 7)).result).toBe(7);
});
