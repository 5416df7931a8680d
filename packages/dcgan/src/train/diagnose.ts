// The diagnosis as a hook of the trainer: it hears of every step's metrics, and of the previews that are drawn anyway.

import type { Optimizer } from '@forger/nn';
import { Diagnosis, type DiagnosisEvent, type DiagnosisState, type TrainingImages } from './diagnosis.ts';
import { thumbnails } from './diversity.ts';
import { GRID_PICTURES } from './state.ts';
import type { AnyTask } from './task.ts';
import type { Hook, Trainer } from './trainer.ts';

export interface DiagnoseOptions {
  /** For what the metrics are. */
  readonly task: Pick<AnyTask, 'metrics'>;
  /** How many training images there are. Default: whole batches of an epoch. */
  readonly images?: number | undefined;
  /** Told of each thing that begins or ends. Default: the trainer's notes tell what begins. */
  readonly onEvent?: (event: DiagnosisEvent) => void;
}

/** A hook that must be shown previews to say anything about images. */
export interface DiagnosisHook extends Hook {
  /**
   * Takes a preview of the networks' own weights, as `Trainer.preview` gives it. Images of another shape than
   * all inputs of the task, such as two side by side, are left alone.
   */
  preview(trainer: Trainer, drawn: { images: Float32Array; shape: readonly number[] }): Promise<void>;
}

/** Numbers that may be compared with each image of a preview. */
const MOST_NUMBERS = 2 ** 19;

/** Watches a run for what goes wrong in GANs; see diagnosis.ts. Its state is part of checkpoints. */
export function diagnose({ task, images, onEvent }: DiagnoseOptions): DiagnosisHook {
  const unit = task.metrics?.dReal?.unit;
  let diagnosis = new Diagnosis({ unit });
  let training: { shape: string; facts: TrainingImages | undefined } | undefined;
  const tell = (trainer: Trainer, events: readonly DiagnosisEvent[]): void => {
    for (const event of events) {
      if (onEvent) onEvent(event);
      else if (event.state === 'began') trainer.note(sentence(event));
    }
  };
  const imagesOf = ({ batches }: Trainer): number => images ?? batches.batchesPerEpoch * batches.batchSize;
  return {
    name: 'diagnosis',
    start: (trainer) => {
      if (trainer.stepsDone > 0) return;
      diagnosis = new Diagnosis({ unit, batchSize: trainer.batches.batchSize });
      if (hasImages(trainer)) tell(trainer, diagnosis.data(imagesOf(trainer)));
    },
    metrics: ({ step, metrics }, trainer) => tell(trainer, diagnosis.metrics(step, metrics)),
    preview: async (trainer, { images: values, shape }) => {
      const [, channels, height, width] = shape as [number, number, number, number];
      const size = [channels, height, width] as const;
      const norm = trainer.stepsDone > 0 ? await gradientNorm(trainer) : undefined;
      if (norm !== undefined) diagnosis.gradient({ step: trainer.stepsDone, norm });
      if (training?.shape !== size.join())
        training = { shape: size.join(), facts: trainingImages(trainer, size, imagesOf(trainer)) };
      if (training.facts)
        tell(trainer, diagnosis.preview(trainer.stepsDone, thumbnails(values, size), training.facts));
    },
    state: () => ({ values: diagnosis.state() }),
    restore: (values) => diagnosis.restore(values as DiagnosisState),
  };
}

/** A finding in words. */
export function sentence({ title, evidence, advice }: DiagnosisEvent): string {
  return `${title}. ${evidence} What to try: ${advice}`;
}

function hasImages({ state }: Trainer): boolean {
  return Object.values(state.inputInfos).some(({ shape }) => shape.length === 3);
}

/** The optimizer whose gradients are looked at. */
const GENERATOR = 'generator';

/**
 * The norm of the generator's gradient: of Adam's first moment, a mean over the last few steps that outlives them.
 * Undefined without an optimizer of that name that has one.
 */
async function gradientNorm({ state }: Trainer): Promise<number | undefined> {
  const optimizers = state.optimizers as Readonly<Record<string, Optimizer>>;
  if (!Object.hasOwn(optimizers, GENERATOR)) return undefined;
  const moments = [...optimizers[GENERATOR]!.stateDict()].filter(([name]) => name.endsWith('.exp_avg'));
  if (moments.length === 0) return undefined;
  let sum = 0;
  for (const [, moment] of moments) for (const value of await moment.data()) sum += value * value;
  return Math.sqrt(sum);
}

/** Training images of a preview's shape: all of them where they are few, else some. */
function trainingImages(
  { state, batches }: Trainer,
  shape: readonly [number, number, number],
  count: number,
): TrainingImages | undefined {
  const input = Object.entries(state.inputInfos).find(
    ([, info]) => info.dtype === 'float32' && info.shape.join() === shape.join(),
  )?.[0];
  if (input === undefined) return undefined;
  const few = thumbnails(batches.first(input, Math.min(count, GRID_PICTURES)) as Float32Array, shape);
  if (count <= GRID_PICTURES || count * few.size > MOST_NUMBERS) return { count, images: few };
  return { count, images: thumbnails(batches.first(input, count) as Float32Array, shape) };
}
