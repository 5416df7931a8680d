// Trainings that are killed again and again, resumed each time, and in the end held beside one that was left alone.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../packages/dcgan/src/data/random.ts';
import { faultsAfterKill, type Phase, phaseOf } from './aftermath.ts';
import { awaitAim, describeAim, drawAim, type Expected } from './aims.ts';
import { differences, disorder, type Result, readResult } from './compare.ts';
import { makeScenarios, type Scenario } from './scenarios.ts';
import { Training } from './training.ts';

export interface KillOptions {
  readonly runs: number;
  readonly seed: number;
  /** Number of the first run; its scenario, kills and aims follow from the seed and this. */
  readonly first?: number;
  /** Runs at a time. */
  readonly jobs?: number;
  /** Names of the scenarios to use; default: all. */
  readonly only?: readonly string[];
  readonly print: (line: string) => void;
}

export interface KillReport {
  readonly runs: number;
  /** Runs that went on after each kill and came to their end. */
  readonly resumed: number;
  /** Runs whose weights, metrics and pictures are those of the run that was left alone. */
  readonly equal: number;
  /** Runs in which a saved file was damaged or lost. */
  readonly corrupt: number;
  readonly kills: ReadonlyMap<Phase | `${Stop}`, number>;
  /** Everything that was wrong, each with the command that repeats it. */
  readonly faults: readonly string[];
}

const GRACEFUL = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Stop = `${(typeof GRACEFUL)[number]}${'' | ' twice'}`;

/** One stop in so many is asked for by a signal that can be heard; one of these in so many, twice. */
const ONE_GRACEFUL_IN = 5;
const ONE_TWICE_IN = 4;
const MOST_KILLS = 3;
/** Aims that a run may miss, ending before they come. */
const MOST_MISSES = 5;

/** A scenario with what comes of it when nothing happens. */
interface Undisturbed extends Expected {
  readonly scenario: Scenario;
  readonly result: Result;
}

/** What befell one run. */
interface Story {
  readonly hits: (Phase | Stop)[];
  readonly aims: string[];
  /** Steps at which it drew a grid because it was stopped by a signal that it heard. */
  readonly stops: number[];
  /** Something that was saved is damaged or gone. */
  readonly corrupt: string[];
  /** Anything else that should not be. */
  readonly wrong: string[];
  resumed: boolean;
  equal: boolean;
}

