// What the host spends on a DCGAN training step: recording it anew, and replaying it captured, with Dawn's validation
// and without. Each round submits a few steps in a row, as training does, and waits for the device outside
// what is timed.
import { createDevice, type Device, setDefaultDevice } from '@forger/tensor';
import { type BenchContext, type Benchmark, row } from './benchmark.ts';
import { openStep, type StepSizes, showStep, stepOptions, stepSizes } from './dcgan.ts';
import { median } from './timing.ts';

/** So small that the host is all that takes time. */
const tiny: StepSizes = { size: 16, width: 2, channels: 1, batch: 2 };

const rounds = 25;
/** Steps in a round. Training has as many under way. */
const inARow = 4;

/** Microseconds of the host for one step, medians over the rounds. */
export interface HostTime {
  readonly step: string;
  readonly validation: boolean;
  readonly commands: number;
  readonly dispatches: number;
  /** Recorded anew: shape checks, tape, encoding and several submits. */
  readonly eager: number;
  /** Replayed, and its parts: building the command buffer, and handing it to the queue. */
  readonly replay: number;
  readonly encode: number;
  readonly submit: number;
}

/** Runs `fn` a few times. @returns the microseconds that each took, and those of them spent submitting. */
function timed(device: Device, fn: () => void): { all: number; submit: number } {
  const { queue } = device.gpu;
  const original = queue.submit.bind(queue);
  let submit = 0;
  queue.submit = (buffers) => {
    const start = performance.now();
    original(buffers);
    submit += performance.now() - start;
    return undefined;
  };
  const start = performance.now();
  for (let i = 0; i < inARow; i++) fn();
  const all = performance.now() - start;
  queue.submit = original;
  return { all: (1000 * all) / inARow, submit: (1000 * submit) / inARow };
}

/** @param repeats rounds of a few steps of each kind. */
export async function measureHost(
  device: Device,
  validation: boolean,
  sizes: StepSizes,
  repeats: number = rounds,
): Promise<HostTime> {
  const { state, real, dispose } = openStep(device, sizes);
  const step = (): void => device.scope(() => void state.step({ real }));
  step();
  const plan = device.capture(() => state.step({ real }));
  await device.sync();
  const eager: number[] = [];
  const replays: ReturnType<typeof timed>[] = [];
  for (let round = 0; round < repeats; round++) {
    eager.push(timed(device, step).all);
    await device.sync();
    replays.push(timed(device, () => plan.replay()));
    await device.sync();
  }
  const { commands, dispatches } = plan;
  plan.dispose();
  dispose();
  return {
    step: showStep(sizes),
    validation,
    commands,
    dispatches,
    eager: median(eager),
    replay: median(replays.map(({ all }) => all)),
    encode: median(replays.map(({ all, submit }) => all - submit)),
    submit: median(replays.map(({ submit }) => submit)),
  };
}

const widths = [46, 10, -9, -11, -9, -9, -9, -9];

async function run(context: BenchContext): Promise<object> {
  const checked = await context.device();
  const unchecked = await createDevice({ validation: false });
  setDefaultDevice(checked);
  context.print(
    'Microseconds of the host for each dispatch of a step. Replayed: encode and submit are its parts.',
  );
  context.print(
    row(widths, ['step', 'validation', 'commands', 'dispatches', 'eager', 'replayed', 'encode', 'submit']),
  );
  const results: HostTime[] = [];
  try {
    for (const sizes of [tiny, stepSizes(context)]) {
      for (const device of [checked, unchecked]) {
        const r = await measureHost(device, device === checked, sizes);
        results.push(r);
        const each = [r.eager, r.replay, r.encode, r.submit].map((t) => (t / r.dispatches).toFixed(1));
        const counts = [r.commands, r.dispatches].map(String);
        context.print(row(widths, [r.step, r.validation ? 'on' : 'off', ...counts, ...each]));
      }
    }
  } finally {
    unchecked.destroy();
  }
  return { overhead: results };
}

export const overhead: Benchmark = {
  name: 'overhead',
  summary: "the host's time for each dispatch of a DCGAN training step, eager and replayed",
  options: stepOptions,
  run,
};
