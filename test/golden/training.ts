/**
 * Runs a golden training run through the recipe of its name: every loss, the final weights, pictures in eval mode.
 *
 * A run is a folder. `expected.json` names the recipe, the width and the losses of each step; `init.safetensors` holds
 * the first weights; `batches.safetensors` the pictures `real/<step>` and the latents `z/<step>/<k>` in the order in
 * which the step draws them; `final.safetensors` the weights after the last step, and `sample/z`, `sample/eval_image`.
 * All sizes but the width follow from the tensors. A loss that a step does not compute (a recipe that
 * alternates) is null or absent. Noise and dropout are off.
 *
 * Products run on the compensated core, which rounds each sum once, so that few units fall on the other side of a leaky
 * ReLU's kink (see shadow.ts, which follows the run past those that do); the other cores are held to float64
 * one by one, in test/gemm.test.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GanNetworks, type Recipe, recipes, type Scalars, TrainState } from '@forger/dcgan';
import { Dropout, GaussianNoise, loadStateDict, readStateDict } from '@forger/nn';
import { type Device, readAll, type Tensor, tensor } from '@forger/tensor';
import { generate } from '../../packages/dcgan/test/helpers.ts';
import type { Ref } from '../reference/array.ts';
import { type Deviation, relativeError, rmsError, worst } from '../support/errors.ts';
import { readTensorFile, type TensorFile } from './files.ts';
import { type Snapshot, shadow } from './shadow.ts';

/** Largest errors that are allowed. */
export const runTolerance = {
  /**
   * Relative, for each loss of each step. 1e-6 is what float32 keeps here; the rest is for networks so wide that some
   * unit always crosses its kink, with as little weight as it has there.
   */
  losses: 1e-4,
  /**
   * Root mean square over that of the expected values, for each tensor of weights or statistics. Adam divides by √v: a
   * weight whose gradient is near rounding may move by ±lr a step either way, so single weights cannot be held to more.
   */
  weights: 1e-3,
  /** Of the largest magnitude in the pictures. */
  pictures: 1e-3,
};

type NetworkName = 'generator' | 'discriminator';

/** What expected.json holds. */
interface Expected {
  recipe: string;
  width: number;
  /** A recipe that updates its generator several times a step has as many losses. */
  steps: { loss_d?: number | null; loss_g?: number | null | (number | null)[] }[];
  parameters?: Record<NetworkName, number>;
}

export interface RunResult {
  recipe: string;
  /** False when there is no such recipe here; then nothing was run. */
  built: boolean;
  steps: number;
  /** How often the run was sent back with nudged weights. */
  nudges: number;
  worst: Record<Part, Deviation>;
  /** What was off, in one line each. */
  failures: string[];
}

const layerKinds: Readonly<Record<string, string>> = {
  Conv2d: 'conv2d',
  ConvTranspose2d: 'conv_transpose2d',
  Linear: 'linear',
  BatchNorm1d: 'batch_norm',
  BatchNorm2d: 'batch_norm',
  InstanceNorm2d: 'instance_norm',
};

type Part = keyof typeof runTolerance;
const parts = Object.keys(runTolerance) as Part[];

/** Errors of what was compared. */
type Found = Partial<Record<Part, Deviation[]>>;

function failuresOf(found: Found): string[] {
  return parts.flatMap((part) =>
    (found[part] ?? [])
      .filter(({ error }) => !(error <= runTolerance[part]))
      .map(({ name, error }) => `${name} is off by ${error.toExponential(1)}`),
  );
}

/** Whether a folder holds a training run. */
export function isTrainingRun(folder: string): boolean {
  return existsSync(join(folder, 'expected.json'));
}

/**
 * Trains as the folder says and compares.
 * @param mostNudges how often the run may be sent back at a kink before it counts as wrong.
 */
export async function runTraining(device: Device, folder: string, mostNudges = 64): Promise<RunResult> {
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected;
  const recipe = Object.hasOwn(recipes, expected.recipe) ? recipes[expected.recipe] : undefined;
  const none = { name: '', error: 0 };
  const result: RunResult = {
    recipe: expected.recipe,
    built: recipe !== undefined,
    steps: expected.steps.length,
    nudges: 0,
    worst: { losses: none, weights: none, pictures: none },
    failures: [],
  };
  if (!recipe) return result;
  try {
    const run = new GoldenRun(device, folder, expected, recipe);
    const { path, nudges, failures } = await shadow({
      steps: result.steps,
      mostNudges,
      compare: (at) => (at < result.steps ? run.step(at) : run.end()),
      failures: failuresOf,
      snapshot: () => run.snapshot(),
      restore: (snapshot) => run.restore(snapshot),
    });
    Object.assign(result, { nudges, failures });
    for (const part of parts) result.worst[part] = worst(path.flatMap((found) => found[part] ?? []));
    run.dispose();
  } catch (error) {
    result.failures.push((error as Error).message);
  }
  return result;
}

