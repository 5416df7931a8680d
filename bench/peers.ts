// The same training step in other libraries, timed in turn with ours on the same machine and adapter. Each peer is a
// process of its own (bench/peers/) that gets our first weights, batch and latents; its losses are compared with ours
// before it is timed, so a peer that computes something else is not mistaken for a fast one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '@forger/tensor';
import { type BenchContext, type Benchmark, row, UsageError } from './benchmark.ts';
import { showStep, stepLabel, stepOptions, stepSizes } from './dcgan.ts';
import { Case } from './peers/case.ts';
import { installPeers, peers as known, type Peer } from './peers/list.ts';
import { type Introduction, type Losses, PeerError, PeerProcess, type Precision } from './peers/process.ts';

/** A sample of a quick library is as many steps as last about so long, in milliseconds; of a slow one, one step. */
const SAMPLE = 1000;
const MOST_STEPS = 50;
/**
 * What rounding may make of a loss, relatively, at each compared step. It grows from step to step, since Adam's first
 * steps move each weight by about ±lr however small its gradient: gradients around 0 turn rounding into whole steps.
 * Two to four times what was met at 32×32 (width 32 and 64, batch 64) and 64×64 (width 64, batch 16): PyTorch's float32
 * and ours are each up to 8e-5, 1e-3 and 2e-2 away from PyTorch's float64; with the operands of convolutions rounded to
 * TF32 or by float16's autocast 8e-4, 2e-2 and 3e-2.
 */
export const TOLERANCE: Readonly<Record<Precision, readonly [number, number, number]>> = {
  float32: [3e-4, 3e-3, 4e-2],
  tf32: [2e-3, 4e-2, 8e-2],
  float16: [2e-3, 4e-2, 8e-2],
};
/** Steps, each on latents of its own, whose losses are compared. A wrong gradient shows from the second on. */
export const CHECKED_STEPS = TOLERANCE.float32.length;

/** Median, least and most. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** A loss that is not ours. */
export interface Difference {
  /** From 1. */
  readonly step: number;
  readonly loss: "the discriminator's" | "the generator's";
  /** Relative to ours. */
  readonly by: number;
}

interface PeerResult {
  readonly name: string;
  readonly version: string;
  readonly precision: Precision;
  /** Time of one step. */
  readonly milliseconds: Spread;
  /** Its time over ours of the same round. */
  readonly timesOurs: Spread;
  readonly losses: readonly Losses[];
  /** The first loss that differs by more than rounding accounts for, or null. */
  readonly differs: Difference | null;
  /** The greatest relative difference of a loss. */
  readonly difference: number;
}

/** A peer that was left out, and why. */
interface Left {
  readonly name: string;
  readonly absent: boolean;
  readonly reason: string;
}

/** Something that trains and is timed: we or a peer. */
interface Runner {
  readonly name: string;
  readonly introduction: Introduction;
  /** Milliseconds of one step, the mean of `steps`. Throws PeerError. */
  time(steps: number): Promise<number>;
  end(): void;
}

async function ours(device: Device, training: Case): Promise<Runner> {
  const time = async (steps: number): Promise<[number, Losses]> => {
    const start = performance.now();
    const losses = await training.train(steps);
    return [(performance.now() - start) / steps, losses];
  };
  const first: [number, Losses][] = [];
  for (let i = 0; i < CHECKED_STEPS; i++) first.push(await time(1));
  return {
    name: 'ours',
    introduction: {
      version: `Forger, ${device.adapter.description || device.adapter.device}`,
      precision: 'float32',
      losses: first.map(([, losses]) => losses),
      milliseconds: first.at(-1)![0],
    },
    time: async (steps) => (await time(steps))[0],
    end: () => {},
  };
}

/** Throws PeerError. */
async function start(peer: Peer, python: string, path: string, patience: number): Promise<Runner> {
  const child = new PeerProcess([...peer.command(python), path, peer.setting]);
  try {
    const introduction = await child.introduction(CHECKED_STEPS, patience);
    return { name: peer.name, introduction, time: (n) => child.time(n), end: () => child.end() };
  } catch (error) {
    child.end();
    throw error;
  }
}

/** Times the runners in turn; one that fails on the way is handed to `fail` and left out from then on. */
async function timeInTurn(
  runners: readonly Runner[],
  rounds: number,
  fail: (name: string, error: PeerError) => void,
): Promise<Map<Runner, number[]>> {
  const times = new Map(runners.map((runner) => [runner, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [runner, list] of times) {
      const steps = Math.round(SAMPLE / runner.introduction.milliseconds);
      try {
        list.push(await runner.time(Math.max(1, Math.min(MOST_STEPS, steps))));
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        times.delete(runner);
        fail(runner.name, error);
      }
    }
  }
  return times;
}

/** The relative differences of all losses from ours, in order. */
export function differences(losses: readonly Losses[], reference: readonly Losses[]): Difference[] {
  return reference.flatMap((pair, i) =>
    pair.map((value, which) => ({
      step: i + 1,
      loss: which === 0 ? ("the discriminator's" as const) : ("the generator's" as const),
      by: Math.abs(losses[i]![which]! - value) / Math.abs(value),
    })),
  );
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, least: sorted[0]!, most: sorted.at(-1)! };
}

