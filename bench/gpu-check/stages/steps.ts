// Stage 5: whole training steps at four sizes, and what a replay costs the host; beside them the same step in
// PyTorch on the same machine, from the same weights and on the same batch: losses compared first, then timed
// in turn.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ceilings, type Device, measureCeilings } from '@forger/tensor';
import { type StepSizes, showStep } from '../../dcgan.ts';
import { measureHost } from '../../overhead.ts';
import { Case } from '../../peers/case.ts';
import { type Introduction, type Losses, PeerError } from '../../peers/process.ts';
import { CHECKED_STEPS, differences, type Spread, spread, TOLERANCE } from '../../peers.ts';
import { benchStep } from '../../step.ts';
import { PyTorch, settings } from '../pytorch.ts';
import { messageOf, type StageContext } from '../stage.ts';
import { flopOf, stepCases } from '../step-cases.ts';
import { rateOf } from '../timing.ts';

/** A sample is as many steps as last about so long, in milliseconds. */
const SAMPLE = 250;
const MOST_STEPS = 100;
const ROUNDS = 5;
/** Rounds of eager and replayed steps whose host time is taken. */
const HOST_ROUNDS = 8;
const UNCHECKED_STEPS = 10;
/** Seconds that PyTorch has to start, and for the steps that are compared. */
const PATIENCE = 40;

interface Runner {
  readonly name: string;
  readonly version: string;
  /** Milliseconds of one step, the mean of `steps`. */
  time(steps: number): Promise<number>;
  /** How long one takes, roughly. */
  readonly about: number;
  /** Null for our own. */
  readonly losses: 'agree' | 'differ' | null;
}

interface CaseResult {
  readonly milliseconds: number;
}

class Steps {
  readonly #context: StageContext;
  readonly #device: Device;
  readonly #ceilings: Ceilings;
  #pytorch: PyTorch | null;

  constructor(context: StageContext, device: Device, ceilings: Ceilings) {
    this.#context = context;
    this.#device = device;
    this.#ceilings = ceilings;
    this.#pytorch = new PyTorch(context.options.python);
  }

