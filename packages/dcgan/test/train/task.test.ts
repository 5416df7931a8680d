// Tasks of one's own: any networks, inputs, parts and metrics, trained to the same bits captured, anew and resumed; and
// what is said of tasks that are wrong.

import {
  type Checkpoint,
  checkpointEvery,
  defineTask,
  gan,
  networkSizes,
  StepRunner,
  type StepValues,
  sampleEvery,
  type TrainOptions,
  TrainState,
  train,
} from '@forger/dcgan';
import { Adam, crossEntropy, Flatten, Linear, mse, Reshape, Sequential } from '@forger/nn';
import {
  add,
  backward,
  ConfigError,
  type Device,
  mean,
  mul,
  noGrad,
  normal,
  type Rng,
  readSafetensors,
  square,
  type Tensor,
  zeros,
} from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { followed, ofType, pictures, toy } from './toy.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const image = { height: 4, width: 4, channels: 1 } as const;
const labelled = (name: string, length: number) =>
  pictures(name, length, {
    label: { classes: ['a', 'b', 'c'], read: (index) => index % 3, fingerprint: `labels of ${name}` },
  });

/** A network that makes images of images. */
const translator = (rng: Rng): Sequential =>
  new Sequential(new Flatten(), new Linear(16, 16, { rng }), new Reshape([1, image.height, image.width]));

/**
 * Two data sets, one with labels; three networks, two of them with one optimizer; an average; a tensor of its own; a
 * schedule; learning rates; scalars that are not declared.
 */
const pairs = defineTask({
  name: 'pairs',
  defaults: { batchSize: 4, lr: 0.01 },
  inputs: { a: { source: 'left' }, b: { source: 'right' }, label: { source: 'right', field: 'label' } },
  build: (_, rng, inputs) => ({
    forth: translator(rng),
    back: translator(rng),
    classifier: new Sequential(new Flatten(), new Linear(16, inputs.label!.classes!.length, { rng })),
  }),
  optimizers: ({ forth, back, classifier }, lr) => ({
    translators: new Adam([...forth.parameters(), ...back.parameters()], { lr }),
    classifier: new Adam(classifier.namedParameters(), { lr: 2 * lr }),
  }),
  averages: { slow: { network: 'classifier', decay: 0.9 } },
  state: () => ({ pool: zeros([4, 1, 4, 4]) }),
  parts: {
    translate: ({ networks: { forth, back }, optimizers, inputs: { a, b }, state }) => {
      optimizers.translators.zeroGrad();
      const made = forth.forward(a);
      const loss = add(
        mse(back.forward(made), a),
        add(mse(made, b), mul(mse(made, state.pool as Tensor), 0.1)),
      );
      backward(loss);
      optimizers.translators.step();
      made.device.copy(made.range, state.pool!.range, made.bytes);
      return { loss: loss.detach(), size: noGrad(() => mean(square(made))) };
    },
    classify: ({ networks: { classifier }, optimizers, inputs: { b, label }, state, rng, averages }) => {
      optimizers.classifier.zeroGrad();
      const noisy = add(b, mul(add(normal(b.shape, { rng }), state.pool as Tensor), 0.1));
      const error = crossEntropy(classifier.forward(noisy), label);
      backward(error);
      optimizers.classifier.step();
      averages.slow!.update();
      return { error: error.detach() };
    },
  },
  // The classifier in every second step, and twice there.
  schedule: ({ stepsDone, done }) => {
    if (done.length === 0) return 'translate';
    return stepsDone % 2 === 1 && done.length < 3 ? 'classify' : undefined;
  },
  learningRates: ({ rates, epoch, totalSteps, stepsDone }) => ({
    translators: rates.translators! * (1 - stepsDone / (totalSteps ?? 100)) * (1 - epoch / 100),
  }),
  fixed: ({ data, count }) => ({ a: data('a'), labels: zeros([count]) }),
  preview: ({ networks: { forth, classifier }, fixed: { a } }) =>
    add(forth.forward(a), mean(classifier.forward(a))),
});

const sides = { left: pictures('left', 9), right: labelled('right', 14) };

async function trained(options: Partial<TrainOptions> = {}) {
  const hooks = [sampleEvery(3), checkpointEvery(1)];
  const run = train(pairs, { data: sides, device, steps: 6, hooks, ...options });
  const { events, result } = await followed(run);
  return {
    result,
    samples: ofType(events, 'sample'),
    checkpoints: ofType(events, 'checkpoint').map(({ checkpoint }) => checkpoint),
    metrics: ofType(events, 'step').map(({ step, epoch, metrics }) => ({ step, epoch, metrics })),
  };
}

