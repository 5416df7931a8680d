// Hooks: when they are called and in which order, what checkpoints keep of them, how they end a run, and
// which are refused.

import {
  type Checkpoint,
  checkpointEvery,
  evaluateEvery,
  every,
  type Hook,
  sampleEvery,
  type TrainOptions,
  train,
} from '@forger/dcgan';
import { ConfigError, type Device, readSafetensors, zeros } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { followed, ofType, pictures, toy } from './toy.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const run = (options: Partial<TrainOptions>) =>
  followed(train(toy, { data: pictures('toys', 10), device, steps: 6, ...options }));

/** Writes down each call. */
function recorder(name: string, calls: string[]): Hook {
  return {
    name,
    start: ({ stepsDone }) => void calls.push(`${name} start ${stepsDone}`),
    step: ({ stepsDone }) => void calls.push(`${name} step ${stepsDone}`),
    metrics: ({ step }) => void calls.push(`${name} metrics ${step}`),
    end: ({ stepsDone }, reason) => void calls.push(`${name} end ${stepsDone} ${reason}`),
  };
}

describe('hooks are called', () => {
  test('in the order in which they are given, each step and its metrics once, and at the end last', async () => {
    const calls: string[] = [];
    await run({ hooks: [recorder('first', calls), recorder('second', calls)] });
    const own = calls.filter((call) => call.startsWith('first'));
    expect(calls.filter((call) => call.startsWith('second'))).toEqual(
      own.map((call) => call.replace('first', 'second')),
    );
    // Each event reaches all hooks before the next event does.
    for (const [i, call] of own.entries())
      expect(calls.slice(2 * i, 2 * i + 2)).toEqual([call, call.replace('first', 'second')]);
    expect(own[0]).toBe('first start 0');
    expect(own.at(-1)).toBe('first end 6 finished');
    for (const kind of ['step', 'metrics'])
      expect(own.filter((call) => call.includes(` ${kind} `))).toEqual(
        [1, 2, 3, 4, 5, 6].map((step) => `first ${kind} ${step}`),
      );
    expect(own).toHaveLength(14);
  });

  test('and waited for: the next step begins when the hook is done', async () => {
    const calls: string[] = [];
    const slow: Hook = {
      name: 'slow',
      step: async ({ stepsDone, state }) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        calls.push(`${stepsDone} ${state.stepsDone}`);
      },
    };
    await run({ steps: 3, hooks: [slow] });
    expect(calls).toEqual(['1 1', '2 2', '3 3']);
  });

  test('with metrics that are known once settled', async () => {
    const known: number[] = [];
    const settling: Hook = {
      name: 'settling',
      step: async (trainer) => {
        await trainer.settle();
        expect(Object.values(trainer.metrics).every(Number.isFinite)).toBe(true);
        known.push(trainer.metrics.lossD!);
      },
    };
    const { events } = await run({ hooks: [settling] });
    expect(known).toEqual(ofType(events, 'step').map(({ metrics }) => metrics.lossD));
  });

  test.each([
    [2, false, [2, 4, 6, 7]],
    [2, true, [0, 2, 4, 6, 7]],
    [7, false, [7]],
    [100, true, [0, 7]],
  ])('by every(%i), at the start: %s, at steps %o', async (steps, atStart, wanted) => {
    const at: number[] = [];
    const hook = every('counted', steps, async ({ stepsDone }) => void at.push(stepsDone), { atStart });
    await run({ steps: 7, hooks: [hook] });
    expect(at).toEqual(wanted);
  });

  test('what one throws ends the run, and nothing stays on the device', async () => {
    const before = device.memory();
    const failing: Hook = {
      name: 'failing',
      step: ({ stepsDone }) => {
        if (stepsDone === 2) throw new Error('the disk is full');
      },
    };
    await expect(run({ hooks: [failing] })).rejects.toThrow('the disk is full');
    expect(device.memory()).toMatchObject({
      liveBytes: before.liveBytes,
      liveBuffers: before.liveBuffers,
    });
  });
});

