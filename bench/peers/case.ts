// What all train on: first weights, one batch and latents, in a file for the peers; and our own training on it.
import { writeFileSync } from 'node:fs';
import { drawLatents, type Scalars } from '@forger/dcgan';
import {
  type Device,
  type DType,
  type Plan,
  readAll,
  type Tensor,
  tensor,
  writeSafetensors,
} from '@forger/tensor';
import { type DcganStep, LEARNING_RATE, openStep, type StepSizes } from '../dcgan.ts';
import type { Losses } from './process.ts';

/** Our training, whose first weights and batch are the case; the step is captured and replayed, as in a run. */
export class Case {
  readonly #step: DcganStep;
  /** One for each step until they come again. */
  readonly #latents: readonly Float32Array[];
  readonly #latent: Tensor;
  #plan: Plan<Scalars> | undefined;
  #count = 0;

  private constructor(step: DcganStep, latents: readonly Float32Array[], shape: readonly number[]) {
    this.#step = step;
    this.#latents = latents;
    this.#latent = tensor(latents[0]!, shape, { device: step.state.device }).keep();
  }

  /** Throws ConfigError on a size that the networks cannot make. */
  static async open(device: Device, sizes: StepSizes, latentCount: number): Promise<Case> {
    const step = openStep(device, sizes);
    const { task, sizes: networks, rng } = step.state;
    const drawn = Array.from({ length: latentCount }, () =>
      drawLatents(task.gan.latent, networks.latentSize, sizes.batch, rng).keep(),
    );
    const latents = (await readAll(drawn)) as Float32Array[];
    const { shape } = drawn[0]!;
    for (const z of drawn) z.dispose();
    return new Case(step, latents, shape);
  }

  /** Writes weights and statistics by PyTorch's names, `real`, `latents.0`, `latents.1`, …, and the learning rate. */
  async write(path: string): Promise<void> {
    const { state, real } = this.#step;
    const tensors = new Map<string, Tensor<DType>>([['real', real]]);
    for (const [name, value] of state.stateDict()) {
      if (/^(generator|discriminator)\./.test(name) && value.isFloatingPoint()) tensors.set(name, value);
    }
    const data = await readAll([...tensors.values()]);
    const entries = new Map([...tensors].map(([name, { shape }], i) => [name, { shape, data: data[i]! }]));
    const { shape } = this.#latent;
    for (const [i, z] of this.#latents.entries()) entries.set(`latents.${i}`, { shape, data: z });
    writeFileSync(path, writeSafetensors(entries, { lr: String(LEARNING_RATE) }));
  }

  /** Trains `steps` steps on the latents in turn. @returns the losses of the last. */
  async train(steps: number): Promise<Losses> {
    const { state, real } = this.#step;
    for (let i = 0; i < steps; i++) {
      this.#latent.write(this.#latents[this.#count++ % this.#latents.length]!);
      if (this.#plan) this.#plan.replay();
      else
        this.#plan = state.device.capture(() =>
          state.part('step', { real }, { latents: () => this.#latent }),
        );
    }
    const { lossD, lossG } = this.#plan!.result;
    const [d, g] = await readAll([lossD!, lossG!]);
    return [d![0]!, g![0]!];
  }

  dispose(): void {
    this.#plan?.dispose();
    this.#latent.dispose();
    this.#step.dispose();
  }
}
