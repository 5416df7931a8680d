// What each metric makes of real images that are spoilt in known ways, and how long an evaluation takes. The
// floor is what further real images give; the metrics' papers say how each disturbance should move them
// (docs/evaluation.md).

import {
  classifierNetwork,
  datasetImages,
  defaultMetrics,
  type EvaluationProgress,
  type ImageSource,
  openEvaluator,
} from '@forger/dcgan';
import { CLASSIFIER_NAMES, loadClassifier } from '@forger/dcgan/classifiers';
import { blurred, noisy, repeated, withoutClasses } from '../packages/dcgan/test/evaluate/disturbances.ts';
import { SPECS } from '../scripts/classifiers/data.ts';
import { type BenchContext, type Benchmark, row, UsageError } from './benchmark.ts';

/** Missing in one of the sets. */
const CLASS = 3;

/** Seconds by stage, from the evaluator's progress. */
class Stages {
  readonly seconds: Record<string, number> = {};
  #stage: string | undefined;
  #start = performance.now();

  readonly onProgress = ({ stage }: EvaluationProgress): void => this.enter(stage);

  enter(stage: string | undefined): void {
    if (stage === this.#stage) return;
    const now = performance.now();
    if (this.#stage !== undefined)
      this.seconds[this.#stage] = (this.seconds[this.#stage] ?? 0) + (now - this.#start) / 1000;
    this.#stage = stage;
    this.#start = now;
  }
}

async function run(context: BenchContext): Promise<object> {
  const name = context.text('set');
  const spec = SPECS.find((candidate) => candidate.name === name);
  if (!spec) throw new UsageError(`There is no set ${name}; give one of ${CLASSIFIER_NAMES.join(', ')}.`);
  const device = await context.device();
  const { train, test } = await spec.open(context.text('data'));
  const classifier = await loadClassifier(name);
  const network = await classifierNetwork(classifier, { device });
  const count = context.whole('count');
  const stages = new Stages();
  // Real images: some of the training set; the floor: the test set's; what is spoilt: others of the training set.
  const real = datasetImages(train);
  const further = others(real);
  const metrics =
    context.text('metrics') === 'all'
      ? defaultMetrics(network, real.shape)
      : context.text('metrics').split(',');
  const options = { device, network, count, metrics, onProgress: stages.onProgress };
  const evaluator = await openEvaluator(real, { ...options, floor: datasetImages(test) });
  stages.enter(undefined);
  const opened = Object.entries(stages.seconds).reduce((sum, [, seconds]) => sum + seconds, 0);
  const sets = {
    'further images': further,
    'noise 20': noisy(further, 20),
    'noise 60': noisy(further, 60),
    'blur 1': blurred(further, 1),
    'one image': repeated(further),
    'a class missing': withoutClasses(further, (i) => train.fields.label!.read(i), [CLASS]),
    copies: real,
  };
  const chosen = context.whole('sets');
  const results: Record<string, Record<string, number>> = {};
  const seconds: Record<string, Record<string, number>> = {};
  let floors: Record<string, number | undefined> = {};
  for (const [set, source] of Object.entries(sets).slice(0, chosen)) {
    const before = { ...stages.seconds };
    const start = performance.now();
    const { values } = await evaluator.evaluate(source);
    stages.enter(undefined);
    const spent = Object.entries(stages.seconds).map(
      ([stage, s]) => [stage, s - (before[stage] ?? 0)] as const,
    );
    seconds[set] = {
      all: (performance.now() - start) / 1000,
      ...Object.fromEntries(spent.filter(([, s]) => s > 0)),
    };
    context.print(`${set}: ${seconds[set]!.all!.toFixed(1)} s`);
    results[set] = Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));
    floors = Object.fromEntries(Object.entries(values).map(([key, { floor }]) => [key, floor]));
  }
  const names = Object.keys(results);
  const widths = [22, -10, ...names.map((set) => -Math.max(10, set.length + 1))];
  context.print(`${name}: ${count} images, features of ${network.title}, ${network.hash}`);
  context.print(row(widths, ['', 'floor', ...names]));
  const shown = (value: number | undefined): string => (value === undefined ? '' : value.toPrecision(4));
  for (const key of Object.keys(floors))
    context.print(row(widths, [key, shown(floors[key]), ...names.map((set) => shown(results[set]![key]))]));
  context.print(`Seconds: ${opened.toFixed(1)} for the real images and the floor, then for each set`);
  for (const [set, times] of Object.entries(seconds))
    context.print(
      `  ${set}: ${Object.entries(times)
        .map(([stage, s]) => `${stage} ${s.toFixed(1)}`)
        .join(', ')}`,
    );
  network.dispose();
  return { name, count, network: network.hash, floors, results, opened, seconds };
}

/** Images of a source that share none with those it gives by itself. */
function others(source: ImageSource): ImageSource {
  return {
    ...source,
    batches: (count, seed, part = 0) => source.batches(count, seed, part + 1),
    indices: (count, seed, part = 0) => source.indices!(count, seed, part + 1),
  };
}

export const evaluation: Benchmark = {
  name: 'evaluation',
  summary: 'what metrics make of spoilt images, and the time of an evaluation',
  options: {
    set: { default: 'glyphs', help: 'mnist, fashion-mnist or glyphs' },
    data: { default: 'data', help: 'folder with mnist/ and fashion-mnist/' },
    count: { default: '2000', help: 'images compared' },
    metrics: { default: 'all', help: 'names, joined by commas' },
    sets: { default: '7', help: 'how many of the sets, from the first' },
  },
  label: (context) => `${context.text('set')}-${context.text('count')}`,
  run,
};