describe('the state of a hook', () => {
  /** Sums the discriminator's losses in a tensor of its own, and keeps each beside it. */
  function tally(): Hook & { readonly losses: number[]; free(): void } {
    const total = zeros([1], { device }).keep();
    const losses: number[] = [];
    return {
      name: 'tally',
      losses,
      step: async (trainer) => {
        await trainer.settle();
        losses.push(trainer.metrics.lossD!);
        total.write(Float32Array.of((await total.data())[0]! + trainer.metrics.lossD!));
        // What it keeps decides how training goes on, so that a resumed run shows whether it is whole.
        trainer.state.networks.discriminator
          .stateDict()
          .get('linear.bias')
          .write(await total.data());
      },
      state: () => ({ values: { losses: [...losses] }, tensors: new Map([['total', total]]) }),
      restore: (values) => {
        losses.splice(0, losses.length, ...(values as { losses: number[] }).losses);
      },
      free: () => total.dispose(),
    };
  }

  /** The last checkpoint of a run with such a hook. */
  async function trained(options: Partial<TrainOptions>): Promise<Checkpoint> {
    const hook = tally();
    const { events } = await run({ ...options, hooks: [hook, checkpointEvery(100)] });
    hook.free();
    return ofType(events, 'checkpoint').at(-1)!.checkpoint;
  }

  const throughJson = (checkpoint: Checkpoint): Checkpoint => ({
    ...checkpoint,
    meta: JSON.parse(JSON.stringify(checkpoint.meta)),
  });

  test('is part of checkpoints, and a resumed run ends in the same bits and values', async () => {
    const straight = await trained({});
    const { tensors } = readSafetensors(straight.bytes);
    const { losses } = straight.meta.hooks!.tally as { losses: number[] };
    expect(losses).toHaveLength(6);
    const total = losses.reduce((sum, loss) => Math.fround(sum + loss), 0);
    expect(tensors.get('hook.tally.total')).toMatchObject({ shape: [1], data: Float32Array.of(total) });
    expect(tensors.get('discriminator.linear.bias')!.data).toEqual(Float32Array.of(total));
    const half = await trained({ steps: 3 });
    const resumed = await trained({ resume: throughJson(half) });
    expect(resumed.bytes).toEqual(straight.bytes);
    const { seconds: _, ...meta } = resumed.meta;
    const { seconds: __, ...wanted } = straight.meta;
    expect(meta).toEqual(wanted);
    // Without its state it would have gone another way.
    const { tally: ___, ...hooks } = half.meta.hooks!;
    const forgetful = await trained({ resume: { ...half, meta: { ...half.meta, hooks } } });
    expect((forgetful.meta.hooks!.tally as { losses: number[] }).losses).toHaveLength(3);
  });

  test('is left aside when a run is resumed without the hook', async () => {
    const half = await trained({ steps: 3 });
    const { events, result } = await run({ resume: half, hooks: [checkpointEvery(100)] });
    expect(result.step).toBe(6);
    const { checkpoint } = ofType(events, 'checkpoint').at(-1)!;
    expect(checkpoint.meta.hooks).toBeUndefined();
    expect(
      [...readSafetensors(checkpoint.bytes).tensors.keys()].filter((n) => n.startsWith('hook.')),
    ).toEqual([]);
  });
});

