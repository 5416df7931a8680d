/**
 * Runs a golden training run through the recipe of its name: every loss, the final weights, pictures in eval mode.
 *
 * Training is piecewise smooth: when a leaky ReLU's input lies within float32's rounding of 0, the slope may come out as
 * 1 or as 0.2, one unit of a small network is about 1 % of a gradient, and Adam passes that on in full. PyTorch's own
 * float32 run leaves its float64 run by 4e-3 in this way where the arithmetic is right to 1e-7. Two measures meet this.
 * Products run on the compensated core, which rounds each sum once (the other cores are held to float64 one by one, in
 * test/gemm.test.ts). And a run is held to shadowing the expected one: should it still stray, it goes back a step or
 * more and starts again with every weight moved by less than its own rounding (1e-7 of it), and the printed line says
 * so. Arithmetic that is right then soon falls on the same side of each kink and agrees to 1e-6 to the end; wrong
 * arithmetic never does, since such a nudge changes a loss by 1e-7.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate, type Networks, type Recipe, recipes, TrainState } from '@forger/dcgan';
import { GaussianNoise, loadStateDict, type Module, readStateDict } from '@forger/nn';
import {
  type Device,
  readAll,
  type SafetensorsEntry,
  type Tensor,
  tensor,
  withGemmCore,
} from '@forger/tensor';
import { type Deviation, relativeError, rmsError, worst } from './errors.ts';
import { readTensorFile, type TensorFile } from './files.ts';

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

/** What expected.json holds. */
interface Expected {
  recipe: string;
  width: number;
  /** A recipe that updates its generator several times a step has as many losses. */
  steps: { loss_d: number; loss_g: number | number[] }[];
  parameters?: Record<keyof Networks, number>;
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

/** Less than float32's rounding, which is 6e-8 to 1.2e-7 of a value, to either side. */
const NUDGE = 1e-7;

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
type Found = Record<Part, Deviation[]>;

type Snapshot = Map<string, SafetensorsEntry>;

/** Whether a folder holds a training run. */
export function isTrainingRun(folder: string): boolean {
  return existsSync(join(folder, 'expected.json'));
}

/**
 * Trains as the folder says and compares.
 * @param mostNudges how often the run may be sent back before it counts as wrong.
 */
export async function runTraining(device: Device, folder: string, mostNudges = 32): Promise<RunResult> {
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
  if (recipe) {
    try {
      await shadow(new GoldenRun(device, folder, expected, recipe), result, mostNudges);
    } catch (error) {
      result.failures.push((error as Error).message);
    }
  }
  return result;
}

/** Follows the expected run to its end, with nudges where it strays. */
async function shadow(run: GoldenRun, result: RunResult, mostNudges: number): Promise<void> {
  const last = result.steps;
  const before: Snapshot[] = [];
  const path: Partial<Found>[] = [];
  let strayedAt = -1;
  let back = 1;
  for (let at = 0; at <= last; ) {
    before[at] ??= await run.snapshot();
    const found = at < last ? { losses: await run.step(at) } : await run.end();
    const failures = failuresOf(found);
    if (failures.length === 0) {
      path[at] = found;
      if (at >= strayedAt) {
        back = 1;
        result.failures = [];
      }
      at++;
      continue;
    }
    if (at >= strayedAt) {
      strayedAt = at;
      result.failures = failures;
      path[at] = found;
    }
    if (result.nudges === mostNudges || at === 0) break;
    at = Math.max(0, at - back++);
    before.length = at + 1;
    run.restore(nudged(before[at]!, ++result.nudges));
  }
  for (const part of parts) result.worst[part] = worst(path.flatMap((found) => found[part] ?? []));
}

function failuresOf(found: Partial<Found>): string[] {
  return parts.flatMap((part) =>
    (found[part] ?? [])
      .filter(({ error }) => !(error <= runTolerance[part]))
      .map(({ name, error }) => `${name} is off by ${error.toExponential(1)}`),
  );
}

/** Weights and statistics moved by at most their own rounding; `seed` says how. */
function nudged(snapshot: Snapshot, seed: number): Snapshot {
  let word = seed;
  const draw = (): number => {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator: good enough to scatter
    return word / 2 ** 31 - 1;
  };
  return new Map(
    Array.from(snapshot, ([name, { shape, data }]) => {
      const moves = data instanceof Float32Array && /^(generator|discriminator)\./.test(name);
      return [name, { shape, data: moves ? data.map((v) => v * (1 + NUDGE * draw())) : data }];
    }),
  );
}

/** One training run: its state on the device, and what the folder expects of it. */
class GoldenRun {
  readonly #device: Device;
  readonly #expected: Expected;
  readonly #batches: TensorFile;
  readonly #final: TensorFile;
  readonly #state: TrainState;
  /** Weights and statistics by the folder's names. */
  readonly #named: ReadonlyMap<string, Tensor>;

