// A run goes on wherever its data are now: the same bytes from a folder that was renamed, or copied with the
// run; and what was changed on resuming is in its record.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunFolder, sample, type TrainConfig } from '@forger/cli';
import { beforeAll, describe, expect, test } from 'vitest';
import { resumeConfig } from '../../src/train/config.ts';
import { emptyFolder } from '../cli/folders.ts';
import { sharp } from '../report/pictures.ts';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

/** A folder of noise, different for each seed. */
async function pictures(folder: string, count: number, seed = 1): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < count; n++) {
    const raw = Buffer.from(Uint8Array.from({ length: 3 * 256 }, (_, i) => (i * (n + 3) * (seed + 4)) % 251));
    const file = sharp(raw, { raw: { width: 16, height: 16, channels: 3 } }).png();
    writeFileSync(join(folder, `${n}.png`), await file.toBuffer());
  }
  return folder;
}

const record = (dir: string): TrainConfig => JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'));
/** What was noted, the reading of pictures aside. */
const said = ({ notes }: { notes: string[] }) => notes.filter((note) => !note.startsWith('Reading '));

let home: string;
let settings: TrainConfig;
let half: string;
let straight: Buffer;

beforeAll(async () => {
  home = emptyFolder();
  const data = await pictures(join(home, 'photos'), 20);
  settings = { ...tiny, data, batchSize: 4 };
  const run = await runTraining({ ...settings, steps: 3 });
  half = join(home, 'runs', 'half');
  cpSync(run.dir, half, { recursive: true });
  // As it would be had it been made there.
  const config = { ...record(half), fromRun: { data: '../../photos' } };
  writeFileSync(join(half, 'config.json'), JSON.stringify(config));
  straight = checkpointBytes((await runTraining(settings)).dir, 6);
});

/** All of it under another path: the run and the photos. */
function copied(): { home: string; run: string } {
  const to = join(emptyFolder(), 'moved');
  cpSync(home, to, { recursive: true });
  return { home: to, run: join(to, 'runs', 'half') };
}

test('a new run says where its data are from its own folder', () => {
  expect(record(half)).toMatchObject({ data: join(home, 'photos'), fromRun: { data: '../../photos' } });
});

describe('the same bytes', () => {
  test('from a folder of another name, told by --data', async () => {
    const { home, run } = copied();
    const data = join(home, 'renamed');
    renameSync(join(home, 'photos'), data);
    const { told } = await runTraining(resumeConfig(settings, { data }, run), { resume: run });
    expect(checkpointBytes(run, 6).equals(straight)).toBe(true);
    expect(said(told)).toEqual([]);
    expect(record(run)).toMatchObject({ data, fromRun: { data: '../../renamed' } });
    expect(record(run)).not.toHaveProperty('changes');
  });

  test('from a copy of run and data elsewhere, told by nobody', async () => {
    const { home: there, run } = copied();
    const gone = { ...settings, data: join(there, 'never', 'photos') };
    const config: TrainConfig = { ...gone, fromRun: { data: '../../photos' } };
    const { told } = await runTraining(config, { resume: run });
    expect(checkpointBytes(run, 6).equals(straight)).toBe(true);
    expect(said(told)).toEqual([`${gone.data} is not there any more; ${join(there, 'photos')} is taken.`]);
    expect(record(run).data).toBe(join(there, 'photos'));
  });

  test('from an archive of the folder', async () => {
    const { home, run } = copied();
    const { zip } = await import('../weights/builders.ts');
    const names = readdirSync(join(home, 'photos')).sort();
    const members = names.map((name) => ({ name, bytes: readFileSync(join(home, 'photos', name)) }));
    const data = join(home, 'photos.zip');
    writeFileSync(data, zip(members));
    await runTraining({ ...settings, data }, { resume: run });
    expect(checkpointBytes(run, 6).equals(straight)).toBe(true);
  });
});

test('data that are nowhere: where they were looked for, and how to say the new place', async () => {
  const { home, run } = copied();
  const config = { ...settings, data: '/gone/photos', fromRun: { data: '../elsewhere' } };
  await expect(runTraining(config, { resume: run })).rejects.toThrow(
    `${run}: the run's data are neither at /gone/photos nor at ${join(home, 'runs', 'elsewhere')}: say where they are now, with --resume ${run} --data PATH.`,
  );
});

