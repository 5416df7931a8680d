// Automatic restarts, up to a limit. After its device was lost, a run continues from the last checkpoint on a
// new device. After a divergence it may continue from there with all learning rates halved.

import { DivergenceError, MAX_RESTARTS } from '@forger/dcgan/internal';
import { createDevice, type Device, DeviceError, DeviceLostError } from '@forger/tensor';
import type { TrainConfig } from './config.ts';
import type { Beginning } from './training.ts';
import type { RunIO } from './types.ts';

export class Restarts {
  readonly #io: RunIO;
  readonly #most: number;
  #config: TrainConfig;
  #count = 0;
  #announced = false;
  /** What ended the attempt before, and what is done about it. */
  #ended: { event: string; remedy: string } | undefined;

  constructor(config: TrainConfig, io: RunIO) {
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
      return await createDevice({ debug: this.#io.debug, precision: this.#config.precision });
    } catch (error) {
      if (this.#ended === undefined || !(error instanceof DeviceError)) throw error;
      const message = `${this.#ended.event}, and no new device could be opened: ${error.message} ${await this.#kept()}`;
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
      `${ended.event}: ${ended.remedy}training ${step > 0 ? `continues from step ${step}` : 'starts over'} (restart ${this.#count} of ${this.#most}).`;
    return { resume: true, announce, because };
  }

  /**
   * Returns when there is to be another attempt.
   * @param stepsDone undefined when the run had not begun.
   * @throws the error that ends the run.
   */
  async after(error: unknown, stepsDone: number | undefined): Promise<void> {
    const mayGoOn = this.#count < this.#most && !this.#io.signal.aborted;
    if (error instanceof DivergenceError) {
      if (this.#io.onNan !== 'rollback' || !mayGoOn) throw await this.#diverged(error);
      await this.#rollBack(error);
    } else if (error instanceof DeviceLostError) {
      const when = stepsDone === undefined ? 'while the run was prepared' : `at step ${stepsDone}`;
      this.#ended = {
        event: `The device was lost (${error.why}) ${when}`,
        remedy: 'a new device was opened, ',
      };
      if (!mayGoOn) throw await this.#lost(error);
    } else throw error;
    this.#count++;
  }

  async #lost(error: DeviceLostError): Promise<DeviceError> {
    const often = this.#count > 0 ? ` after ${this.#count} restarts` : '';
    return new DeviceError(
      `${this.#ended!.event}${often}: update the graphics driver (\`forger doctor\` shows which one is in use). ${await this.#kept()}`,
      { cause: error },
    );
  }

  async #rollBack(error: DivergenceError): Promise<void> {
    const found = await this.#io.run.latestCheckpoint();
    const rollbacks = [...(this.#config.rollbacks ?? []), found?.checkpoint.step ?? 0];
    await this.changeConfig({ rollbacks });
    this.#ended = {
      event: `Training diverged: ${error.message}`,
      remedy: 'both learning rates are halved, ',
    };
  }

  async #diverged(error: DivergenceError): Promise<DivergenceError> {
    const { lr, seed, rollbacks = [] } = this.#config;
    const saved = (await this.#io.run.checkpointSteps()).at(-1);
    const kept =
      saved === undefined
        ? 'No checkpoint was written before'
        : `The last checkpoint before is of step ${saved}`;
    const halved = rollbacks.length > 0 ? `, halved ${rollbacks.length} times since` : '';
    return new DivergenceError(
      `Training diverged: ${error.message}. ${kept}; start a new run with a smaller --lr (it is ${lr}${halved}) or another --seed (it is ${seed}).`,
      { cause: error },
    );
  }

  /** What is left of the run. */
  async #kept(): Promise<string> {
    const { run } = this.#io;
    const saved = (await run.checkpointSteps()).at(-1);
    return saved === undefined
      ? 'No checkpoint was written yet.'
      : `The checkpoint of step ${saved} is kept: continue with --resume ${run.dir}.`;
  }
}
