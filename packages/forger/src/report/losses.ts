// losses.svg: the metrics of a run over its steps, a panel for each kind: of a GAN the two losses, below them the
// discriminator's outputs, and below these what evaluations gave.

import { type AnyTask, metricSpec } from '@forger/dcgan';
import { GAN_METRICS } from '@forger/dcgan/internal';
import { type ScaleLinear, scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { writeAtomic } from '../atomic-file.ts';
import { written } from '../evaluate/values.ts';
import type { EvaluationLine } from '../train/found-lines.ts';
import type { MetricsLine } from '../train/metrics-log.ts';
import { escapeMarkup } from './escape.ts';

type Point = readonly [x: number, y: number];
type Scale = ScaleLinear<number, number>;

interface Series {
  label: string;
  colour: string;
  points: Point[];
  /** Few points, each drawn as it is. */
  exact?: boolean;
  /** What real images give. */
  floor?: number | undefined;
}

interface Panel {
  title: string;
  top: number;
  height: number;
  domain: [number, number];
  series: Series[];
}

const WIDTH = 860;
/** Heights of the first panel and of those below it, and what lies between two. */
const FIRST_HEIGHT = 270;
const FURTHER_HEIGHT = 150;
const TOP = 64;
const BETWEEN = 58;
const LEFT = 56;
const RIGHT = 116;
// Tones that can be told apart on white and on near-black, since the background is left to the page.
const COLOURS = ['#3d8bd4', '#e07b22', '#3f9e5a', '#b65bc4', '#c9a227', '#d05a6e'];
const INK = '#7d7d7d';
/** A metric that is named by data could have any number of panels. */
const MOST_PANELS = 12;
const BUCKETS = 700; // about one per pixel across
const LABEL_GAP = 16;
/** What is beyond this, or no number, is not drawn; sums of a long run's values below it stay numbers. */
const MOST = 1e100;

/** Values that have a panel of their own: as many metrics as are worth a look. */
const MOST_EVALUATED = 4;

/**
 * The losses and D's outputs of a run as an SVG drawing: thin lines for each step, thick ones for a moving
 * mean. Values of evaluations are points, with a broken line for what real images give.
 * @param title a name to put on top, such as the run folder's.
 */
export function lossesSvg(
  metrics: readonly MetricsLine[],
  title: string,
  task: Pick<AnyTask, 'metrics'> = { metrics: GAN_METRICS },
  evaluations: readonly EvaluationLine[] = [],
): string {
  const panels = placed([...panelsOf(metrics, task), ...evaluationPanels(evaluations)]);
  const height = panels.length === 0 ? 120 : panels.at(-1)!.top + panels.at(-1)!.height + BETWEEN;
  const x = stepScale(Math.max(metrics.at(-1)?.step ?? 1, evaluations.at(-1)?.step ?? 1));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
      `font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="${INK}">`,
    `<title>Losses of ${escapeMarkup(title)}</title>`,
    `<text x="${LEFT}" y="26" font-size="16" font-weight="600">${escapeMarkup(title)}</text>`,
    ...panels.map((panel, index) => drawPanel(panel, x, `panel-${index}`)),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${height - 12}" text-anchor="middle">training step</text>`,
    '</svg>\n',
  ].join('\n');
}

/** Panels one below the other, the first the largest. */
function placed(panels: readonly Omit<Panel, 'top' | 'height'>[]): Panel[] {
  let top = TOP;
  return panels.map((panel, place) => {
    const height = place === 0 ? FIRST_HEIGHT : FURTHER_HEIGHT;
    const whole = { ...panel, top, height };
    top += height + BETWEEN;
    return whole;
  });
}