describe('other data', () => {
  test('are refused when nobody named them, and go on as a recorded change when they were', async () => {
    const { home, run } = copied();
    const data = await pictures(join(home, 'others'), 12, 9);
    const other = { ...settings, data };
    await expect(runTraining(other, { resume: run })).rejects.toThrow(
      `${run} was trained on other pictures than ${data} holds now: say where the old ones are with --data, or name these with it`,
    );
    const { told, summary } = await runTraining({ ...other, steps: 5 }, { resume: run, dataNamed: true });
    expect(summary.step).toBe(5);
    expect(said(told)).toEqual([
      `From step 3 on the data are other ones: ${data}, with another fingerprint than ${settings.data} had. config.json records it under changes.`,
    ]);
    expect(record(run).changes).toEqual([
      { step: 3, setting: 'data', from: settings.data, to: data, fingerprint: expect.any(String) },
    ]);
    // From then on they are the run's.
    const on = await runTraining({ ...record(run), steps: 6 }, { resume: run });
    expect(said(on.told)).toEqual([]);
    expect(record(run).changes).toHaveLength(1);
  });
});

describe('another learning rate or batch size', () => {
  test('is recorded with its step, and the same again gives the same bytes', async () => {
    const [one, two] = [copied().run, copied().run];
    const config = resumeConfig({ ...settings }, { lr: 1e-4, batchSize: 8 }, one);
    const { told } = await runTraining(config, { resume: one });
    expect(said(told)).toEqual([
      'From step 3 on batchSize is 8, and was 4. config.json records it under changes.',
      'From step 3 on lr is 0.0001, and was 0.0002. config.json records it under changes.',
    ]);
    const changes = [
      { step: 3, setting: 'batchSize', from: 4, to: 8 },
      { step: 3, setting: 'lr', from: 2e-4, to: 1e-4 },
    ];
    expect(record(one).changes).toEqual(changes);
    expect(checkpointBytes(one, 6).equals(straight)).toBe(false);
    // Stopped at once, before any further checkpoint, and gone on with what config.json says.
    await runTraining({ ...config, steps: 4 }, { resume: two });
    await runTraining({ ...record(two), steps: 6 }, { resume: two });
    expect(checkpointBytes(two, 6).equals(checkpointBytes(one, 6))).toBe(true);
    expect(record(two).changes).toEqual(changes);
  });

  test('epochs are counted in the data, whatever the batches were before', async () => {
    const { run } = copied();
    const { steps: _, ...rest } = settings;
    // 20 pictures: 12 of the first epoch are gone after 3 steps of 4; a batch of 8 is left, and then 2 of each epoch.
    const { summary } = await runTraining({ ...rest, epochs: 2, batchSize: 8 }, { resume: run });
    expect(summary.step).toBe(3 + 1 + 2);
  });
});

test("a recipe's own file may move", async () => {
  const folder = emptyFolder();
  const text = `import { gan, recipes } from '@forger/dcgan';\nexport default gan({ ...recipes.quick.gan, name: 'own' });\n`;
  const recipe = join(folder, 'own.ts');
  writeFileSync(recipe, text);
  const own = { ...settings, recipe };
  const whole = await runTraining(own);
  const { dir } = await runTraining({ ...own, steps: 3 });
  const moved = join(folder, 'renamed.ts');
  renameSync(recipe, moved);
  await expect(runTraining(own, { resume: dir })).rejects.toThrow("the run's recipe is not at");
  expect(existsSync(moved)).toBe(true);
  await runTraining(resumeConfig(own, { recipe: moved }, dir), { resume: dir });
  expect(checkpointBytes(dir, 6).equals(checkpointBytes(whole.dir, 6))).toBe(true);
  // Another copy of both: the file is found from the run.
  const there = emptyFolder();
  cpSync(dir, join(there, 'run'), { recursive: true });
  cpSync(moved, join(there, 'own.ts'));
  const config = { ...record(dir), recipe: join(there, 'gone.ts'), fromRun: { recipe: '../own.ts' } };
  writeFileSync(join(there, 'run', 'config.json'), JSON.stringify(config));
  const run = await RunFolder.read(join(there, 'run'));
  expect(run.config.recipe).toBe(join(there, 'gone.ts'));
  const drawn = await sample(join(there, 'run'), { count: 1, seed: 0, out: join(there, 'x.png') });
  expect(existsSync(drawn.path)).toBe(true);
});