describe('an evaluation', () => {
  const values = [5, 3, 4, 2, 6, 7, 8, 9];
  const evaluate = ({ stepsDone }: { stepsDone: number }): number => values[stepsDone - 1]!;

  test('tells each value and the best so far, and so does a resumed one', async () => {
    const told = (best: number[]) =>
      best.map((value, i) => ({
        type: 'hook',
        hook: 'evaluate',
        value: {
          step: i + 1,
          value: values[i],
          best: { step: values.indexOf(value) + 1, value },
        },
      }));
    const hooks = () => [evaluateEvery(1, evaluate), checkpointEvery(2)];
    const straight = await run({ hooks: hooks() });
    expect(ofType(straight.events, 'hook')).toEqual(told([5, 3, 3, 2, 2, 2]));
    const [second] = ofType(straight.events, 'checkpoint');
    const resumed = await run({ resume: second!.checkpoint, hooks: hooks() });
    expect(ofType(resumed.events, 'hook')).toEqual(told([5, 3, 3, 2, 2, 2]).slice(2));
    const larger = await run({ hooks: [evaluateEvery(3, evaluate, { name: 'score', better: 'larger' })] });
    expect(ofType(larger.events, 'hook').map(({ hook, value }) => [hook, value])).toEqual([
      ['score', { step: 3, value: 4, best: { step: 3, value: 4 } }],
      ['score', { step: 6, value: 7, best: { step: 6, value: 7 } }],
    ]);
  });

  test('ends a run that gets no better', async () => {
    const { events, result } = await run({ steps: 8, hooks: [evaluateEvery(1, evaluate, { patience: 3 })] });
    expect(result).toMatchObject({
      reason: 'stopped',
      because: 'evaluate was not better than 2 of step 4 in 3 evaluations',
      step: 7,
    });
    expect(ofType(events, 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('a run ends', () => {
  test('when a hook stops it, for the first reason given, after its last hooks', async () => {
    const calls: string[] = [];
    const stopping: Hook = {
      name: 'stopping',
      step: (trainer) => {
        if (trainer.stepsDone < 2) return;
        trainer.stop('enough');
        trainer.stop('too much');
      },
    };
    const hooks = [stopping, recorder('watching', calls), sampleEvery(100), checkpointEvery(100)];
    const { events, result } = await run({ hooks });
    expect(result).toMatchObject({ reason: 'stopped', because: 'enough', step: 2, last: { step: 2 } });
    expect(calls.at(-1)).toBe('watching end 2 stopped');
    expect(ofType(events, 'sample').map(({ step }) => step)).toEqual([0, 2]);
    expect(ofType(events, 'checkpoint').map(({ checkpoint }) => checkpoint.step)).toEqual([2]);
  });

  test('when the signal comes, after the step under way', async () => {
    const abort = new AbortController();
    const calls: string[] = [];
    const stopping: Hook = {
      name: 'stopping',
      step: ({ stepsDone }) => void (stepsDone === 3 && abort.abort()),
    };
    const { result } = await run({ signal: abort.signal, hooks: [stopping, recorder('watching', calls)] });
    expect(result).toMatchObject({ reason: 'interrupted', step: 3 });
    expect(result.because).toBeUndefined();
    expect(calls.at(-1)).toBe('watching end 3 interrupted');
  });

  test('at its goal, though a hook stops it at the same step', async () => {
    const stopping: Hook = { name: 'stopping', step: (trainer) => trainer.stop('enough') };
    expect((await run({ steps: 1, hooks: [stopping] })).result).toMatchObject({
      reason: 'finished',
      step: 1,
    });
  });
});

describe('are refused', () => {
  test.each([
    ['of the same name', ['watch', 'watch'], 'watch'],
    ['of no name', [''], ''],
    ['whose name has a dot', ['watch.it'], 'watch.it'],
    ['whose name begins with a digit', ['2nd'], '2nd'],
  ])('hooks %s', async (_, names, told) => {
    const before = device.memory();
    const refused = run({ hooks: names.map((name) => ({ name })) });
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(run({ hooks: names.map((name) => ({ name })) })).rejects.toThrow(
      `A hook is called '${told}'; expected a letter, then letters, digits, - or _, and another name for each hook.`,
    );
    expect(device.memory()).toMatchObject({
      liveBytes: before.liveBytes,
      liveBuffers: before.liveBuffers,
    });
  });
});
