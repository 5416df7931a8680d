// `train`: the events of a run, what is freed however it ends, and runs that go on from a checkpoint.

import {
  type Checkpoint,
  checkpointEvery,
  DatasetBatches,
  DivergenceError,
  openTrainer,
  sampleEvery,
  type TrainOptions,
  train,
} from '@forger/dcgan';
import { CheckpointError, ConfigError, type Device, readSafetensors } from '@forger/tensor';
import { beforeEach, describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { followed, ofType, pictures, toy } from './toy.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const data = pictures('toys', 10);
const begin = (options: Partial<TrainOptions> = {}) => train(toy, { data, device, steps: 6, ...options });

describe('a run tells', () => {
  test('each step, each sample and each checkpoint, in order, and how it ended', async () => {
    const hooks = [sampleEvery(4), checkpointEvery(3)];
    const { events, result } = await followed(begin({ hooks }));
    const steps = ofType(events, 'step');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    // Two batches of 4 in 10 images.
    expect(steps.map(({ epoch }) => epoch)).toEqual([1, 1, 2, 2, 3, 3]);
    for (const { metrics, imagesPerSecond, seconds } of steps) {
      expect(Object.keys(metrics)).toEqual(['lossD', 'lossG', 'dReal', 'dFake']);
      expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThan(0);
    }
    expect(ofType(events, 'sample').map(({ step }) => step)).toEqual([0, 4, 6]);
    for (const { images, shape } of ofType(events, 'sample')) {
      expect(shape).toEqual([64, 1, 4, 4]);
      expect(images).toHaveLength(64 * 16);
      expect(images.every((v) => Math.abs(v) < 1)).toBe(true);
    }
    expect(ofType(events, 'checkpoint').map(({ checkpoint }) => checkpoint.step)).toEqual([3, 6]);
    // Whatever is told of a step comes after the steps before it.
    const place = (type: string, step: number) =>
      events.findIndex(
        (event) =>
          event.type === type &&
          (event.type === 'checkpoint' ? event.checkpoint.step : 'step' in event && event.step) === step,
      );
    expect(place('sample', 0)).toBe(0);
    for (const [type, step] of [
      ['sample', 4],
      ['sample', 6],
      ['checkpoint', 3],
      ['checkpoint', 6],
    ] as const)
      expect(place(type, step)).toBeGreaterThan(place('step', step));
    expect(result).toMatchObject({ reason: 'finished', step: 6, epoch: 3, last: { step: 6 } });
    const { type: _, ...last } = steps.at(-1)!;
    expect(result.last).toEqual(last);
  });

  test('samples of each average too', async () => {
    const task = toy.withOptions({ ema: 0.5 });
    const { events } = await followed(train(task, { data, device, steps: 2, hooks: [sampleEvery(2)] }));
    const samples = ofType(events, 'sample');
    expect(samples.map(({ step, average }) => [step, average])).toEqual([
      [0, undefined],
      [0, 'ema'],
      [2, undefined],
      [2, 'ema'],
    ]);
    expect(samples[1]!.images).toEqual(samples[0]!.images);
    expect(samples[3]!.images).not.toEqual(samples[2]!.images);
  });

  test('epochs as well as steps', async () => {
    const { events, result } = await followed(train(toy, { data, device, epochs: 2 }));
    expect(ofType(events, 'step')).toHaveLength(4);
    expect(result).toMatchObject({ reason: 'finished', step: 4, epoch: 2 });
  });

  test('that a metric is no number any more, by its name', async () => {
    const diverging = followed(begin({ lr: 1e30, steps: 50 }));
    await expect(diverging).rejects.toThrow(DivergenceError);
    await expect(followed(begin({ lr: 1e30, steps: 50 }))).rejects.toThrow(
      /^the (discriminator|generator)'s loss is (NaN|infinite) at step \d+$/,
    );
  });
});

describe('everything is freed', () => {
  let before: { liveBytes: number; liveBuffers: number };
  beforeEach(() => {
    const { liveBytes, liveBuffers } = device.memory();
    before = { liveBytes, liveBuffers };
  });

  test('when a run has ended', async () => {
    await followed(begin({ hooks: [sampleEvery(2), checkpointEvery(2)] }));
    expect(device.memory()).toMatchObject(before);
  });

  test.each(['step', 'sample', 'checkpoint'] as const)('when it is left at a %s', async (type) => {
    let most = 0;
    for await (const event of begin({ steps: 1000, hooks: [sampleEvery(2), checkpointEvery(2)] })) {
      most = Math.max(most, device.memory().liveBuffers);
      if (event.type === type) break;
    }
    expect(most).toBeGreaterThan(before.liveBuffers);
    expect(device.memory()).toMatchObject(before);
  });

  test('when it diverges, when its checkpoint is another task’s, and when its settings do not fit', async () => {
    await expect(followed(begin({ lr: 1e30, steps: 50 }))).rejects.toThrow(DivergenceError);
    expect(device.memory()).toMatchObject(before);
    const { events } = await followed(begin({ hooks: [checkpointEvery(100)] }));
    const { checkpoint } = ofType(events, 'checkpoint').at(-1)!;
    const other = followed(begin({ resume: { ...checkpoint, bytes: checkpoint.bytes.slice(0, -4) } }));
    await expect(other).rejects.toThrow(CheckpointError);
    expect(device.memory()).toMatchObject(before);
    await expect(followed(begin({ resume: checkpoint, data: pictures('others', 11) }))).rejects.toThrow(
      'The run was trained on other data than are given now: give the old ones, or start a new run.',
    );
    expect(device.memory()).toMatchObject(before);
    await expect(followed(begin({ batchSize: 11 }))).rejects.toThrow(ConfigError);
    await expect(followed(begin({ data: pictures('flat', 10, { width: 8 }) }))).rejects.toThrow(
      'The images are 4×8; expected square ones: crop or resize them.',
    );
    expect(device.memory()).toMatchObject(before);
  });
});

describe('a run that goes on from an emitted checkpoint', () => {
  /** The checkpoints of a run, and what its steps measured. */
  async function trained(options: Partial<TrainOptions> = {}) {
    const { events } = await followed(begin({ hooks: [checkpointEvery(1)], ...options }));
    return {
      checkpoints: ofType(events, 'checkpoint').map(({ checkpoint }) => checkpoint),
      metrics: ofType(events, 'step').map(({ step, epoch, metrics }) => ({ step, epoch, metrics })),
    };
  }

  test('ends in the same bits and metrics as straight through, from every step', async () => {
    const straight = await trained();
    const end = straight.checkpoints.at(-1)!;
    for (const { step, bytes, meta } of straight.checkpoints.slice(0, -1)) {
      const resume: Checkpoint = { step, bytes, meta: JSON.parse(JSON.stringify(meta)) };
      const rest = await trained({ resume });
      expect(rest.metrics).toEqual(straight.metrics.slice(step));
      expect(rest.checkpoints.at(-1)!.bytes).toEqual(end.bytes);
      expect(rest.checkpoints.at(-1)!.meta.data).toEqual(end.meta.data);
    }
  });

  test('and so does one that was left early, or recorded every step anew', async () => {
    const straight = await trained();
    let left: Checkpoint | undefined;
    for await (const event of begin({ steps: 1000, hooks: [checkpointEvery(2)] })) {
      if (event.type !== 'checkpoint') continue;
      left = event.checkpoint;
      if (left.step === 4) break;
    }
    const rest = await trained({ resume: left! });
    expect(rest.checkpoints.at(-1)!.bytes).toEqual(straight.checkpoints.at(-1)!.bytes);
    const eager = await trained({ eager: true });
    expect(eager.metrics).toEqual(straight.metrics);
    expect(eager.checkpoints.at(-1)!.bytes).toEqual(straight.checkpoints.at(-1)!.bytes);
  });

  test('does not depend on samples, and is another with another seed', async () => {
    const straight = await trained();
    const sampled = await trained({ hooks: [sampleEvery(1), checkpointEvery(100)] });
    expect(sampled.checkpoints.at(-1)!.bytes).toEqual(straight.checkpoints.at(-1)!.bytes);
    const other = await trained({ seed: 1 });
    expect(other.checkpoints.at(-1)!.bytes).not.toEqual(straight.checkpoints.at(-1)!.bytes);
  });
});

test('batches of one’s own making are trained on', async () => {
  const batches = new DatasetBatches(data, { batchSize: 5, seed: 0, range: 'tanh' });
  const { events, result } = await followed(begin({ data: batches, hooks: [checkpointEvery(100)] }));
  expect(result).toMatchObject({ step: 6, epoch: 3 });
  const { bytes, meta } = ofType(events, 'checkpoint').at(-1)!.checkpoint;
  expect(meta.data).toEqual({ fingerprint: data.fingerprint, epoch: 3, position: 0 });
  const { tensors } = readSafetensors(bytes);
  expect(tensors.get('optimizer.generator.linear.weight.step')!.data).toEqual(Float32Array.of(6));
});

test('openTrainer gives a trainer for a loop of one’s own', async () => {
  const before = device.memory().liveBuffers;
  const trainer = await openTrainer(toy, { data, device, steps: 2 });
  expect([trainer.stepsDone, trainer.totalSteps, trainer.isOver]).toEqual([0, 2, false]);
  const first = await trainer.preview();
  expect(first.shape).toEqual([64, 1, 4, 4]);
  const { result } = await followed(trainer.run());
  expect(result).toMatchObject({ reason: 'finished', step: 2 });
  expect((await trainer.preview()).images).not.toEqual(first.images);
  expect(trainer.isOver).toBe(true);
  trainer.dispose();
  expect(device.memory().liveBuffers).toBe(before);
});
