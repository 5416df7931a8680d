// The three reports of a run, made from what its folder holds: samples.gif, losses.svg and report.html.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { writeAtomic } from '../atomic-file.ts';
import { duration } from '../duration.ts';
import type { MetricsLine } from '../train/metrics-log.ts';
import type { ReportPaths } from '../train/reporter.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { thin, writeGif } from './gif.ts';
import { reportHtml } from './html.ts';
import { lossesSvg } from './losses.ts';

const GRIDS_IN_PAGE = 6;

/**
 * Writes samples.gif (once there is a sample grid), losses.svg and report.html into the run folder.
 * @param facts further named values for the page, such as the device and the versions.
 * @returns their paths. @throws ConfigError when one cannot be written.
 */
export async function writeReports(
  run: RunFolder,
  facts: readonly (readonly [name: string, value: string])[] = [],
): Promise<ReportPaths> {
  const title = basename(resolve(run.dir));
  const metrics = run.readMetrics();
  const samples = await run.samples();
  const svg = lossesSvg(metrics, title);
  const losses = run.path('losses.svg');
  const html = run.path('report.html');
  const gif = run.path('samples.gif');

  await writeAtomic(losses, svg);
  if (samples.length > 0) {
    const frames = samples.map(({ path }) => path);
    await writeGif(gif, frames);
  }
  const page = reportHtml({
    title,
    summary: summaryLine(metrics),
    samples: await Promise.all(
      thin(samples, GRIDS_IN_PAGE).map(async ({ step, path }) => ({
        caption: `step ${step.toLocaleString('en')}`,
        png: await readFile(path),
      })),
    ),
    lossesSvg: svg,
    tables: [
      { heading: 'Settings', rows: Object.entries(run.config).map(([name, value]) => [name, String(value)]) },
      { heading: 'Timings', rows: timings(metrics, run.config.batchSize) },
      ...(facts.length > 0 ? [{ heading: 'Made with', rows: facts }] : []),
    ],
  });
  await writeAtomic(html, page);
  return { ...(samples.length > 0 && { gif }), losses, html };
}

function summaryLine(metrics: readonly MetricsLine[]): string {
  const last = metrics.at(-1);
  if (last === undefined) return 'No training step was made.';
  return (
    `${last.step.toLocaleString('en')} steps, ${last.epoch} ${last.epoch === 1 ? 'epoch' : 'epochs'}; ` +
    `at the end loss D ${last.lossD.toFixed(3)}, loss G ${last.lossG.toFixed(3)}, ` +
    `D(x) ${last.dReal.toFixed(2)}, D(G(z)) ${last.dFake.toFixed(2)}.`
  );
}

function timings(metrics: readonly MetricsLine[], batchSize: number): [string, string][] {
  const last = metrics.at(-1);
  if (last === undefined) return [];
  return [
    ['training time', duration(last.seconds)],
    ['steps', last.step.toLocaleString('en')],
    ['mean time of a step', `${((1000 * last.seconds) / last.step).toFixed(1)} ms`],
    ['mean pictures per second', ((last.step * batchSize) / last.seconds).toFixed(0)],
  ];
}