describe('a task of three networks, two data sets and labels', () => {
  test('trains, and tells every scalar that its parts return, NaN before the first time', async () => {
    const { metrics, result, samples } = await trained();
    expect(result).toMatchObject({ reason: 'finished', step: 6 });
    expect(Object.keys(metrics[0]!.metrics).sort()).toEqual(['loss', 'size']);
    for (const [i, { metrics: found }] of metrics.slice(1).entries()) {
      expect(Object.keys(found).sort()).toEqual(['error', 'loss', 'size']);
      expect(Object.values(found).every(Number.isFinite)).toBe(true);
      // Steps without the part keep its last value.
      if (i % 2 === 1) expect(found.error).toBe(metrics[i]!.metrics.error);
    }
    expect(metrics[3]!.metrics.error).not.toBe(metrics[1]!.metrics.error);
    // Three batches of the longer data set are an epoch.
    expect(metrics.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(samples.map(({ step, average }) => [step, average])).toEqual(
      [0, 3, 6].flatMap((step) => [
        [step, undefined],
        [step, 'slow'],
      ]),
    );
  });

  test('saves networks, optimizers, averages, its own tensors and what previews are drawn from', async () => {
    const { checkpoints } = await trained();
    const { bytes, meta } = checkpoints.at(-1)!;
    const { tensors } = readSafetensors(bytes);
    for (const name of [
      'forth.1.weight',
      'back.1.bias',
      'classifier.1.weight',
      'slow.1.weight',
      'state.pool',
      'fixed_a',
      'random.state',
    ])
      expect([...tensors.keys()]).toContain(name);
    const updates = (optimizer: string): number[] =>
      [...tensors]
        .filter(([name]) => name.startsWith(`optimizer.${optimizer}.`) && name.endsWith('.step'))
        .map(([, { data }]) => Number(data[0]));
    expect(new Set(updates('translators'))).toEqual(new Set([6]));
    expect(new Set(updates('classifier'))).toEqual(new Set([6]));
    expect(tensors.get('fixed_a')!.shape).toEqual([64, 1, 4, 4]);
    expect(meta.inputs).toEqual({
      a: { shape: [1, 4, 4], dtype: 'float32' },
      b: { shape: [1, 4, 4], dtype: 'float32' },
      label: { shape: [], dtype: 'int32', classes: ['a', 'b', 'c'] },
    });
    expect(meta.data).toMatchObject({ epoch: 2, position: 0, others: { left: { epoch: 3, position: 0 } } });
  });

  test('goes on to the same bits from every step, and anew as captured', async () => {
    const straight = await trained();
    const end = straight.checkpoints.at(-1)!;
    const eager = await trained({ eager: true });
    expect(eager.metrics).toEqual(straight.metrics);
    expect(eager.checkpoints.at(-1)!.bytes).toEqual(end.bytes);
    for (const at of [1, 2, 4]) {
      const { step, bytes, meta } = straight.checkpoints[at - 1]!;
      const resume: Checkpoint = { step, bytes, meta: JSON.parse(JSON.stringify(meta)) };
      const rest = await trained({ resume });
      expect(rest.metrics).toEqual(straight.metrics.slice(at));
      expect(rest.checkpoints.at(-1)!.bytes).toEqual(end.bytes);
      expect(rest.checkpoints.at(-1)!.meta.data).toEqual(end.meta.data);
      expect(rest.samples.at(-1)!.images).toEqual(straight.samples.at(-1)!.images);
    }
  });

  test('is refused other data of either kind, and data without one of them', async () => {
    const { checkpoints } = await trained({ steps: 1 });
    for (const data of [
      { ...sides, left: pictures('left', 10) },
      { ...sides, right: labelled('other', 14) },
    ])
      await expect(trained({ data, resume: checkpoints[0]! })).rejects.toThrow('was trained on other data');
    await expect(trained({ data: { left: sides.left } })).rejects.toThrow(
      "The input 'b' is taken from the data set 'right'; there are left: give one of that name.",
    );
    await expect(trained({ data: { ...sides, right: pictures('right', 14) } })).rejects.toThrow(
      "The input 'label' needs the field 'label'",
    );
  });
});

describe('metrics', () => {
  const told = async (metrics?: Record<string, object>) => {
    const task = { ...toy, metrics: metrics! };
    if (!metrics) delete (task as { metrics?: object }).metrics;
    const options = { data: pictures('toys', 10), device, steps: 2 };
    const { events } = await followed(train(task, options));
    return ofType(events, 'step').map((step) => step.metrics);
  };

  test('are those that a task declares, all that parts return where it declares none', async () => {
    const all = await told();
    for (const found of all)
      expect(Object.keys(found).sort()).toEqual(['dFake', 'dFakeAfter', 'dReal', 'lossD', 'lossG']);
    const some = await told({ dFakeAfter: {}, lossG: { label: 'loss G' } });
    expect(some).toEqual(all.map(({ dFakeAfter, lossG }) => ({ dFakeAfter, lossG })));
    expect(await told({})).toEqual([{}, {}]);
  });

  test('are NaN where they are declared and no part returns them', async () => {
    expect(await told({ lossG: {}, distance: {} })).toEqual(
      (await told({ lossG: {} })).map(({ lossG }) => ({ lossG, distance: Number.NaN })),
    );
  });
});

describe('a schedule that names an unknown part', () => {
  const stray = defineTask({ ...toy, name: 'stray', schedule: () => 'generator' as string });
  const message =
    "The schedule of stray asked for the part 'generator'; its parts are step, discriminator: name one of these.";
  const open = () => {
    const sizes = networkSizes(stray, { imageSize: 4, width: 1, channels: 1 });
    return new TrainState(stray, { sizes, lr: 0.01, seed: 0, device });
  };

  test('is told with the parts that there are, before anything is trained', async () => {
    const state = open();
    const real = zeros([2, 1, 4, 4]);
    expect(() => state.step({ real })).toThrow(ConfigError);
    expect(() => state.step({ real })).toThrow(message);
    const runner = new StepRunner(state);
    await expect(runner.step({ real: new Float32Array(32) })).rejects.toThrow(message);
    expect(state.stepsDone).toBe(0);
    runner.dispose();
    state.dispose();
    const run = train(stray, { data: pictures('toys', 10), device, steps: 2 });
    await expect(followed(run)).rejects.toThrow(message);
  });
});

test('a step on two batch sizes and two data types is captured for each', async () => {
  const sizes = networkSizes(pairs, { imageSize: 4, width: 1, channels: 1 });
  const inputs = {
    a: { shape: [1, 4, 4], dtype: 'float32' },
    b: { shape: [1, 4, 4], dtype: 'float32' },
    label: { shape: [], dtype: 'int32', classes: ['a', 'b', 'c'] },
  } as const;
  const found = [];
  for (const eager of [true, false]) {
    const state = new TrainState(pairs, { sizes, lr: 0.01, seed: 0, device, inputs });
    const runner = new StepRunner(state, { eager });
    const values: StepValues[] = [];
    for (let i = 0; i < 4; i++) {
      const batch = {
        a: Float32Array.from({ length: 64 }, (_, k) => Math.sin(k + i)),
        b: Float32Array.from({ length: 64 }, (_, k) => Math.cos(k * i)),
        label: Int32Array.of(0, 1, 2, i % 3),
      };
      const { values: later } = await runner.step(batch);
      batch.label.fill(99); // the runner has its own copy by now
      values.push(await later);
    }
    found.push(values);
    runner.dispose();
    state.dispose();
  }
  expect(found[1]).toEqual(found[0]);
  expect(found[0]!.map((values) => Object.keys(values).sort().join())).toEqual([
    'loss,size',
    'error,loss,size',
    'loss,size',
    'error,loss,size',
  ]);
});

describe('defineTask says what is wrong with', () => {
  const whole = { ...toy };
  const made = (changes: object) => () => defineTask({ ...whole, ...changes } as typeof toy);
  test.each([
    [
      'a name',
      { name: 'my task' },
      "the task's name is my task; expected a letter, then letters, digits, - or _",
    ],
    ['a name that is none', { name: undefined }, "the task's name is undefined; expected a letter"],
    [
      'missing networks',
      { build: undefined },
      'the task toy has no function build(); add one, or make the task with gan()',
    ],
    ['missing optimizers', { optimizers: 1 }, 'the task toy has no function optimizers()'],
    ['missing previews', { preview: undefined }, 'the task toy has no function preview()'],
    ['what previews are drawn from', { fixed: null }, 'the task toy has no function fixed()'],
    ['no inputs', { inputs: {} }, 'the task toy has no inputs; expected an object with at least one'],
    ['no parts', { parts: undefined }, 'the task toy has no parts; expected an object with at least one'],
    ['a part', { parts: { step: {} } }, 'is no function'],
    [
      'a metric’s name',
      { metrics: { seconds: {} } },
      'the task toy calls a metric seconds, which every line of metrics has already: rename it',
    ],
  ])('%s', (_, changes, message) => {
    expect(made(changes)).toThrow(ConfigError);
    expect(made(changes)).toThrow(message);
  });

  test('no task at all', () => {
    for (const [value, what] of [
      [null, 'null'],
      [undefined, 'a undefined'],
      ['toy', 'a string'],
    ])
      expect(() => defineTask(value as never)).toThrow(
        `defineTask: ${what} was given; expected a task, as defineTask() or gan() make it`,
      );
  });
});

test('gan takes updates, a schedule and options of one’s own', () => {
  const mine = gan({ ...toy.gan, name: 'mine' }, { nDis: 3 });
  const parts = (task: typeof mine, stepsDone: number) =>
    task.schedule!({ stepsDone, done: [], metrics: {} });
  expect([0, 1, 2, 3].map((step) => parts(mine, step))).toEqual([
    'discriminator',
    'discriminator',
    'step',
    'discriminator',
  ]);
  expect(parts(mine.withOptions({}), 0)).toBe('step');
  expect(mine.averages).toBeUndefined();
  expect(mine.withOptions({ ema: 0.9 }).averages).toEqual({ ema: { network: 'generator', decay: 0.9 } });
  expect(() => gan(toy.gan, { loss: 'hinge', labelSmoothing: 0.1 })).toThrow(ConfigError);
});
