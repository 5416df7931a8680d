// Evaluation while training, as a hook: every so many steps the generator's images are compared with the data's, on a
// random stream of their own, so that the run makes the same steps with and without it.

import {
  type Best,
  type Dataset,
  datasetImages,
  type EvaluationProgress,
  type Evaluator,
  evaluateEvery,
  type FeatureNetwork,
  type Hook,
  openEvaluator,
  type Trainer,
  trainedImages,
} from '@forger/dcgan';
import { ConfigError } from '@forger/tensor';
import { openNetwork } from '../evaluate/network.ts';
import { findValue, type NamedValue, ranked } from '../evaluate/values.ts';
import type { TrainConfig } from './config.ts';
import type { EvaluationLine } from './found-lines.ts';
import type { Evaluated } from './reporter.ts';
import type { RunIO } from './types.ts';

/** Images on each side, unless told otherwise: enough for the Fréchet distance of 256 features to order checkpoints. */
const COUNT = 2000;
/**
 * One that takes little time: an evaluation then costs as much as 8 to 18 steps of `quick`, most of it for the images.
 */
const METRICS = ['frechet'];

export interface Evaluating {
  readonly hook: Hook;
  /** What the hook's event says, in full; undefined for another hook's. */
  evaluated(hook: string, value: unknown): Evaluated | undefined;
}

/** The value that a run is judged by. @throws ConfigError for a name that nothing has. */
export function judgedBy({
  keepBest,
  metrics = METRICS,
}: Pick<TrainConfig, 'keepBest' | 'metrics'>): NamedValue {
  return findValue(keepBest ?? metrics[0]!);
}

/** The hook's name, under which checkpoints hold the best value so far: of another value there is another best. */
export function hookName({ name }: NamedValue): string {
  return `evaluate-${name}`;
}

/**
 * The hook that a run's settings ask for; undefined where they ask for none.
 * @param dataset what the images are compared with.
 * @param onBest keeps a checkpoint.
 * @throws ConfigError for a value that there is not, or data without images.
 */
export function evaluating(
  config: TrainConfig,
  { run, reporter, signal }: RunIO,
  dataset: Dataset,
  onBest: (trainer: Trainer) => Promise<void>,
): Evaluating | undefined {
  const { evaluateEvery: steps, keepBest, stopAfter } = config;
  if (steps === undefined) return undefined;
  const judged = judgedBy(config);
  const name = hookName(judged);
  let opened: Opened | undefined;
  let line: EvaluationLine | undefined;
  const evaluate = async (trainer: Trainer) => {
    const average = Object.keys(trainer.state.averages)[0];
    signal.throwIfAborted();
    const evaluation = await opened!.evaluator.evaluate(trainedImages(trainer.state, { average }));
    const { stepsDone: step, seconds } = trainer;
    line = { step, seconds, ...(average !== undefined && { average }), ...evaluation };
    run.evaluations.append(line);
    return ranked(evaluation.values[judged.name]!);
  };
  const inner = evaluateEvery(steps, evaluate, {
    name,
    title: `the ${judged.spec.title}`,
    ...(stopAfter !== undefined && { patience: stopAfter }),
    ...(keepBest !== undefined && { onBest }),
  });
  const hook: Hook = {
    ...inner,
    start: async (trainer) => {
      const progress = (now: EvaluationProgress): void => reporter.evaluating?.(now);
      try {
        opened = await open(config, dataset, trainer, { judged, signal, progress });
      } catch (error) {
        if (!trainer.isInterrupted) throw error;
        return;
      }
      for (const note of opened.notes) reporter.note(note);
      await inner.start?.(trainer);
    },
    end: async (trainer, reason) => {
      await inner.end?.(trainer, reason);
      opened?.network.dispose();
    },
  };
  return {
    hook,
    evaluated: (of, value) =>
      of === name && line ? { line, judged, best: (value as { best: Best | null }).best } : undefined,
  };
}

interface Opened {
  readonly evaluator: Evaluator;
  readonly network: FeatureNetwork;
  readonly notes: readonly string[];
}

async function open(
  config: TrainConfig,
  dataset: Dataset,
  { device }: Trainer,
  asked: { judged: NamedValue; signal: AbortSignal; progress: (now: EvaluationProgress) => void },
): Promise<Opened> {
  const { image } = dataset.fields;
  if (image?.kind !== 'image')
    throw new ConfigError(
      `The data set '${dataset.name}' has no images to evaluate with: leave --evaluate-every and --keep-best out`,
    );
  const { metrics = METRICS, channels, seed, data, evaluateCount, evaluateNetwork } = config;
  const { judged, signal, progress } = asked;
  // Half of a small set is left for the floor.
  const count = evaluateCount ?? Math.max(2, Math.min(COUNT, Math.floor(dataset.length / 2)));
  const network = await openNetwork({ network: evaluateNetwork, data, channels, device }, ConfigError);
  const names = [...new Set([...metrics, judged.metric.name])];
  const evaluator = await openEvaluator(
    datasetImages({ name: dataset.name, length: dataset.length, fields: { image } }),
    { device, network, count, seed, metrics: names, signal, onProgress: progress },
  );
  const notes = [
    `Evaluation every ${config.evaluateEvery} steps: ${names.join(', ')} of ${evaluator.count} images in the features of ${network.title} (${network.name}, ${network.hash}).`,
  ];
  return { evaluator, network, notes };
}
