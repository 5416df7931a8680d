// Hooks that most runs want: previews and checkpoints every few steps, evaluation, and an end by a metric.

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

/** Emits a `sample` event before the first step, every `steps` steps and at the end; of each average of weights, too. */
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

/** A number for the state of a run, such as a distance of generated images from real ones. */
export type Evaluate = (trainer: Trainer) => Promise<number> | number;

/** The best value so far, and when it was found. */
export interface Best {
  readonly step: number;
  readonly value: number;
}

/**
 * Evaluates every `steps` steps and at the end, and emits `{ type: 'hook', hook: name, value: { step, value, best } }`.
 * The best value is part of the checkpoint.
 * @param better whether smaller or larger values are better. Default 'smaller'.
 * @param patience stop the run when this many evaluations in a row brought no better value. Default: never.
 */
export function evaluateEvery(
  steps: number,
  evaluate: Evaluate,
  { name = 'evaluate', better = 'smaller', patience = Number.POSITIVE_INFINITY }: EvaluateOptions = {},
): Hook {
  let best: Best | null = null;
  let since = 0;
  const hook = every(name, steps, async (trainer) => {
    await trainer.settle();
    const value = await evaluate(trainer);
    const sign = better === 'smaller' ? 1 : -1;
    if (best === null || sign * value < sign * best.value) {
      best = { step: trainer.stepsDone, value };
      since = 0;
    } else since++;
    trainer.emit({ type: 'hook', hook: name, value: { step: trainer.stepsDone, value, best } });
    if (since >= patience)
      trainer.stop(`${name} was not better than ${best.value} of step ${best.step} in ${since} evaluations`);
  });
  return {
    ...hook,
    state: (): HookState => ({ values: { best, since } }),
    restore: (values) => {
      ({ best, since } = values as { best: Best | null; since: number });
    },
  };
}

export interface EvaluateOptions {
  /** Another name for each such hook of a run. Default 'evaluate'. */
  readonly name?: string;
  readonly better?: 'smaller' | 'larger';
  readonly patience?: number;
}