/** The main value of each metric of the evaluations. */
function evaluationPanels(evaluations: readonly EvaluationLine[]): Omit<Panel, 'top' | 'height'>[] {
  const last = evaluations.at(-1);
  if (!last) return [];
  const values = Object.entries(last.values);
  const main = values.filter(([, { metric }], i) => values.findIndex(([, v]) => v.metric === metric) === i);
  return main.slice(0, MOST_EVALUATED).map(([name, { title, floor }]) => {
    const points = evaluations
      .map(({ step, values }) => [step, values[name]?.value ?? Number.NaN] as const)
      .filter(([, y]) => Math.abs(y) < MOST);
    const series = [{ label: name, colour: COLOURS[2]!, points, exact: true, floor }];
    const of = `${last.count.toLocaleString('en')} images, ${last.network.name}`;
    return {
      title: `${title} (${of}${floor === undefined ? '' : '; broken line: real images'})`,
      domain: frame(series, floor ?? 0),
      series,
    };
  });
}

/** The task's metrics by panel, in the order in which they are logged. */
function panelsOf(
  metrics: readonly MetricsLine[],
  task: Pick<AnyTask, 'metrics'>,
): Omit<Panel, 'top' | 'height'>[] {
  const measured = metrics.flatMap((line) => Object.keys(line.metrics));
  const names = [...new Set([...Object.keys(task.metrics ?? {}), ...measured])];
  const specs = names.map((name) => ({ name, ...metricSpec(task, name) }));
  const titles = [...new Set(specs.map(({ panel }) => panel))].slice(0, MOST_PANELS);
  return titles.map((title) => {
    const own = specs.filter(({ panel }) => panel === title).slice(0, COLOURS.length);
    const series = own.map(
      ({ name, label }, i): Series => ({
        label,
        colour: COLOURS[i]!,
        points: metrics
          .map((m) => [m.step, m.metrics[name] ?? Number.NaN] as const)
          .filter(([, y]) => Math.abs(y) < MOST),
      }),
    );
    return { title, domain: frame(series, Math.max(...own.map(({ least }) => least))), series };
  });
}

/** Writes `lossesSvg`, whole or not at all. */
export async function writeLosses(
  path: string,
  metrics: readonly MetricsLine[],
  title: string,
): Promise<void> {
  await writeAtomic(path, lossesSvg(metrics, title));
}

/** Mean of each value with its neighbours up to `reach` away on either side, as far as there are any. */
export function movingMean(points: readonly Point[], reach: number): Point[] {
  const sums = [0];
  for (const [, y] of points) sums.push(sums.at(-1)! + y);
  return points.map(([x], i) => {
    const from = Math.max(0, i - reach);
    const to = Math.min(points.length, i + reach + 1);
    return [x, (sums[to]! - sums[from]!) / (to - from)];
  });
}

function stepScale(last: number): Scale {
  return scaleLinear([0, Math.max(last, 1)], [LEFT, WIDTH - RIGHT]);
}

// From 0, or below it where losses or scores are negative, to `least` or more. A few wild steps, as at the start of
// training, would flatten all others: 1 in 200 may lie beyond the frame on either side.
function frame(all: readonly Series[], least: number): [number, number] {
  const values = all.flatMap(({ points }) => points.map(([, y]) => y)).sort((a, b) => a - b);
  const low = values[Math.floor((values.length - 1) * 0.005)] ?? 0;
  const high = values[Math.ceil((values.length - 1) * 0.995)] ?? 1;
  return [Math.min(low * 1.08, 0), high > least ? high * 1.08 : Math.max(least, 1e-6)];
}