/** @param times of the same rounds, in milliseconds. */
function evaluate(
  runner: Runner,
  times: readonly number[],
  own: Runner,
  ownTimes: readonly number[],
): PeerResult {
  const { version, precision, losses } = runner.introduction;
  const all = differences(losses, own.introduction.losses);
  return {
    name: runner.name,
    version,
    precision,
    milliseconds: spread(times),
    timesOurs: spread(times.map((time, round) => time / ownTimes[round]!)),
    losses,
    differs: all.find(({ step, by }) => !(by <= TOLERANCE[precision][step - 1]!)) ?? null, // NaN differs
    difference: Math.max(...all.map(({ by }) => by)),
  };
}

const columns = [17, -30, -24, 2, 46, 0];

const percent = (share: number): string => `${Number((100 * share).toPrecision(1))}%`;

function show({ name, version, milliseconds, timesOurs, differs, difference }: PeerResult): string {
  const range = ({ median, least, most }: Spread, digits: number): string =>
    `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
  const losses = differs
    ? `DIFFER at step ${differs.step}: ${differs.loss} by ${percent(differs.by)}`
    : name === 'ours'
      ? ''
      : `agree within ${percent(difference)}`;
  return row(columns, [name, range(milliseconds, 1), range(timesOurs, 2), '', version, losses]);
}

function choose(names: string): readonly Peer[] {
  if (names === 'all') return known;
  return names.split(',').map((name) => {
    const peer = known.find((p) => p.name === name);
    if (peer) return peer;
    throw new UsageError(`--only ${name}: there are ${known.map((p) => p.name).join(', ')}.`);
  });
}

async function run(context: BenchContext): Promise<object> {
  const { print } = context;
  const sizes = stepSizes(context);
  const rounds = context.whole('steps');
  const patience = context.whole('patience');
  const chosen = choose(context.text('only'));
  const noPackages = chosen.some(({ npm }) => npm) ? installPeers(print) : undefined;
  const device = await context.device();
  const training = await Case.open(device, sizes, CHECKED_STEPS);
  const folder = mkdtempSync(join(tmpdir(), 'forger-peers-'));
  const runners: Runner[] = [];
  const left: Left[] = [];
  const leave = (name: string, { absent, message }: PeerError): void => {
    left.push({ name, absent, reason: message });
    print(row([18], [name, `${absent ? 'is absent' : 'cannot'}: ${message}`]));
  };
  const enter = (runner: Runner): void => {
    runners.push(runner);
    print(row([18], [runner.name, `${(runner.introduction.milliseconds / 1000).toFixed(2)} s a step`]));
  };
  try {
    print(`step ${showStep(sizes)}: ${CHECKED_STEPS} steps whose losses are compared`);
    const path = join(folder, 'case.safetensors');
    await training.write(path);
    const own = await ours(device, training);
    enter(own);
    for (const peer of chosen) {
      try {
        if (peer.npm && noPackages) throw new PeerError(noPackages, true);
        enter(await start(peer, context.text('python'), path, patience));
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        leave(peer.name, error);
      }
    }
    print(`\ntimed in turn, ${rounds} rounds: median (least to most)`);
    const times = await timeInTurn(runners, rounds, leave);
    print(row(columns, ['', 'ms a step', 'its time / ours', '', '', 'losses']));
    const results = [...times].map(([runner, list]) => evaluate(runner, list, own, times.get(own)!));
    for (const result of results) print(show(result));
    return { sizes, checkedSteps: CHECKED_STEPS, rounds, results, left };
  } finally {
    for (const runner of runners) runner.end();
    training.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const peers: Benchmark = {
  name: 'peers',
  summary: 'the same training step in PyTorch, TensorFlow.js and jax-js, beside ours',
  options: {
    ...stepOptions,
    steps: { default: '3', help: "rounds: one step of a slow library, a second's worth of a quick one's" },
    only: { default: 'all', help: `of ${known.map(({ name }) => name).join(',')}` },
    python: { default: 'python3', help: 'a Python that has torch' },
    patience: { default: '180', help: 'seconds that each has for the steps that are compared' },
  },
  label: (context) => stepLabel(stepSizes(context)),
  run,
};