/** One training run: its state on the device, and what the folder expects of it. */
class GoldenRun {
  readonly #device: Device;
  readonly #expected: Expected;
  readonly #batches: TensorFile;
  readonly #final: TensorFile;
  readonly #state: TrainState<Recipe>;
  /** Weights and statistics by the folder's names. */
  readonly #named: ReadonlyMap<string, Named>;
  /** False where the folder's batch norms keep no running statistics: batch statistics then serve in eval mode too. */
  readonly #runningStatistics: boolean;

  constructor(device: Device, folder: string, expected: Expected, recipe: Recipe) {
    const open = (name: string) => readTensorFile(join(folder, `${name}.safetensors`));
    this.#device = device;
    this.#expected = expected;
    this.#batches = open('batches');
    this.#final = open('final');
    const { tensors } = open('init');
    this.#state = fittingState(device, recipe, expected.width, tensors, {
      real: tensorOf(this.#batches, 'real/0').shape,
      z: tensorOf(this.#batches, 'z/0/0').shape,
    });
    quieten(this.#state.networks);
    const named = goldenNames(this.#state.networks);
    this.#runningStatistics = [...tensors.keys()].some((name) => name.endsWith('.running_mean'));
    if (!this.#runningStatistics) {
      for (const name of named.keys()) if (/\.running_(mean|var)$/.test(name)) named.delete(name);
    }
    for (const [name, { shape, data }] of tensors) {
      const target = named.get(name)?.tensor;
      if (!target) throw new Error(`init.safetensors has "${name}", which the networks here lack`);
      if (String(target.shape) !== String(shape))
        throw new Error(`"${name}" is [${shape}] in the file and [${target.shape}] here`);
      target.write(Float32Array.from(data));
    }
    const missing = [...named.keys()].find((name) => !tensors.has(name));
    if (missing) throw new Error(`init.safetensors lacks "${missing}"`);
    this.#named = named;
  }

  /** Trains one step. @returns the errors of its losses. */
  async step(at: number): Promise<Found> {
    const results = await this.#train(at);
    const lossD = results.findLast((result) => result.lossD)?.lossD;
    const measured = {
      loss_d: lossD ? [lossD] : [],
      // In the order of the updates: a recipe that makes two returns the first one's loss beside the last one's.
      loss_g: results.flatMap(({ lossGFirst, lossG }) => [lossGFirst, lossG].filter((t) => t !== undefined)),
    };
    const errors: Deviation[] = [];
    for (const name of ['loss_d', 'loss_g'] as const) {
      const expected = [this.#expected.steps[at]![name]].flat().filter((loss) => loss != null);
      if (expected.length === 0) continue; // a step of the other network
      const values = await readAll(measured[name]);
      if (values.length !== expected.length)
        throw new Error(
          `step ${at} has ${values.length} losses ${name}, where ${expected.length} are expected`,
        );
      for (const [i, loss] of expected.entries())
        errors.push({ name: `${name} of step ${at}`, error: relativeError(values[i]!, [loss]) });
    }
    for (const t of results.flatMap((result) => Object.values(result))) t.dispose();
    return { losses: errors };
  }

  /** The parts of a step, as training goes through them. */
  async #train(at: number): Promise<Scalars[]> {
    const state = this.#state;
    state.stepsDone = at;
    const real = this.#picture(`real/${at}`);
    let drawn = 0;
    const results: Scalars[] = [];
    const done: string[] = [];
    const metrics: Record<string, number> = {};
    for (let part = state.nextPart(done); part !== undefined; part = state.nextPart(done, metrics)) {
      const name = part;
      const result = this.#device.withAlgorithm('compensated', () =>
        state.part(
          name,
          { real },
          { latents: () => this.#latents(tensorOf(this.#batches, `z/${at}/${drawn++}`)) },
        ),
      );
      results.push(result);
      done.push(part);
      if (!state.task.scheduleReadsMetrics) continue;
      for (const [metric, value] of Object.entries(result)) metrics[metric] = (await value.data())[0]!;
    }
    real.dispose();
    return results;
  }

  /** @returns the errors of the final weights, and of the pictures that they make. */
  async end(): Promise<Found> {
    const { networks, rates } = this.#state;
    const counts = Object.entries(this.#expected.parameters ?? {}).map(([net, count]) => {
      const own = networks[net as NetworkName].parameters();
      return { name: `the number of the ${net}'s parameters`, error: Math.abs(sizeOfAll(own) / count - 1) };
    });
    const updates = await this.#updates();
    const values = await readAll([...this.#named.values()].map(({ tensor }) => tensor));
    const weights = Array.from(this.#named, ([name, { net, cancelled }], i) => ({
      name,
      error: rmsError(
        values[i]!,
        tensorOf(this.#final, name).data,
        cancelled ? updates[net] * rates[net]! : 0,
      ),
    }));
    const latents = this.#latents(tensorOf(this.#final, 'sample/z'));
    const mode = this.#runningStatistics ? 'eval' : 'train';
    const pictures = this.#device.withAlgorithm('compensated', () =>
      this.#device.scope(() => generate(networks.generator, latents, mode)),
    );
    const error = relativeError(await pictures.data(), tensorOf(this.#final, 'sample/eval_image').data);
    pictures.dispose();
    latents.dispose();
    networks.generator.train();
    quieten(networks);
    return { weights: [...counts, ...weights], pictures: [{ name: 'sample/eval_image', error }] };
  }

  /** How often each network was updated. */
  async #updates(): Promise<Record<NetworkName, number>> {
    const { optimizers } = this.#state;
    const steps = [optimizers.generator, optimizers.discriminator].map((optimizer) => {
      const [, count] = [...optimizer.stateDict()].find(([name]) => name.endsWith('.step'))!;
      return count;
    });
    const [generator, discriminator] = await readAll(steps);
    return { generator: generator![0]!, discriminator: discriminator![0]! };
  }

  snapshot(): Promise<Snapshot> {
    return readStateDict(this.#state.stateDict());
  }

  restore(snapshot: Snapshot): void {
    loadStateDict('a golden run', this.#state.stateDict(), snapshot);
  }

  dispose(): void {
    this.#state.dispose();
  }

  #picture(name: string): Tensor {
    const { data, shape } = tensorOf(this.#batches, name);
    const { channels, imageSize } = this.#state.sizes;
    return tensor(data, [shape[0]!, channels, imageSize, imageSize], { device: this.#device });
  }

  #latents({ data, shape }: Ref): Tensor {
    return tensor(data, [shape[0]!, data.length / shape[0]!, 1, 1], { device: this.#device });
  }
}

interface Named {
  net: NetworkName;
  tensor: Tensor;
  /** A bias that a batch norm takes out again, or the running mean that it shifts. */
  cancelled: boolean;
}

/** Layers that hand a shift of their input on as it is. */
const shiftingLayers = ['MaxPool2d', 'Flatten', 'Reshape', 'Unflatten', 'Identity', 'GaussianNoise'];

/**
 * `<net>/<i>.<kind>.<param>` for every weight and statistic, i counting the layers that have any, in forward order.
 *
 * No gradient reaches a bias that is followed by a batch norm, since the mean takes it out again; there Adam, which
 * divides by √v, makes steps of up to lr out of rounding, and the running mean moves along. Nothing else depends on it.
 */
function goldenNames(networks: GanNetworks): Map<string, Named> {
  const found = new Map<string, Named>();
  for (const net of ['generator', 'discriminator'] as const) {
    let number = 0;
    let bias: string | null = null;
    for (const [, layer] of networks[net].namedModules()) {
      if (layer.namedChildren().length > 0) continue;
      const kind = layerKinds[layer.constructor.name] ?? layer.constructor.name;
      const state = layer.stateDict();
      const prefix = `${net}/${String(number).padStart(2, '0')}.${kind}`;
      const cancels: boolean = kind === 'batch_norm' && bias !== null;
      if (cancels) found.get(bias!)!.cancelled = true;
      for (const [name, tensor] of state) {
        if (!tensor.isFloatingPoint()) continue; // PyTorch's batch counters are not part of the format
        found.set(`${prefix}.${name}`, { net, tensor, cancelled: cancels && name === 'running_mean' });
      }
      if (state.size > 0) number++;
      if (state.has('bias') && kind !== 'batch_norm') bias = `${prefix}.bias`;
      else if (!shiftingLayers.includes(layer.constructor.name)) bias = null;
    }
  }
  return found;
}

/** Turns off what would draw random numbers inside the networks. */
function quieten(networks: GanNetworks): void {
  for (const network of Object.values(networks)) {
    for (const [, layer] of network.namedModules()) {
      if (layer instanceof GaussianNoise || layer instanceof Dropout) layer.eval();
    }
  }
}

/** Factors between the measures of width that a folder may speak of: any layer's of a network that doubles. */
const widthFactors = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 2, 4, 8, 16];

/**
 * Networks of the folder's sizes. The width is the recipe's own measure, or that of another layer: the shapes decide.
 */
function fittingState(
  device: Device,
  recipe: Recipe,
  width: number,
  init: TensorFile['tensors'],
  { real, z }: { real: readonly number[]; z: readonly number[] },
): TrainState<Recipe> {
  const pixels = real.slice(1).reduce((a, b) => a * b);
  const channels = real.length === 4 ? real[1]! : recipe.defaults.channels;
  const sizes = { imageSize: Math.sqrt(pixels / channels), channels, latentSize: z[1]! };
  const build = (factor: number): TrainState<Recipe> =>
    new TrainState(recipe, {
      sizes: { ...sizes, width: width * factor },
      lr: recipe.defaults.lr,
      seed: 0,
      device,
    });
  for (const factor of widthFactors) {
    if (!Number.isInteger(width * factor)) continue;
    const state = build(factor);
    const named = goldenNames(state.networks);
    const fits = [...init].every(
      ([name, { shape }]) => String(named.get(name)?.tensor.shape) === String(shape),
    );
    if (fits) return state;
    state.dispose();
  }
  return build(1); // whose first difference is then told
}

function tensorOf(file: TensorFile, name: string) {
  const found = file.tensors.get(name);
  if (!found) throw new Error(`the folder's files have no tensor "${name}"`);
  return found;
}

function sizeOfAll(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { size }) => sum + size, 0);
}
