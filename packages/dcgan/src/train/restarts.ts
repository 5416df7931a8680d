// What a run does when its device is lost: it goes on from its last checkpoint on a new one, a set number of times.

import { createDevice, type Device, DeviceError, DeviceLostError } from '@forger/tensor';
import type { TrainConfig } from './config.ts';
import { MAX_RESTARTS } from './limits.ts';
import { DivergenceError } from './step-metrics.ts';
import type { Beginning } from './training.ts';
import type { TrainIO } from './types.ts';

export class Restarts {
  readonly #io: TrainIO;
  readonly #most: number;
  #config: TrainConfig;
  #count = 0;
  #announced = false;
  /** What ended the attempt before, as the beginning of a sentence. */
  #ended: string | undefined;

  constructor(config: TrainConfig, io: TrainIO) {
    this.#config = config;
    this.#io = io;
    this.#most = io.maxRestarts ?? MAX_RESTARTS;
  }

  /** The run's settings, with what was found or decided since it began. */
  get config(): TrainConfig {
    return this.#config;
  }

  /** Adds to the settings, in config.json too. */
  async changeConfig(changes: Partial<TrainConfig>): Promise<void> {
    this.#config = { ...this.#config, ...changes };
    await this.#io.run.saveConfig(this.#config);
  }

  /** The device of the next attempt. @throws DeviceError when there is none. */
  async createDevice(): Promise<Device> {
    try {
      return await createDevice({ debug: this.#io.debug });
    } catch (error) {
      if (this.#ended === undefined || !(error instanceof DeviceError)) throw error;
      const message = `${this.#ended}, and no new one could be made: ${error.message} ${await this.#kept()}`;
      throw new DeviceError(message, { cause: error });
    }
  }

  /** How the next attempt begins. */
  beginning(): Beginning {
    const announce = !this.#announced;
    this.#announced = true;
    const ended = this.#ended;
    if (ended === undefined) return { resume: this.#io.resume, announce };
    const because = (step: number): string =>
      `${ended}: a new one was made, training ${step > 0 ? `goes on from step ${step}` : 'starts over'} (restart ${this.#count} of ${this.#most}).`;
    return { resume: true, announce, because };
  }

  /**
   * Returns when there is to be another attempt.
   * @param stepsDone undefined when the run had not begun.
   * @throws the error that ends the run.
   */
  async after(error: unknown, stepsDone: number | undefined): Promise<void> {
    if (error instanceof DivergenceError) throw await this.#diverged(error);
    if (!(error instanceof DeviceLostError)) throw error;
    const when = stepsDone === undefined ? 'while the run was prepared' : `at step ${stepsDone}`;
    this.#ended = `The device was lost (${error.why}) ${when}`;
    if (this.#count < this.#most && !this.#io.signal.aborted) {
      this.#count++;
      return;
    }
    const often = this.#count > 0 ? ` after ${this.#count} restarts` : '';
    throw new DeviceError(
      `${this.#ended}${often}: look after the graphics driver, which \`forger doctor\` names. ${await this.#kept()}`,
      { cause: error },
    );
  }

  async #diverged(error: DivergenceError): Promise<DivergenceError> {
    const { lr, seed } = this.#config;
    const saved = (await this.#io.run.checkpointSteps()).at(-1);
    const kept =
      saved === undefined
        ? 'No checkpoint was written before'
        : `The last checkpoint before is of step ${saved}`;
    return new DivergenceError(
      `Training diverged: ${error.message}. ${kept}; start a new run with a smaller --lr (it is ${lr}) or another --seed (it is ${seed}).`,
      { cause: error },
    );
  }

  /** What is left of the run. */
  async #kept(): Promise<string> {
    const { run } = this.#io;
    const saved = (await run.checkpointSteps()).at(-1);
    return saved === undefined
      ? 'No checkpoint was written yet.'
      : `The checkpoint of step ${saved} is kept: go on with --resume ${run.dir}.`;
  }
}
