// Runs the steps of training: each part of a step is captured when it first comes and replayed from then on, so that
// the host encodes one list of commands a step; batches go in through fixed tensors, measured values come out late.

import { type Plan, readAll, type Tensor, tensor } from '@forger/tensor';
import type { StepProgress, StepResult } from '../recipes/recipe.ts';
import type { TrainState } from './step.ts';

/** What a step measured, read back. A value that it did not compute is left out. */
export type StepValues = { [name in Exclude<keyof StepResult, 'dFakeAfter'>]?: number };

export interface StepRunnerOptions {
  /** Record every step anew instead of replaying: slower and larger, to tell whether the capture is at fault. */
  eager?: boolean;
}

/** What belongs to one batch size: a capture holds for its shapes only. */
interface Sized {
  readonly real: Tensor;
  readonly plans: Map<string, Plan<StepResult>>;
}

export class StepRunner {
  readonly #state: TrainState;
  readonly #eager: boolean;
  /** By batch size. Another size, such as that of a short last batch, has captures of its own: it comes every epoch. */
  readonly #sized = new Map<number, Sized>();

  constructor(state: TrainState, { eager = false }: StepRunnerOptions = {}) {
    this.#state = state;
    this.#eager = eager;
  }

  /**
   * One step. It waits only for recipes that decide by losses.
   * @param pixels a batch, N × C × H × W; it may be overwritten as soon as this returns.
   * @returns a promise of what was measured, in an object, so that awaiting the step does not await the device.
   */
  async step(pixels: Float32Array): Promise<{ values: Promise<StepValues> }> {
    const state = this.#state;
    const sized = this.#sizedFor(pixels);
    // The queue copies the pixels at once and writes them after the steps submitted before: while the device works on
    // those, the next batch is decoded and handed over, and a second input tensor would gain nothing.
    sized.real.write(pixels);
    state.beforeStep();
    const done: string[] = [];
    const readings: Promise<StepValues>[] = [];
    let losses: StepProgress['losses'] = {};
    for (let part = state.nextPart(done); part !== undefined; part = state.nextPart(done, losses)) {
      const reading = this.#run(part, sized);
      reading.catch(() => {}); // an error waits for whoever awaits the values, if anybody does
      readings.push(reading);
      done.push(part);
      if (!state.recipe.decidesByLoss) continue;
      const { lossD = losses.lossD, lossG = losses.lossG } = await reading;
      losses = { ...(lossD !== undefined && { lossD }), ...(lossG !== undefined && { lossG }) };
    }
    state.stepsDone++;
    const values = Promise.all(readings).then((parts) => Object.assign({}, ...parts) as StepValues);
    values.catch(() => {});
    return { values };
  }

  /** Frees captures and inputs. */
  dispose(): void {
    for (const { real, plans } of this.#sized.values()) {
      for (const plan of plans.values()) plan.dispose();
      real.dispose();
    }
    this.#sized.clear();
  }

  #sizedFor(pixels: Float32Array): Sized {
    const { imageSize, channels } = this.#state.sizes;
    const count = pixels.length / (channels * imageSize * imageSize);
    let sized = this.#sized.get(count);
    if (!sized) {
      const { device } = this.#state;
      const real = tensor(pixels, [count, channels, imageSize, imageSize], { device }).keep();
      sized = { real, plans: new Map() };
      this.#sized.set(count, sized);
    }
    return sized;
  }

  async #run(part: string, { real, plans }: Sized): Promise<StepValues> {
    const state = this.#state;
    if (this.#eager) {
      const result = state.part(part, real);
      const values = read(result);
      for (const t of Object.values(result).flat()) t.dispose();
      return values;
    }
    let plan = plans.get(part);
    if (plan) plan.replay();
    else {
      plan = state.device.capture(() => state.part(part, real));
      plans.set(part, plan);
    }
    return read(plan.result);
  }
}

/** Reads what a step measured: as it is now, though the answer comes later. */
async function read({ lossD, lossG, dReal, dFake }: StepResult): Promise<StepValues> {
  const tensors = { lossD, lossG: lossG?.at(-1), dReal, dFake };
  const present = Object.entries(tensors).filter((entry): entry is [keyof StepValues, Tensor] => !!entry[1]);
  const data = await readAll(present.map(([, t]) => t));
  return Object.fromEntries(present.map(([name], i) => [name, data[i]![0]!]));
}
