// gpu-check whatever its stages do: one that fails, hangs or crashes takes nothing with it, and the report
// says so. What the stages check is right or wrong on a GPU; here it is how they are run, and what losses
// count as the same.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compareLosses, readRecorded, tolerances } from '../../bench/gpu-check/losses.ts';
import { Results } from '../../bench/gpu-check/results.ts';
import { isWrong, type RunOptions, runStages, type StageProcess } from '../../bench/gpu-check/runner.ts';
import { stages } from '../../bench/gpu-check/stages.ts';
import { type Losses, trainingRuns } from '../../bench/gpu-check/training-run.ts';
import { emptyFolder } from '../../packages/forger/test/cli/folders.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fake = fileURLToPath(new URL('fake-stage.mjs', import.meta.url));

const stage = (act: string, limit = 20): StageProcess => ({
  name: act,
  title: act,
  limit,
  command: () => [process.execPath, fake, act],
});

const outcomes = async (all: readonly StageProcess[], options: Partial<RunOptions> = {}) => {
  const results = await runStages(all, { seconds: 60, ...options });
  return results.map(({ name, outcome, reason }) => [name, outcome, reason]);
};

/** Whether a process is there and has not ended: one that nobody has waited for yet stays in the list. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc') || !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('stages', () => {
  test('that fail, hang, crash or fall silent are told apart, and those after them are run', async () => {
    const absent = { ...stage('absent'), command: () => ['/nowhere/node'] };
    const all = [stage('fail'), stage('hang', 3), stage('crash'), stage('quiet'), stage('unhappy'), absent];
    expect(await outcomes([...all, stage('wrong'), stage('skip'), stage('ok')])).toEqual([
      ['fail', 'failed', 'DeviceLostError: the device is gone'],
      ['hang', 'timed out', 'it was ended after 3 s'],
      ['crash', 'crashed', expect.stringMatching(/^SIGABRT/)],
      ['quiet', 'crashed', 'it exited with 0 before its end'],
      ['unhappy', 'crashed', 'it exited with 7'],
      ['absent', 'crashed', expect.stringContaining('ENOENT')],
      ['wrong', 'wrong', ''],
      ['skip', 'skipped', 'there is no such thing here'],
      ['ok', 'ok', ''],
    ]);
  });

  test('keep what they said before they ended, and what they started ends with them', async () => {
    const [hung, crashed, whole] = await runStages([stage('hang', 3), stage('crash'), stage('ok')], {
      seconds: 60,
    });
    expect(hung!.checks).toHaveLength(1);
    await expect.poll(() => isAlive(Number(hung!.notes[0]))).toBe(false);
    expect(crashed!.checks).toHaveLength(1);
    expect(whole).toMatchObject({ headline: 'all right', notes: ['half was left out'] });
    expect(whole!.figures.map(({ text }) => text)).toEqual(['fast']);
    expect([hung, crashed, whole].map((result) => isWrong(result!))).toEqual([true, true, false]);
  });

  test('have no more time than is left for all', async () => {
    expect(await outcomes([stage('hang'), stage('ok')], { seconds: 4 })).toEqual([
      ['hang', 'timed out', 'it was ended after 4 s'],
      ['ok', 'not run', 'no time was left'],
    ]);
  });

  test('end when the run is stopped', async () => {
    const stop = new AbortController();
    const stopped = outcomes([stage('hang'), stage('ok')], {
      signal: stop.signal,
      onRecord: () => stop.abort(),
    });
    expect(await stopped).toEqual([
      ['hang', 'not run', 'the run was stopped'],
      ['ok', 'not run', 'the run was stopped'],
    ]);
  });
});

test('results are written as they come, and the table says what is wrong', async () => {
  const folder = emptyFolder();
  const results = new Results(folder, { rules: 'own' });
  const report = () => JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
  const written: number[] = [];
  await runStages([stage('wrong'), stage('crash'), stage('ok')], {
    seconds: 60,
    onRecord: (one, record) => results.record(one, record),
    onOutput: (one, text) => results.output(one, text),
    onResult: (result) => {
      results.result(result);
      written.push(report().stages.length);
    },
  });
  expect(written).toEqual([1, 2, 3]);
  expect(report()).toMatchObject({
    benchmark: 'gpu-check',
    options: { rules: 'own' },
    wrong: ['wrong', 'crash'],
  });
  const records = readFileSync(join(folder, 'results.jsonl'), 'utf8').trimEnd().split('\n');
  expect(records.map((line) => JSON.parse(line).stage).filter((name) => name === 'crash')).toHaveLength(1);
  expect(readFileSync(join(folder, 'logs/crash.txt'), 'utf8')).toContain('the driver has fallen over');
  const table = readFileSync(join(folder, 'table.txt'), 'utf8');
  expect(table).toMatch(/wrong +WRONG .* 1\/2/);
  expect(table).toMatch(/crash +CRASHED .* SIGABRT/);
  expect(table).toMatch(/ok +ok .* 1\/1 +all right/);
  expect(table).toContain('  fast\n');
  expect(table).toContain('wrong: sums: off by 1');
  expect(table).toContain('Something was wrong in wrong, crash.');
});

describe('the command', () => {
  const run = (args: readonly string[], faults: Record<string, string> = {}) => {
    const injected = pathToFileURL(fileURLToPath(new URL('fault.mjs', import.meta.url))).href;
    return spawnSync(process.execPath, ['scripts/run.mjs', 'bench/gpu-check/main.ts', ...args], {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_OPTIONS: `--import=${injected}`,
        FORGER_TEST_STAGES: JSON.stringify(faults),
      },
    });
  };

  test('goes on past stages that fail, hang and crash, says so, and exits with 1', () => {
    const out = join(emptyFolder(), 'check');
    const faults = { adapter: 'crash', training: 'hang', tuner: 'fail' };
    const limits = ['--stage-limit', 'training=4'];
    const { status, stdout } = run(['--only', 'tuner,training,adapter', ...limits, '--out', out], faults);
    expect(status).toBe(1);
    const { stages: results, wrong } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
    expect(results.map(({ name, outcome }: { name: string; outcome: string }) => [name, outcome])).toEqual([
      ['tuner', 'crashed'],
      ['training', 'timed out'],
      ['adapter', 'crashed'],
    ]);
    expect(wrong).toEqual(['tuner', 'training', 'adapter']);
    expect(stdout).toContain('a stage that does not load');
    expect(stdout).toContain('Something was wrong in tuner, training, adapter.');
  });

  test.each([
    [['--only', 'paint'], /--only paint: the stages are adapter, correctness/],
    [['--minutes', '10'], /9 minutes at most/],
    [['--minutes', 'soon'], /--minutes soon: expected a number/],
    [['--stage-limit', 'adapter'], /expected NAME=SECONDS/],
    [['--rules', 'mine'], /--rules mine: expected own, gpu, software/],
    [['--only', 'adapter', '--skip', 'adapter'], /No stage is left/],
    [['--golden', '/nowhere'], /there is no such folder/],
    [['--fast'], /--fast/],
  ])('%j is wrong usage', (args, message) => {
    const { status, stderr } = run(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('Usage: pnpm gpu-check');
  });
});

test('the stages fit into nine minutes', () => {
  expect(stages.reduce((sum, { seconds }) => sum + seconds, 0)).toBeLessThanOrEqual(9 * 60 * 0.9);
});

describe.each(Object.keys(trainingRuns) as (keyof typeof trainingRuns)[])('losses of %s', (name) => {
  const recorded = readRecorded(name);
  const first = recorded.runs[0]!.losses;
  const changed = (step: number, factor: number, steps = 1): Losses[] =>
    first.map(([d, g], i) => (i >= step && i < step + steps ? [d * factor, g] : [d, g]));

  test('were recorded for the runs that are compared', () => {
    expect(recorded).toMatchObject(trainingRuns[name]);
    expect(recorded.runs.length).toBeGreaterThan(0);
    for (const { losses } of recorded.runs) expect(losses).toHaveLength(trainingRuns[name].steps);
  });

  test('of all recorded runs, which differ by rounding alone, are the same', () => {
    for (const { losses, algorithm } of recorded.runs)
      expect(compareLosses(recorded, losses).wrong, algorithm).toEqual([]);
  });

  test('are held to little at the first steps', () => {
    const allowed = tolerances(recorded);
    expect(allowed[0]).toBeLessThan(0.005);
    expect(allowed[1]).toBeLessThan(0.01);
    expect(compareLosses(recorded, changed(1, 1 + 1.1 * allowed[1]!)).wrong).toHaveLength(1);
    expect(compareLosses(recorded, changed(1, 1 + 0.9 * allowed[1]!)).wrong).toEqual([]);
  });

  test('that leave the band later, or become NaN, are wrong', () => {
    const { tight } = compareLosses(recorded, first);
    const all = first.length - tight;
    expect(compareLosses(recorded, changed(tight, 20, all)).wrong.length).toBeGreaterThan(0);
    expect(compareLosses(recorded, changed(tight, Number.NaN)).wrong.length).toBeGreaterThan(0);
    expect(compareLosses(recorded, changed(0, Number.NaN)).wrong.length).toBeGreaterThan(0);
  });

  test('of a run that ended early are compared as far as they go', () => {
    expect(compareLosses(recorded, first.slice(0, 2))).toMatchObject({ tight: 2, windows: 0, wrong: [] });
  });
});

test('golden cases come with the repository', () => {
  expect(existsSync(join(root, 'bench/gpu-check/reference/golden/conv2d.safetensors'))).toBe(true);
});