function drawPanel(panel: Panel, x: Scale, id: string): string {
  const { title, top, height, series, domain } = panel;
  const bottom = top + height;
  const right = WIDTH - RIGHT;
  const y = scaleLinear(domain, [bottom, top]);
  const above = series.flatMap(({ points }) => points.filter(([, value]) => value > domain[1]));
  const peak = above.reduce((most, [, value]) => Math.max(most, value), 0);
  const remark = above.length > 0 ? ` (a few above the frame, up to ${peak.toPrecision(3)})` : '';
  return [
    `<text x="${LEFT}" y="${top - 10}">${escapeMarkup(title)}${remark}</text>`,
    ...y.ticks(5).map((tick) => {
      const at = y(tick).toFixed(1);
      return (
        `<path d="M${LEFT} ${at}H${right}" stroke="${INK}" stroke-opacity=".25"/>` +
        `<text x="${LEFT - 8}" y="${at}" dy=".35em" text-anchor="end">${y.tickFormat(5)(tick)}</text>`
      );
    }),
    ...x
      .ticks(8)
      .filter(Number.isInteger)
      .map((tick) => {
        const at = x(tick).toFixed(1);
        return (
          `<path d="M${at} ${bottom}v5" stroke="${INK}"/>` +
          `<text x="${at}" y="${bottom + 19}" text-anchor="middle">${tick.toLocaleString('en')}</text>`
        );
      }),
    `<path d="M${LEFT} ${top}V${bottom}H${right}" fill="none" stroke="${INK}"/>`,
    `<clipPath id="${id}"><rect x="${LEFT}" y="${top}" width="${right - LEFT}" height="${height}"/></clipPath>`,
    `<g clip-path="url(#${id})" fill="none" stroke-linejoin="round" stroke-linecap="round">`,
    ...series
      .filter(({ exact }) => !exact)
      .map((s) => drawPath(envelope(s.points), x, y, `stroke="${s.colour}" stroke-opacity=".35"`)),
    ...series.map((s) =>
      drawPath(every(smooth(s), BUCKETS), x, y, `stroke="${s.colour}" stroke-width="2.2"`),
    ),
    ...series.filter(({ exact }) => exact).flatMap((s) => drawPoints(s, x, y)),
    '</g>',
    ...endLabels(series, y, top, bottom),
  ].join('\n');
}

function smooth({ points, exact = false }: Series): Point[] {
  return exact ? points : movingMean(points, Math.ceil(points.length / 40));
}

/** A mark for each value, and the floor. */
function drawPoints({ points, colour, floor }: Series, x: Scale, y: Scale): string[] {
  const marks = every(points, BUCKETS).map(
    ([step, value]) =>
      `<circle cx="${x(step).toFixed(1)}" cy="${y(value).toFixed(1)}" r="2.5" fill="${colour}"/>`,
  );
  if (floor === undefined) return marks;
  const at = y(floor).toFixed(1);
  return [...marks, `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${INK}" stroke-dasharray="5 4"/>`];
}

function drawPath(points: readonly Point[], x: Scale, y: Scale, style: string): string {
  const path = line<Point>(
    (point) => x(point[0]),
    (point) => y(point[1]),
  ).digits(1)(points as Point[]);
  return path === null ? '' : `<path d="${path}" ${style}/>`;
}

// Long runs have more steps than the drawing has pixels: keep each bucket's lowest and highest value, in order.
function envelope(points: readonly Point[]): readonly Point[] {
  if (points.length <= 2 * BUCKETS) return points;
  const size = Math.ceil(points.length / BUCKETS);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const bucket = points.slice(start, start + size).sort((a, b) => a[1] - b[1]);
    kept.push(...[bucket[0]!, bucket.at(-1)!].sort((a, b) => a[0] - b[0]));
  }
  return kept;
}

function every(points: readonly Point[], most: number): readonly Point[] {
  const stride = Math.ceil(points.length / most);
  return points.filter((_, index) => index % stride === 0 || index === points.length - 1);
}

// Each line is named at its right end with its last smoothed value; names that would touch are moved apart.
function endLabels(series: readonly Series[], y: Scale, top: number, bottom: number): string[] {
  const labels = series
    .filter(({ points }) => points.length > 0)
    .map((s) => ({ ...s, value: smooth(s).at(-1)![1] }))
    .map((s) => ({ ...s, at: Math.min(Math.max(y(s.value), top), bottom) }))
    .sort((a, b) => a.at - b.at);
  for (let i = 1; i < labels.length; i++) {
    labels[i]!.at = Math.max(labels[i]!.at, labels[i - 1]!.at + LABEL_GAP);
  }
  const overflow = Math.max(0, (labels.at(-1)?.at ?? 0) - bottom);
  return labels.map(
    ({ label, value, colour, at, exact }) =>
      `<text x="${WIDTH - RIGHT + 8}" y="${(at - overflow).toFixed(1)}" dy=".35em" fill="${colour}" ` +
      `font-weight="600">${escapeMarkup(label)} ${exact ? written(value) : value.toFixed(2)}</text>`,
  );
}
