// Hooks that most runs want: previews and checkpoints every few steps, evaluation, and an end by a metric.

import { type BestState, BestTracker, type Ranked } from './best.ts';
import type { HookState } from './checkpoint.ts';
import type { Hook, Trainer } from './trainer.ts';

export interface EveryOptions {
  /** Also before the first step of a run. Default false. */
  readonly atStart?: boolean;
  /** The step at which a resumed run has done it last. Default: the step that it is resumed at. */
  readonly doneAt?: (trainer: Trainer) => number | Promise<number>;
}

/** Calls a function every n-th step, and once at the end unless the last step was such a one. */
export function every(
  name: string,
  steps: number,
  act: (trainer: Trainer) => Promise<void>,
  { atStart = false, doneAt: doneBefore = ({ stepsDone }) => stepsDone }: EveryOptions = {},
): Hook {
  let doneAt = -1;
  const once = async (trainer: Trainer): Promise<void> => {
    if (doneAt === trainer.stepsDone) return;
    await act(trainer);
    doneAt = trainer.stepsDone;
  };
  return {
    name,
    start: async (trainer) => {
      if (trainer.stepsDone > 0) doneAt = await doneBefore(trainer);
      else if (atStart) await once(trainer);
    },
    step: async (trainer) => {
      if (trainer.stepsDone % steps === 0) await once(trainer);
    },
    end: once,
  };
}

/**
 * Emits a `sample` event before the first step, every `steps` steps and at the end; of each average of weights, too.
 */
export function sampleEvery(steps: number): Hook {
  const sample = async (trainer: Trainer): Promise<void> => {
    await trainer.settle();
    await trainer.checkFinite();
    for (const average of [undefined, ...Object.keys(trainer.state.averages)]) {
      const drawn = await trainer.preview(average);
      trainer.emit({
        type: 'sample',
        step: trainer.stepsDone,
        ...drawn,
        ...(average !== undefined && { average }),
      });
    }
  };
  return every('sample', steps, sample, { atStart: true });
}

/** Emits a `checkpoint` event every `steps` steps and at the end. Put it behind hooks whose state it is to hold. */
export function checkpointEvery(steps: number): Hook {
  const save = async (trainer: Trainer): Promise<void> => {
    trainer.emit({ type: 'checkpoint', checkpoint: await trainer.checkpoint() });
  };
  return every('checkpoint', steps, save);
}

/**
 * A number for the state of a run, such as a distance of generated images from real ones; alone, or with what
 * is better.
 */
export type Evaluate = (trainer: Trainer) => Promise<number | Ranked> | number | Ranked;

/**
 * Evaluates every `steps` steps and when the run is finished, and emits
 * `{ type: 'hook', hook: name, value: { step, value, best } }`. The best value is part of the checkpoint, and
 * a run that was interrupted goes on to the same evaluations.
 */
export function evaluateEvery(steps: number, evaluate: Evaluate, options: EvaluateOptions = {}): Hook {
  const { name = 'evaluate', title = name, better = 'smaller', onBest } = options;
  const { patience = Number.POSITIVE_INFINITY } = options;
  const tracker = new BestTracker();
  let doneAt = 0;
  const act = async (trainer: Trainer): Promise<void> => {
    const step = trainer.stepsDone;
    if (doneAt === step) return;
    await trainer.settle();
    let found: number | Ranked;
    try {
      found = await evaluate(trainer);
    } catch (error) {
      // A run that is resumed begins with the evaluation that was broken off.
      if (trainer.isInterrupted) return;
      throw error;
    }
    const ranked = typeof found === 'number' ? { value: found, better } : found;
    doneAt = step;
    const isBest = tracker.add(step, ranked);
    const { best, since } = tracker;
    trainer.emit({ type: 'hook', hook: name, value: { step, value: ranked.value, best } });
    if (isBest) await onBest?.(trainer);
    if (since >= patience)
      trainer.stop(
        best === null
          ? `${title} was no number in ${since} evaluations`
          : `${title} was not better than ${best.value} of step ${best.step} in ${since} evaluations`,
      );
  };
  const atIts = async (trainer: Trainer): Promise<void> => {
    if (trainer.stepsDone > 0 && trainer.stepsDone % steps === 0) await act(trainer);
  };
  return {
    name,
    start: atIts,
    step: atIts,
    end: async (trainer, reason) => {
      if (reason === 'finished') await act(trainer);
    },
    state: (): HookState => ({ values: { ...tracker.state(), doneAt } }),
    restore: (values) => {
      const { doneAt: before = 0, ...saved } = values as BestState & { doneAt?: number };
      tracker.restore(saved);
      doneAt = before;
    },
  };
}

export interface EvaluateOptions {
  /** Another name for each such hook of a run. Default 'evaluate'. */
  readonly name?: string;
  /** What the number is, for sentences. Default: the name. */
  readonly title?: string;
  /** Whether smaller or larger numbers are better. Default 'smaller'. */
  readonly better?: 'smaller' | 'larger';
  /** Stop the run when this many evaluations in a row brought no better value. Default: never. */
  readonly patience?: number;
  /** Told when a value is the best so far, as to keep a checkpoint: it then holds that value. */
  readonly onBest?: (trainer: Trainer) => Promise<void> | void;
}