/** Kills trainings as told, with a line for each run. */
export async function tortureByKilling(options: KillOptions): Promise<KillReport> {
  const { runs, seed, first = 0, jobs = 1, only, print } = options;
  const work = mkdtempSync(join(tmpdir(), 'forger-torture-'));
  const scenarios = (await makeScenarios(work)).filter(({ name }) => only?.includes(name) ?? true);
  const undisturbed: Undisturbed[] = [];
  for (const scenario of scenarios) {
    const found = await leaveAlone(scenario, work);
    const { startMs, endMs, checkpoints } = found;
    print(
      `undisturbed ${scenario.name.padEnd(8)} ${checkpoints} checkpoints, training begins after ${Math.round(startMs)} ms and ends after ${Math.round(endMs)} ms; the same a second time`,
    );
    undisturbed.push(found);
  }
  const kills = new Map<Phase | Stop, number>();
  const faults: string[] = [];
  const counts = { resumed: 0, equal: 0, corrupt: 0 };
  let next = first;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < first + runs; i = next++) {
      const dir = join(work, `run-${i}`);
      const goal = undisturbed[i % undisturbed.length]!;
      const story = await torture(goal, dir, new Random(seed, 0, i));
      for (const hit of story.hits) kills.set(hit, (kills.get(hit) ?? 0) + 1);
      for (const name of ['resumed', 'equal'] as const) counts[name] += story[name] ? 1 : 0;
      counts.corrupt += story.corrupt.length > 0 ? 1 : 0;
      const found = [...story.corrupt, ...story.wrong];
      const result = found.length === 0 ? 'byte-equal' : `FAILED: ${found.join('; ')}`;
      print(
        `run ${String(i).padEnd(3)} ${goal.scenario.name.padEnd(8)} hit ${story.hits.join(', ') || 'never'}: ${result}`,
      );
      if (found.length === 0) rmSync(dir, { recursive: true, force: true });
      else {
        const repeat = `pnpm torture kill --runs 1 --first ${i} --seed ${seed}`;
        faults.push(`run ${i} (aims: ${story.aims.join('; ')}; in ${dir}; ${repeat}): ${found.join('; ')}`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (faults.length === 0) rmSync(work, { recursive: true, force: true });
  return { runs, ...counts, kills, faults };
}

/** Trains twice without a disturbance: the first fills the shader cache, the second tells times. Both must agree. */
async function leaveAlone(scenario: Scenario, work: string): Promise<Undisturbed> {
  const results: Result[] = [];
  for (const name of ['first', 'second']) {
    const dir = join(work, `${scenario.name}-${name}`);
    const training = new Training([...scenario.flags, '--out', dir]);
    const { exitCode } = await training.ended;
    const found = [...training.errors, ...(exitCode === 0 ? disorder(dir) : [`it exited with ${exitCode}`])];
    if (exitCode === 0) results.push(readResult(dir));
    if (results.length === 2) found.push(...differences(results[1]!, results[0]!, []));
    if (found.length > 0) throw new Error(`the undisturbed run ${scenario.name}: ${found.join('; ')}`);
    if (results.length < 2) continue;
    const checkpoints = training.of('checkpoint').length;
    return {
      scenario,
      result: results[0]!,
      startMs: training.startMs!,
      endMs: training.milliseconds,
      checkpoints,
    };
  }
  throw new Error('unreachable');
}

/** One run: hit, resumed, hit again, and at last left to finish. */
async function torture(goal: Undisturbed, dir: string, random: Random): Promise<Story> {
  const story: Story = {
    hits: [],
    aims: [],
    stops: [],
    corrupt: [],
    wrong: [],
    resumed: false,
    equal: false,
  };
  const told: string[] = [];
  const kills = 1 + random.below(MOST_KILLS);
  for (let misses = 0; story.hits.length < kills && misses < MOST_MISSES; ) {
    const training = start(goal, dir);
    const aim = drawAim(random, goal);
    const stop = drawStop(random);
    story.aims.push(describeAim(aim));
    await awaitAim(aim, dir, training);
    if (training.isOver) misses++;
    else await hit(training, stop);
    const { exitCode, signal } = await training.ended;
    told.push(...training.of('checkpoint').map(({ path }) => path!));
    story.wrong.push(...complaints(training));
    if (signal === 'SIGKILL') story.hits.push(phaseOf(dir, training, goal.result.checkpoint));
    else if (stop !== 'SIGKILL' && !training.of('done').some(({ reason }) => reason === 'finished')) {
      checkStop(stop, training, { exitCode, signal }, story);
      story.stops.push(...extraGrids(dir, goal.result));
    }
    story.corrupt.push(...(await faultsAfterKill(dir, told)));
    if (training.of('done').some(({ reason }) => reason === 'finished')) {
      if (story.hits.length > 0) break;
      rmSync(dir, { recursive: true }); // it got away: once more from the start
      told.length = 0;
    }
    if (story.corrupt.length + story.wrong.length > 0) return story;
  }
  const training = start(goal, dir);
  const { exitCode } = await training.ended;
  story.wrong.push(...complaints(training), ...training.errors);
  if (exitCode !== 0) {
    story.wrong.push(`it exited with ${exitCode} when it was resumed`);
    return story;
  }
  story.resumed = true;
  const unlike = differences(readResult(dir), goal.result, story.stops);
  story.equal = unlike.length === 0;
  story.wrong.push(...unlike, ...disorder(dir));
  return story;
}

/** A run folder exists from its settings on; before, the same command is given again. */
function start({ scenario }: Undisturbed, dir: string): Training {
  if (!existsSync(join(dir, 'config.json'))) return new Training([...scenario.flags, '--out', dir]);
  return new Training(['--resume', dir, ...scenario.flags.filter((flag) => flag === '--eager')]);
}

function drawStop(random: Random): 'SIGKILL' | Stop {
  if (random.below(ONE_GRACEFUL_IN) > 0) return 'SIGKILL';
  const signal = GRACEFUL[random.below(GRACEFUL.length)]!;
  return random.below(ONE_TWICE_IN) > 0 ? signal : `${signal} twice`;
}

async function hit(training: Training, stop: 'SIGKILL' | Stop): Promise<void> {
  const [signal, twice] = stop.split(' ') as [NodeJS.Signals, string?];
  training.kill(signal);
  if (twice === undefined) return;
  // Two at once may be one to the process, and npm sends Ctrl-C twice (scripts/run.mjs).
  await new Promise((resolve) => setTimeout(resolve, 300));
  if (!training.isOver) training.kill(signal);
}

/** How a process must end that was asked to: saved, or not begun. */
function checkStop(
  stop: Stop,
  training: Training,
  { exitCode, signal }: { exitCode: number | null; signal: NodeJS.Signals | null },
  story: Story,
): void {
  story.hits.push(stop);
  const done = training.of('done')[0];
  if (exitCode === 0 && done?.reason === 'interrupted') {
    if (!training.of('checkpoint').some(({ path }) => path!.includes(String(done.step).padStart(6, '0'))))
      if (training.of('step').length > 0)
        story.corrupt.push(`it stopped at step ${done.step} without saving it`);
    return;
  }
  // The second signal ends it at once.
  if (stop.endsWith('twice') && signal !== null && stop.startsWith(signal)) return;
  const begun = training.of('start').length > 0;
  // Node's own start comes before anybody can hear a signal.
  if (signal !== null && stop.startsWith(signal) && !begun) return;
  if (exitCode === 1 && !begun && /Stopped before the first step/.test(training.errors.join(' '))) return;
  story.wrong.push(`after ${stop} it ended with ${signal ?? exitCode}: ${training.errors.join(' ')}`);
}

/** Steps of the grids that a run would not have drawn if it had been left alone. */
function extraGrids(dir: string, { samples }: Result): number[] {
  const folder = join(dir, 'samples');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.endsWith('.png') && !samples.has(name))
    .map((name) => Number(/\d+/.exec(name)![0]));
}

/** Remarks that no killed run may give rise to. */
function complaints(training: Training): string[] {
  const notes = training
    .of('note')
    .map(({ message }) => message!)
    .filter((message) => /damaged|is not|cannot|no whole checkpoint/.test(message));
  return [...notes, ...training.strange.map((line) => `it printed '${line}'`)];
}