  async run(name: string, sizes: StepSizes, flop: number): Promise<CaseResult> {
    const training = await Case.open(this.#device, sizes, CHECKED_STEPS);
    const folder = mkdtempSync(join(tmpdir(), 'forger-gpu-check-'));
    try {
      const path = join(folder, 'case.safetensors');
      await training.write(path);
      const own = await ours(training);
      const runners = [own.runner, ...(await this.#peers(name, path, own.losses))];
      const times = await inTurn(this.#context, runners);
      return this.#report(name, sizes, flop, runners, times);
    } finally {
      this.#pytorch?.close();
      training.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** What a replay costs the host, a dispatch. */
  async host(name: string, sizes: StepSizes): Promise<string> {
    const host = await measureHost(this.#device, true, sizes, HOST_ROUNDS);
    const each = (microseconds: number): string => (microseconds / host.dispatches).toFixed(1);
    const text = `host time of ${name}: ${(host.replay / 1000).toFixed(2)} ms a replay of ${host.dispatches} dispatches (${each(host.replay)} µs each: ${each(host.encode)} encode, ${each(host.submit)} submit); eager ${(host.eager / 1000).toFixed(2)} ms`;
    this.#context.figure(`host ${name}`, text, host, true);
    return text;
  }

  end(): void {
    this.#pytorch?.end();
  }

  async #peers(name: string, path: string, own: readonly Losses[]): Promise<Runner[]> {
    const runners: Runner[] = [];
    for (const setting of settings) {
      if (!this.#pytorch?.offers(setting)) continue;
      const seconds = Math.min(PATIENCE, this.#context.left() - 2);
      if (seconds < 3) {
        this.#context.note(`No time was left for PyTorch ${setting} at ${name}.`);
        continue;
      }
      try {
        const { introduction, time } = await this.#pytorch.open(path, setting, seconds);
        const { version, milliseconds } = introduction;
        const agree = this.#compare(name, setting, introduction, own);
        runners.push({
          name: setting,
          version,
          time,
          about: milliseconds,
          losses: agree ? 'agree' : 'differ',
        });
        if (this.#tooSlowToCompare(version)) {
          this.#context.note('This PyTorch finds no CUDA: ours is measured alone.');
          this.#lose();
          return [];
        }
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        this.#context.note(`PyTorch ${setting} at ${name}: ${error.message}.`);
        // Without torch, or when its process has ended, there is nothing to ask again.
        if (error.ended || (error.absent && !/ is for CUDA/.test(error.message))) this.#lose();
      }
    }
    return runners;
  }

  /** A processor beside a GPU says nothing; beside a software adapter it is the same machine. */
  #tooSlowToCompare(version: string): boolean {
    return /, CPU,/.test(version) && this.#context.options.rules === 'own' && !this.#device.adapter.software;
  }

  #lose(): void {
    this.#pytorch?.end();
    this.#pytorch = null;
  }

  /** Losses of the first steps beside ours: a check, as both train the same. */
  #compare(
    name: string,
    setting: string,
    { precision, losses, version }: Introduction,
    own: readonly Losses[],
  ) {
    const all = differences(losses, own);
    const off = all.find(({ step, by }) => !(by <= TOLERANCE[precision][step - 1]!));
    const most = Math.max(...all.map(({ by }) => by));
    return this.#context.check(
      `losses of ${name} beside PyTorch ${setting}`,
      !off,
      off
        ? `${off.loss} of step ${off.step} differs by ${(100 * off.by).toPrecision(2)}% (${version})`
        : `${CHECKED_STEPS} steps agree within ${(100 * most).toPrecision(2)}% (${version})`,
      { ours: own, theirs: losses },
    );
  }

  #report(
    name: string,
    sizes: StepSizes,
    flop: number,
    runners: readonly Runner[],
    times: ReadonlyMap<Runner, number[]>,
  ): CaseResult {
    const [own] = runners;
    const ownTimes = times.get(own!)!;
    const { median } = spread(ownTimes);
    const gflops = flop / median / 1e6;
    const imagesPerSecond = (1000 * sizes.batch) / median;
    const peers = runners.slice(1).flatMap((runner) => {
      const list = times.get(runner);
      if (!list) return [];
      const timesOurs = spread(list.map((time, round) => time / ownTimes[round]!));
      const { name: setting, version, losses } = runner;
      return [{ setting, version, losses, milliseconds: spread(list), timesOurs }];
    });
    const beside = peers.map(
      ({ setting, timesOurs }: { setting: string; timesOurs: Spread }) =>
        `${setting} ${timesOurs.median.toFixed(2)}`,
    );
    const share = (100 * gflops) / this.#ceilings.gflops;
    this.#context.figure(
      `step ${name}`,
      `${name} ${showStep(sizes)}: ${median.toFixed(2)} ms, ${imagesPerSecond.toFixed(0)} images/s, ${rateOf(gflops)} (${share.toFixed(0)}%)${beside.length > 0 ? `; PyTorch's time over ours: ${beside.join(', ')}` : ''}`,
      { sizes, milliseconds: spread(ownTimes), imagesPerSecond, gflops, peers },
      true,
    );
    return { milliseconds: median };
  }
}

async function ours(training: Case): Promise<{ runner: Runner; losses: Losses[] }> {
  const losses: Losses[] = [];
  let about = 0;
  for (let i = 0; i < CHECKED_STEPS; i++) {
    const start = performance.now();
    losses.push(await training.train(1));
    about = performance.now() - start;
  }
  const time = async (steps: number): Promise<number> => {
    const start = performance.now();
    await training.train(steps);
    return (performance.now() - start) / steps;
  };
  return { runner: { name: 'ours', version: 'Forger', time, about, losses: null }, losses };
}

/** Times the runners in turn; one that fails on the way is left out from then on. */
async function inTurn(context: StageContext, runners: readonly Runner[]): Promise<Map<Runner, number[]>> {
  const times = new Map(runners.map((runner) => [runner, [] as number[]]));
  const stepsOf = ({ about }: Runner): number =>
    Math.max(1, Math.min(MOST_STEPS, Math.round(SAMPLE / about)));
  for (let round = 0; round < ROUNDS; round++) {
    const seconds = [...times.keys()].reduce((sum, one) => sum + (stepsOf(one) * one.about) / 1000, 0);
    if (round > 0 && context.left() < seconds) break;
    for (const [runner, list] of times) {
      try {
        list.push(await runner.time(stepsOf(runner)));
      } catch (error) {
        if (!(error instanceof PeerError)) throw error;
        context.note(`PyTorch ${runner.name} ended while it was timed: ${messageOf(error)}.`);
        times.delete(runner);
      }
    }
  }
  return times;
}

/** The largest step that was measured once more without Dawn's validation and bounds checks. */
async function unchecked(context: StageContext, name: keyof typeof stepCases, milliseconds: number) {
  if ((4 * UNCHECKED_STEPS * milliseconds) / 1000 > context.left()) {
    context.note(`No time was left for step ${name} without validation.`);
    return;
  }
  await context.attempt(`step ${name} without validation`, { validation: false }, async (device) => {
    const result = await benchStep(device, stepCases[name], UNCHECKED_STEPS);
    context.figure(
      `unchecked ${name}`,
      `${name} without validation and bounds checks: ${result.milliseconds.toFixed(2)} ms`,
      result,
      true,
    );
  });
}

/** Steps that a case takes at least: those compared, and one a round. */
const LEAST_STEPS = CHECKED_STEPS + ROUNDS;

export async function steps(context: StageContext): Promise<void> {
  const device = await context.open();
  const measured: string[] = [];
  try {
    const ceilings = await measureCeilings(device);
    const all = new Steps(context, device, ceilings);
    let perFlop = 0;
    let largest: { name: keyof typeof stepCases; milliseconds: number } | undefined;
    try {
      // From small to large, the largest before those between: of a slow adapter nothing is begun that lasts.
      for (const name of ['A', 'D', 'C', 'B'] as const) {
        const sizes = stepCases[name];
        const flop = flopOf(device, sizes);
        if ((LEAST_STEPS * perFlop * flop) / 1000 > context.left()) {
          context.note(`No time was left for step ${name}, ${showStep(sizes)}.`);
          continue;
        }
        const { milliseconds } = await all.run(name, sizes, flop);
        perFlop = Math.max(perFlop, milliseconds / flop);
        if (!largest || milliseconds > largest.milliseconds) largest = { name, milliseconds };
        measured.push(`${name} ${milliseconds.toFixed(1)} ms`);
        context.headline(measured.join(', '));
        const hostSeconds = (8 * HOST_ROUNDS * milliseconds) / 1000;
        if ((name === 'A' || name === 'D') && hostSeconds < context.left() / 4) await all.host(name, sizes);
        else if (name === 'A' || name === 'D')
          context.note(`No time was left for the host time of step ${name}.`);
      }
    } finally {
      all.end();
    }
    if (largest) await unchecked(context, largest.name, largest.milliseconds);
  } finally {
    device.destroy();
  }
}
