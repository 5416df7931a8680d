// The three reports of a run, made from what its folder holds: samples.gif, losses.svg and report.html.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { type AnyTask, metricSpec } from '@forger/dcgan';
import { GAN_METRICS } from '@forger/dcgan/internal';
import { writeAtomic } from '../atomic-file.ts';
import { duration } from '../duration.ts';
import { findValue, withError, written } from '../evaluate/values.ts';
import { findingsOf, findingText } from '../info/findings.ts';
import { bestOf } from '../train/best.ts';
import type { TrainConfig } from '../train/config.ts';
import type { EvaluationLine } from '../train/found-lines.ts';
import type { MetricsLine } from '../train/metrics-log.ts';
import type { BestCheckpoint, ReportPaths } from '../train/reporter.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { decodeGrid, thin, writeGif } from './gif.ts';
import { reportHtml } from './html.ts';
import { lossesSvg } from './losses.ts';

const GRIDS_IN_PAGE = 6;

/**
 * Writes samples.gif (once there is a sample grid), losses.svg and report.html into the run folder.
 * @param facts further named values for the page, such as the device and the versions.
 * @param task for the names of its metrics; those of GANs unless given.
 * @returns their paths. @throws ConfigError when one cannot be written.
 */
export async function writeReports(
  run: RunFolder,
  facts: readonly (readonly [name: string, value: string])[] = [],
  task: Pick<AnyTask, 'metrics'> = { metrics: GAN_METRICS },
): Promise<ReportPaths> {
  const title = basename(resolve(run.dir));
  const metrics = run.readMetrics();
  const samples = await run.samples();
  const evaluations = run.evaluations.read();
  const best = await bestOf(run);
  const findings = findingsOf(run.diagnosis.read(), metrics, task);
  const svg = lossesSvg(metrics, title, task, evaluations);
  const losses = run.path('losses.svg');
  const html = run.path('report.html');
  const gif = run.path('samples.gif');

  await writeAtomic(losses, svg);
  const frames = await writeGif(
    gif,
    samples.map(({ path }) => path),
  );
  const grids: { caption: string; png: Uint8Array }[] = [];
  for (const { step, path } of thin(samples, GRIDS_IN_PAGE)) {
    // One that is damaged would be an empty frame in the page.
    if (await decodeGrid(path))
      grids.push({ caption: `step ${step.toLocaleString('en')}`, png: await readFile(path) });
  }
  const real = (await decodeGrid(run.realPath)) && {
    caption: 'training images',
    png: await readFile(run.realPath),
  };
  const page = reportHtml({
    title,
    summary: summaryLine(metrics, task),
    samples: grids,
    real,
    findings: findings.map((finding) => ({ title: finding.title, text: findingText(finding) })),
    lossesSvg: svg,
    tables: [
      ...evaluationTables(evaluations, best),
      { heading: 'Settings', rows: settings(run.config) },
      { heading: 'Timings', rows: timings(metrics, run.config.batchSize) },
      ...(facts.length > 0 ? [{ heading: 'Made with', rows: facts }] : []),
    ],
  });
  await writeAtomic(html, page);
  return { ...(frames > 0 && { gif }), losses, html };
}

/** The last evaluation, and the best checkpoint. */
function evaluationTables(
  evaluations: readonly EvaluationLine[],
  best: BestCheckpoint | undefined,
): { heading: string; rows: [string, string][] }[] {
  const last = evaluations.at(-1);
  if (!last) return [];
  const { step, values, count, network, seed, average } = last;
  const rows: [string, string][] = Object.values(values).map((value) => [
    value.title,
    `${withError(value)}${value.floor === undefined ? '' : `; real images ${written(value.floor, value.digits)}`}`,
  ]);
  return [
    {
      heading: `Evaluation at step ${step.toLocaleString('en')}`,
      rows: [
        ...rows,
        ['images on each side', count.toLocaleString('en')],
        ['features of', `${network.title} (${network.name}, ${network.hash})`],
        ['seed', String(seed)],
        ...(average === undefined ? [] : [['weights', average] satisfies [string, string]]),
        ...(best
          ? [
              [
                'best checkpoint',
                `step ${best.step.toLocaleString('en')}, ${best.title} ${written(best.value, findValue(best.name).spec.digits)}: ${basename(best.path)}`,
              ] satisfies [string, string],
            ]
          : []),
      ],
    },
  ];
}

/** The settings as rows; the kernels that were chosen, which are many, are in config.json. */
function settings({ kernels: _, ...config }: TrainConfig): [string, string][] {
  return Object.entries(config).map(([name, value]) => [name, String(value)]);
}

function summaryLine(metrics: readonly MetricsLine[], task: Pick<AnyTask, 'metrics'>): string {
  const last = metrics.at(-1);
  if (last === undefined) return 'No training step was made.';
  const values = Object.entries(last.metrics).map(([name, value]) => {
    const { label, digits } = metricSpec(task, name);
    return `${label} ${value.toFixed(digits)}`;
  });
  const epochs = `${last.epoch} ${last.epoch === 1 ? 'epoch' : 'epochs'}`;
  return `${last.step.toLocaleString('en')} steps, ${epochs}; at the end ${values.join(', ')}.`;
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
