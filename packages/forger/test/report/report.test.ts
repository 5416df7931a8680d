// The three reports of a run, made from a real run folder with a hostile name.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGrid } from '../../src/report/grid.ts';
import { writeReports } from '../../src/report/report.ts';
import { RunFolder } from '../../src/train/run-folder.ts';
import { emptyFolder } from '../cli/folders.ts';
import { config, metrics } from '../cli/settings.ts';
import { sharp } from './pictures.ts';

test('a run gets its animation, its losses and its page', async () => {
  const run = await RunFolder.create(config, { out: join(emptyFolder(), '<script>&') });
  for (let step = 1; step <= 80; step++) run.appendMetrics(metrics(step));
  for (let step = 0; step <= 80; step += 10) {
    const grid = { count: 4, channels: 1, height: 8, width: 8, range: [0, 80] as const };
    await writeGrid(run.samplePath(step), new Float32Array(256).fill(step), grid);
  }
  const { gif, losses, html } = await writeReports(run, [['device', '<b>llvmpipe</b>']]);
  run.close();

  expect([gif, losses, html]).toEqual(
    ['samples.gif', 'losses.svg', 'report.html'].map((name) => run.path(name)),
  );
  expect((await sharp(gif!, { animated: true }).metadata()).pages).toBe(9);
  expect((await sharp(losses).metadata()).format).toBe('svg');
  const page = readFileSync(html, 'utf8');
  expect(page).not.toMatch(/<script|<b>/);
  const captions = [...page.matchAll(/<figcaption>step (\d+)<\/figcaption>/g)].map((match) =>
    Number(match[1]),
  );
  expect(captions).toHaveLength(6);
  expect([captions[0], captions[5]]).toEqual([0, 80]);
  const first = readFileSync(run.samplePath(0)).toString('base64');
  expect(page).toContain(`data:image/png;base64,${first}`);
  for (const text of ['80 steps', 'batchSize', '100.0 ms', '<svg ', '&lt;b&gt;llvmpipe'])
    expect(page).toContain(text);
});

test('a run that was stopped before its first step gets a page that says so', async () => {
  const run = await RunFolder.create(config, { out: join(emptyFolder(), 'run') });
  const { gif, html } = await writeReports(run);
  run.close();
  expect(gif).toBeUndefined();
  expect(readFileSync(html, 'utf8')).toContain('No training step was made.');
});