  constructor(device: Device, folder: string, expected: Expected, recipe: Recipe) {
    const open = (name: string) => readTensorFile(join(folder, `${name}.safetensors`));
    this.#device = device;
    this.#expected = expected;
    this.#batches = open('batches');
    this.#final = open('final');
    const [, channels, imageSize] = this.#batch('real/0').shape as [number, number, number];
    const sizes = { imageSize, width: expected.width, channels, latentSize: this.#batch('z/0/0').shape[1]! };
    this.#state = new TrainState(recipe, { sizes, lr: recipe.defaults.lr, seed: 0, device });
    const { networks } = this.#state;
    this.#named = new Map([
      ...goldenNames('generator', networks.generator),
      ...goldenNames('discriminator', networks.discriminator),
    ]);
    const init = open('init').tensors;
    for (const [name, { shape, data }] of init) {
      const target = this.#named.get(name);
      if (!target) throw new Error(`init.safetensors has "${name}", which the networks here lack`);
      if (String(target.shape) !== String(shape))
        throw new Error(`"${name}" is [${shape}] in the file and [${target.shape}] here`);
      target.write(Float32Array.from(data));
    }
    const missing = [...this.#named.keys()].find((name) => !init.has(name));
    if (missing) throw new Error(`init.safetensors lacks "${missing}"`);
  }

  /** Trains one step. @returns the errors of its losses. */
  async step(at: number): Promise<Deviation[]> {
    const { loss_d, loss_g } = this.#expected.steps[at]!;
    let drawn = 0;
    const result = withGemmCore('compensated', () =>
      this.#state.step(this.#batch(`real/${at}`), () => this.#batch(`z/${at}/${drawn++}`)),
    );
    const { lossD, lossG = [] } = result;
    const expected = [loss_d, loss_g].flat();
    const measured = [...(lossD ? [lossD] : []), ...lossG];
    if (measured.length !== expected.length)
      throw new Error(`step ${at} has ${measured.length} losses, where ${expected.length} are expected`);
    const values = await readAll(measured);
    for (const t of Object.values(result).flat()) t.dispose();
    return expected.map((loss, i) => ({
      name: `${i === 0 ? 'loss_d' : 'loss_g'} of step ${at}`,
      error: relativeError(values[i]!, [loss]),
    }));
  }

  /** @returns the errors of the final weights, and of the pictures that they make. */
  async end(): Promise<Record<'weights' | 'pictures', Deviation[]>> {
    const { generator } = this.#state.networks;
    const counts = Object.entries(this.#expected.parameters ?? {}).map(([net, count]) => {
      const own = this.#state.networks[net as keyof Networks].parameters();
      return { name: `the number of the ${net}'s parameters`, error: Math.abs(sizeOfAll(own) / count - 1) };
    });
    const values = await readAll([...this.#named.values()]);
    const weights = [...this.#named.keys()].map((name, i) => ({
      name,
      error: rmsError(values[i]!, tensorOf(this.#final, name).data),
    }));
    const z = tensorOf(this.#final, 'sample/z');
    const pictures = withGemmCore('compensated', () =>
      this.#device.scope(() =>
        generate(generator, tensor(z.data, z.shape, { device: this.#device }), 'eval'),
      ),
    );
    const error = relativeError(await pictures.data(), tensorOf(this.#final, 'sample/eval_image').data);
    pictures.dispose();
    generator.train();
    return { weights: [...counts, ...weights], pictures: [{ name: 'sample/eval_image', error }] };
  }

  snapshot(): Promise<Snapshot> {
    return readStateDict(this.#state.stateDict());
  }

  restore(snapshot: Snapshot): void {
    loadStateDict('a golden run', this.#state.stateDict(), snapshot);
  }

  #batch(name: string): Tensor {
    const { shape, data } = tensorOf(this.#batches, name);
    return tensor(data, shape, { device: this.#device });
  }
}

/** `<net>/<i>.<kind>.<param>` for every weight and statistic, i counting the layers that have any, in forward order. */
function goldenNames(net: keyof Networks, network: Module): [string, Tensor][] {
  for (const [, layer] of network.namedModules()) {
    if (layer instanceof GaussianNoise) layer.eval(); // the expected runs have it off
  }
  return network
    .namedModules()
    .filter(([, layer]) => layer.namedChildren().length === 0 && layer.stateDict().size > 0)
    .flatMap(([, layer], i) => {
      const kind = layerKinds[layer.constructor.name] ?? layer.constructor.name;
      const prefix = `${net}/${String(i).padStart(2, '0')}.${kind}`;
      return Array.from(layer.stateDict(), ([name, t]): [string, Tensor] => [`${prefix}.${name}`, t]);
    })
    .filter(([, { dtype }]) => dtype === 'float32'); // PyTorch's batch counters are not part of the format
}

function tensorOf(file: TensorFile, name: string) {
  const found = file.tensors.get(name);
  if (!found) throw new Error(`the folder's files have no tensor "${name}"`);
  return found;
}

function sizeOfAll(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { size }) => sum + size, 0);
}
