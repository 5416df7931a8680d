// Short training runs whose losses are compared with those of recorded ones, and the runs themselves: drawn digits, so
// that no data set is needed, and a seed from which all follows.
import {
  DatasetBatches,
  networkSizes,
  openGlyphs,
  PIXELS,
  type Recipe,
  recipes,
  StepRunner,
  TrainState,
} from '@forger/dcgan';
import { type Device, empty } from '@forger/tensor';
import { writeGrid } from '../../packages/forger/src/report/grid.ts';

export interface TrainingRun {
  readonly recipe: string;
  readonly imageSize: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly batchSize: number;
  readonly steps: number;
}

export const trainingRuns = {
  quick: { recipe: 'quick', imageSize: 32, width: 32, channels: 1, batchSize: 64, steps: 200 },
  pytorch: { recipe: 'pytorch', imageSize: 64, width: 64, channels: 3, batchSize: 128, steps: 50 },
} as const satisfies Record<string, TrainingRun>;

const SEED = 1;
const GRID_PICTURES = 64;

/** Losses of a step: the discriminator's, the generator's. */
export type Losses = readonly [number, number];

export interface TrainingOptions {
  /** Told each step's losses, from the first. It may end the run by returning false. */
  onStep(losses: Losses, step: number): boolean;
  /** Where to write a grid of pictures after the last step. */
  grid?: string;
}

/** A fresh state, and the batches that it is trained on. */
export function newRun(device: Device, run: Omit<TrainingRun, 'steps'>) {
  const { recipe: name, imageSize, width, channels, batchSize } = run;
  const recipe = recipes[name]!;
  const sizes = networkSizes(recipe, { imageSize, width, channels });
  const newState = (): TrainState<Recipe> =>
    new TrainState(recipe, { sizes, lr: recipe.defaults.lr, seed: SEED, device });
  const range = recipe.pixelRange;
  const data = openGlyphs({ imageSize, channels, seed: SEED });
  return { newState, batches: new DatasetBatches(data, { batchSize, seed: SEED, range }), range };
}

/** Trains; throws what the device throws. */
export async function train(
  device: Device,
  run: TrainingRun,
  { onStep, grid }: TrainingOptions,
): Promise<void> {
  const { imageSize, channels, batchSize, steps } = run;
  const { newState, batches, range } = newRun(device, run);
  const everything = (): void => {
    const state = newState();
    state.step({ real: empty([batchSize, channels, imageSize, imageSize], { device }) });
    state.dispose();
  };
  await device.warmUp(device.dryRun(everything));
  const state = newState();
  state.drawFixed(undefined, GRID_PICTURES);
  const runner = new StepRunner(state);
  try {
    for (let step = 0; step < steps; step++) {
      const { values } = await runner.step(batches.next());
      const { lossD, lossG } = await values;
      if (!onStep([lossD!, lossG!], step)) break;
    }
    if (grid === undefined) return;
    const pictures = state.preview();
    const values = await pictures.data();
    const shape = { count: GRID_PICTURES, channels, height: imageSize, width: imageSize };
    await writeGrid(grid, values, { ...shape, range: PIXELS[range] });
    pictures.dispose();
  } finally {
    runner.dispose();
    state.dispose();
  }
}
