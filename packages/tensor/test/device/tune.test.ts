// The tuner chooses among algorithms that are right; what it chose can be kept and taken over; a wrong one is
// never chosen.
import { conv2d, createDevice, type Device, grad, linear, normal, sum, type Tensor } from '@forger/tensor';
import { getChoices, setChoices, type Tunable, tune, tuneProblems } from '@forger/tensor/internal';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

let device: Device;
let x: Tensor;
let w: Tensor;
beforeAll(async () => {
  device = await createDevice();
  [x, w] = [normal([8, 16, 16, 16]).keep(), normal([32, 16, 4, 4]).keep()] as [Tensor, Tensor];
});
afterAll(() => device.destroy());
beforeEach(() => {
  setChoices(device, {});
});

const args = { stride: 2, padding: 1 };
const key = 'conv 8 16 16 16 32 4 4 8 8 1 2 2 1 1 1 1';

function step(): void {
  const weight = w.detach().requiresGrad_();
  grad(sum(conv2d(x, weight, args)), [weight]);
  linear(x.view([128, 256]), normal([64, 256]));
}

test('finds the problems of some work, largest first, and tries each once', async () => {
  const before = device.recorder.dispatches;
  const seen: [number, number][] = [];
  const { problems, left } = await tune(device, step, {
    rounds: 1,
    seconds: 100,
    onProgress: (...at) => seen.push(at),
  });
  expect(problems.map((p) => p.key)).toEqual([key, 'matmul 1 128 64 256']);
  expect(left).toBe(0);
  expect(seen).toEqual([
    [1, 2],
    [2, 2],
  ]);
  expect(device.recorder.dispatches).toBeGreaterThan(before);
  for (const { algorithm, ratio, wrong } of problems) {
    expect(wrong).toEqual([]);
    if (algorithm) expect(ratio).toBeLessThan(1);
    else expect(ratio).toBe(1);
  }
  expect(getChoices(device)).toEqual(
    Object.fromEntries(problems.map(({ key, algorithm }) => [key, algorithm ?? 'rules'])),
  );
  expect((await tune(device, step)).problems).toEqual([]); // all is known now
  setChoices(device, {});
  expect(await tune(device, step, { seconds: 0 })).toEqual({ problems: [], left: 2 });
  expect(getChoices(device)).toEqual({});
});

test('right algorithms are not called wrong: what they are compared on does not cancel', async () => {
  // A weight gradient over 64·16·16 places: the longer the sum, the more a regular operand would cancel in it.
  const picture = normal([64, 1, 32, 32]).keep();
  const weight = normal([32, 1, 4, 4]).keep();
  const { problems } = await tune(device, () => void conv2d(picture, weight, args), {
    rounds: 1,
    seconds: 100,
  });
  expect(problems.map(({ wrong }) => wrong)).toEqual([[]]);
});

test('a choice decides the algorithm, to the bit; a forced one goes first', async () => {
  const byRule = await conv2d(x, w, args).data();
  setChoices(device, { [key]: 'naive' });
  const chosen = await conv2d(x, w, args).data();
  const naive = await device.withAlgorithm('naive', () => conv2d(x, w, args)).data();
  expect(chosen).toEqual(naive);
  setChoices(device, { [key]: 'tiled' });
  expect(await device.withAlgorithm('naive', () => conv2d(x, w, args)).data()).toEqual(naive);
  expect(getChoices(device)).toEqual({ [key]: 'tiled' });
  setChoices(device, {});
  expect(await conv2d(x, w, args).data()).toEqual(byRule);
});

test('former names of algorithms stand for the same ones, to the bit', async () => {
  const byName = (name: string) => device.withAlgorithm(name, () => conv2d(x, w, args)).data();
  const [former, now] = [await byName('f4x2'), await byName('winograd-f4x2')];
  expect(former).toEqual(now);
  expect(setChoices(device, { [key]: 'f4x2' })).toEqual([]);
  expect(await conv2d(x, w, args).data()).toEqual(now);
  // One name once stood for the kernels of few channels and of logit heads.
  const few = normal([8, 1, 16, 16]);
  const [logits, weight] = [normal([64, 32, 4, 4]), normal([1, 32, 4, 4])];
  const names = (fn: () => unknown) => device.dryRun(() => void fn()).map(({ source }) => source.name);
  device.withAlgorithm('thin', () => {
    expect(names(() => conv2d(few, normal([8, 1, 4, 4]), args))).toContain('conv_few_channels_forward');
    expect(names(() => conv2d(logits, weight))).toContain('conv_head_forward');
  });
});

test('an algorithm that does not exist is refused by name', () => {
  expect(() => device.withAlgorithm('fft', () => conv2d(x, w, args))).toThrow(
    /^There is no algorithm 'fft': expected one of head, /,
  );
  expect(device.forcedAlgorithm).toBe(null);
});

test('choices of algorithms that do not exist are refused by problem', () => {
  expect(setChoices(device, { [key]: 'no such algorithm', other: 'naive' })).toEqual([key]);
  expect(getChoices(device)).toEqual({ other: 'naive' });
});

test('an algorithm with a wrong result is named and not chosen', async () => {
  // A problem whose `tiled` is made to be wrong, and fast.
  const result = normal([64]).keep();
  const problem: Tunable = {
    key: 'made up',
    family: 'matmul',
    macs: 2 ** 21,
    terms: 64,
    candidates: ['naive', 'tiled'],
    shapes: () => [[64]],
    run: ([a]) => [device.forcedAlgorithm === 'tiled' ? a!.view([64]) : result.detach()],
  };
  const { problems } = await tuneProblems(device, [problem], { rounds: 1 });
  expect(problems).toHaveLength(1);
  expect(problems[0]!.wrong.map(({ algorithm }) => algorithm)).toEqual(['tiled']);
  expect(problems[0]!.wrong[0]!.difference).toBeGreaterThan(1e-4);
  expect(getChoices(device)['made up']).not.toBe('tiled');
  result.dispose();
});
