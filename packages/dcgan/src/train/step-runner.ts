// Runs training steps. Each part of a step is captured the first time it is due and replayed after that, so the host
// encodes one list of commands a step. Batches are written into fixed tensors; metrics are read back some steps late.

import { type Plan, readAll, sizeOf, tensor } from '@forger/tensor';
import type { RatePlace, TrainState } from './state.ts';
import type { NamedTensors, Scalars } from './task.ts';

/** A batch on the host: values in row-major order, by the names of the task's inputs. */
export type HostBatch = Readonly<Record<string, Float32Array | Int32Array>>;

/** Metrics of a step, read back. One that it did not compute is left out. */
export type StepValues = Readonly<Record<string, number>>;

export interface StepRunnerOptions {
  /** Record every step anew instead of replaying: slower and larger, to tell whether the capture is at fault. */
  eager?: boolean;
}

/** What belongs to one batch size: a capture holds for its shapes only. */
interface Sized {
  readonly inputs: NamedTensors;
  readonly plans: Map<string, Plan<Scalars>>;
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
   * One step. It waits only for tasks whose schedule reads metrics.
   * @param batch its arrays may be overwritten as soon as this returns.
   * @returns a promise of what was measured, in an object, so that awaiting the step does not await the device.
   */
  async step(batch: HostBatch, place: RatePlace = {}): Promise<{ values: Promise<StepValues> }> {
    const state = this.#state;
    const sized = this.#sizedFor(batch);
    // The queue copies the values at once and writes them after the steps submitted before. So the next batch
    // is decoded and uploaded while the device works on those, and a second set of input tensors would gain
    // nothing.
    for (const [name, t] of Object.entries(sized.inputs)) t.write(batch[name]!);
    state.beforeStep(place);
    const done: string[] = [];
    const readings: Promise<StepValues>[] = [];
    let metrics: StepValues = {};
    for (let part = state.nextPart(done); part !== undefined; part = state.nextPart(done, metrics)) {
      const reading = this.#run(part, sized);
      reading.catch(() => {}); // handled by the caller, if it awaits the values
      readings.push(reading);
      done.push(part);
      if (state.task.scheduleReadsMetrics) metrics = { ...metrics, ...(await reading) };
    }
    state.stepsDone++;
    const values = Promise.all(readings).then((parts) => Object.assign({}, ...parts) as StepValues);
    values.catch(() => {});
    return { values };
  }

  /** Frees captures and inputs. */
  dispose(): void {
    for (const { inputs, plans } of this.#sized.values()) {
      for (const plan of plans.values()) plan.dispose();
      for (const t of Object.values(inputs)) t.dispose();
    }
    this.#sized.clear();
  }

  #sizedFor(batch: HostBatch): Sized {
    const { device, inputInfos } = this.#state;
    const [first, { shape }] = Object.entries(inputInfos)[0]!;
    const count = batch[first]!.length / sizeOf(shape);
    let sized = this.#sized.get(count);
    if (!sized) {
      const inputs = Object.fromEntries(
        Object.entries(inputInfos).map(([name, info]) => {
          const options = { device, dtype: info.dtype };
          return [name, tensor(batch[name]!, [count, ...info.shape], options).keep()];
        }),
      );
      sized = { inputs, plans: new Map() };
      this.#sized.set(count, sized);
    }
    return sized;
  }

  async #run(part: string, { inputs, plans }: Sized): Promise<StepValues> {
    const state = this.#state;
    if (this.#eager) {
      const result = state.part(part, inputs);
      const values = this.#read(result);
      for (const t of Object.values(result)) t.dispose();
      return values;
    }
    let plan = plans.get(part);
    if (plan) plan.replay();
    else {
      plan = state.device.capture(() => state.part(part, inputs));
      plans.set(part, plan);
    }
    return this.#read(plan.result);
  }

  /** Reads what a step measured: as it is now, though the answer comes later. */
  async #read(scalars: Scalars): Promise<StepValues> {
    const { metrics } = this.#state.task;
    const names = metrics ? Object.keys(metrics).filter((name) => name in scalars) : Object.keys(scalars);
    const data = await readAll(names.map((name) => scalars[name]!));
    return Object.fromEntries(names.map((name, i) => [name, data[i]![0]!]));
  }
}
