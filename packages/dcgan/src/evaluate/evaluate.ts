// `evaluate` and `openEvaluator`: from images to values with their floor.

import { ConfigError, getDefaultDevice } from '@forger/tensor';
import { checkSeed } from '../data/random.ts';
import { defaultMetrics, findMetric } from './metrics/index.ts';
import { takeSample } from './sample.ts';
import type {
  EvaluatedValue,
  Evaluation,
  EvaluationOptions,
  Evaluator,
  ImageSource,
  Metric,
  MetricContext,
  MetricResult,
  Need,
  Sample,
} from './types.ts';

const COUNT = 10_000;

/** Compares generated with real images once: `openEvaluator` and one `evaluate`. */
export async function evaluate(
  generated: ImageSource,
  real: ImageSource,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const length = Math.min(options.count ?? COUNT, generated.length ?? Number.POSITIVE_INFINITY);
  const evaluator = await openEvaluator(real, { ...options, count: length });
  return evaluator.evaluate(generated);
}

/**
 * Takes features and whatever else the metrics need of the real images, and computes the floor, once.
 * @throws ConfigError for a count, seed or metric that cannot be.
 */
export async function openEvaluator(real: ImageSource, options: EvaluationOptions): Promise<Evaluator> {
  const {
    network,
    device = getDefaultDevice(),
    seed = 0,
    onProgress,
    signal,
    withoutFloor = false,
  } = options;
  checkSeed(seed);
  const notes: string[] = [];
  const count = countOf(real, options, notes);
  const metrics = (options.metrics ?? defaultMetrics(network, real.shape)).map((metric) =>
    typeof metric === 'string' ? findMetric(metric) : metric,
  );
  checkMetrics(metrics, options);
  const needs = new Set(metrics.flatMap((metric) => metric.needs));
  const context: MetricContext = { device, seed, network, signal };
  const take = (source: ImageSource, stage: string, part = 0): Promise<Sample> =>
    takeSample(source, { count, part, seed, needs, network, device, onProgress, signal, stage });

  const reals = await take(real, 'real images');
  const floorSource = withoutFloor ? undefined : floorOf(real, options, count, notes);
  let floor: Record<string, MetricResult> | undefined;
  if (floorSource) {
    const [source, part] = floorSource;
    floor = await computeAll(
      metrics,
      await take(source, 'floor', part),
      reals,
      context,
      onProgress,
      'floor: ',
    );
  }
  const shape = real.shape.join('×');
  return {
    count,
    metrics,
    network,
    evaluate: async (generated) => {
      if (generated.shape.join('×') !== shape)
        throw new ConfigError(
          `${generated.name} has images of ${generated.shape.join('×')} and ${real.name} of ${shape} (channels×height×width): open the real images with the shape of the generated ones.`,
        );
      if ((generated.length ?? count) < count)
        throw new ConfigError(
          `${generated.name} has ${generated.length} images; ${count} are to be compared.`,
        );
      const results = await computeAll(
        metrics,
        await take(generated, 'generated images'),
        reals,
        context,
        onProgress,
      );
      const { name, title, hash, size } = network;
      return {
        generated: generated.name,
        real: real.name,
        ...(floorSource && {
          floor: floorSource[1] > 0 ? `further images of ${real.name}` : floorSource[0].name,
        }),
        count,
        seed,
        network: { name, title, hash, size },
        values: Object.assign(
          {},
          ...metrics.map((metric) => valuesOf(metric, results, floor, network.titles)),
        ),
        details: Object.fromEntries(
          metrics.flatMap(({ name }) =>
            results[name]!.details === undefined ? [] : [[name, results[name]!.details]],
          ),
        ),
        notes: [...notes, ...metrics.flatMap(({ name }) => results[name]!.notes ?? [])],
      };
    },
  };
}

/** N: what was asked for, as far as the real images go. */
function countOf(real: ImageSource, { count = COUNT, floor }: EvaluationOptions, notes: string[]): number {
  if (!Number.isInteger(count) || count < 2)
    throw new ConfigError(`${count} images were to be compared; give an integer of at least 2.`);
  const most = Math.min(real.length ?? count, floor?.length ?? count);
  if (most >= count) return count;
  if (most < 2)
    throw new ConfigError(`${real.name} has ${most} images to compare with; at least 2 are needed.`);
  notes.push(`${count} images were to be compared, and there are ${most} real ones: ${most} were compared.`);
  return most;
}

/** Further real images, and which part of their source. */
function floorOf(
  real: ImageSource,
  { floor }: EvaluationOptions,
  count: number,
  notes: string[],
): readonly [ImageSource, number] | undefined {
  if (floor) {
    if (floor.shape.join('×') !== real.shape.join('×'))
      throw new ConfigError(
        `The floor's images are of ${floor.shape.join('×')} and the real ones of ${real.shape.join('×')}: open both alike.`,
      );
    return [floor, 0];
  }
  if ((real.length ?? 0) >= 2 * count) return [real, 1];
  notes.push(
    `There is no floor: ${real.name} has no ${count} further images. Compare fewer images, or give further real ones.`,
  );
  return undefined;
}

function checkMetrics(metrics: readonly Metric[], { network }: EvaluationOptions): void {
  if (metrics.length === 0) throw new ConfigError('No metric was asked for; name at least one.');
  const names = metrics.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new ConfigError(`The metric '${twice}' was asked for twice; name each once.`);
  const classifying: Need[] = ['probabilities', 'channelClasses'];
  const unfit = metrics.find(
    ({ needs }) => !network.classes && needs.some((need) => classifying.includes(need)),
  );
  if (unfit)
    throw new ConfigError(
      `The metric '${unfit.name}' needs a classifier, and ${network.name} is none: leave it out, or use a classifier of such images.`,
    );
}

async function computeAll(
  metrics: readonly Metric[],
  generated: Sample,
  real: Sample,
  context: MetricContext,
  onProgress: EvaluationOptions['onProgress'],
  prefix = '',
): Promise<Record<string, MetricResult>> {
  const results: Record<string, MetricResult> = {};
  for (const metric of metrics) {
    context.signal?.throwIfAborted();
    const told = (fraction: number): void =>
      onProgress?.({ stage: `${prefix}${metric.name}`, done: fraction, total: 1 });
    told(0);
    results[metric.name] = await metric.compute(generated, real, { ...context, onProgress: told });
    told(1);
  }
  return results;
}

function valuesOf(
  { name: metric, values: specs }: Metric,
  results: Readonly<Record<string, MetricResult>>,
  floors: Readonly<Record<string, MetricResult>> | undefined,
  titles: Readonly<Record<string, string>> = {},
): Record<string, EvaluatedValue> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const value = results[metric]!.values[name]!;
      const floor = floors?.[metric]?.values[name];
      return [
        name,
        {
          ...spec,
          ...(titles[name] !== undefined && { title: titles[name] }),
          ...value,
          metric,
          ...(floor && { floor: floor.value }),
          ...(floor?.standardError !== undefined && { floorStandardError: floor.standardError }),
        },
      ];
    }),
  );
}

/** How far a value is from the best that it can be, so that less is better: what the best checkpoint has least of. */
export function distanceFromBest(value: EvaluatedValue): number {
  const { ideal, better, floor } = value;
  const target = ideal === 'floor' ? floor : ideal;
  if (target !== undefined) return Math.abs(value.value - target);
  return better === 'smaller' ? value.value : -value.value;
}
