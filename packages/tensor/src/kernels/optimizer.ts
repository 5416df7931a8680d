// What training needs beside autograd: averages of weights, gradient clipping, and optimizer
// steps over flat buffers of parameters. Ordered by increasing complexity; everything works in place.
import { f32 } from '../device/device.ts';
import type { Constant } from '../device/pipelines.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

const constants = { WORKGROUP: flatWorkgroup };

/** average += (1 - decay) · (values - average). Both float32 of one size, a multiple of 4. */
export function updateAverage(average: Tensor, values: Tensor, decay: number): void {
  const vectors = values.size / 4;
  values.device.dispatch(
    { name: 'ema', files: ['optimizer/ema.wgsl'], constants, bindings: ['read', 'write'] },
    [vectors, f32(1 - decay)],
    [values.range, average.range],
    flatGrid(values.device, vectors),
  );
}

/** Limits every element of x to [-limit, limit]; NaN stays. */
export function clipValue(x: Tensor, limit: number): void {
  x.device.dispatch(
    { name: 'clip_value', files: ['optimizer/clip_value.wgsl'], constants, bindings: ['write'] },
    [x.size, f32(limit)],
    [x.range],
    flatGrid(x.device, x.size),
  );
}

/** x *= min(1, maxNorm / (norm + 1e-6)), with `norm` a tensor of one element. */
export function clipToNorm(x: Tensor, norm: Tensor, maxNorm: number): void {
  x.device.dispatch(
    { name: 'clip_norm', files: ['optimizer/clip_norm.wgsl'], constants, bindings: ['read', 'write'] },
    [x.size, f32(maxNorm)],
    [norm.range, x.range],
    flatGrid(x.device, x.size),
  );
}

/** Elements that one invocation squares and sums; more invocations than a GPU has lanes are no use. */
const squaredSumLength = 64;
const mostSquaredSums = 65_536;

/** Partial sums of squares over all the tensors: their total is the squared norm of all taken together. */
export function squaredSums(tensors: readonly Tensor[]): Tensor {
  const parts = tensors.map((x) => Math.min(mostSquaredSums, Math.ceil(x.size / squaredSumLength)));
  const device = tensors[0]!.device;
  const sums = empty([parts.reduce((a, b) => a + b, 0)], { device });
  let first = 0;
  for (const [i, x] of tensors.entries()) {
    device.dispatch(
      {
        name: 'squared_sums',
        files: ['optimizer/squared_sums.wgsl'],
        constants,
        bindings: ['read', 'write'],
      },
      [x.size, parts[i]!, first],
      [x.range, sums.range],
      [Math.ceil(parts[i]! / flatWorkgroup), 1, 1],
    );
    first += parts[i]!;
  }
  return sums;
}

/** Floats per chunk: parameters in a flat buffer start at multiples of it. 4 KiB also satisfies every alignment. */
export const flatChunk = 1024;

/** Floats that the state of one parameter takes in a buffer of states; the step count is the first. */
export const stateStride = 64;

/** A run of neighbouring parameters in flat buffers. The buffers are whole; the run is given in numbers. */
export interface FlatRun {
  /** Parameter values and their gradients, float32, one layout. */
  readonly values: Tensor;
  readonly gradients: Tensor;
  /** uint32: the parameter that each chunk belongs to. */
  readonly owners: Tensor<'uint32'>;
  /** float32, `stateStride` for each parameter. */
  readonly states: Tensor;
  readonly firstParameter: number;
  readonly parameters: number;
  readonly firstChunk: number;
  readonly chunks: number;
}

/**
 * Counts a step of the run's parameters and prepares what their update needs of the count and the learning rate.
 * @param settings float32, the learning rate first.
 * @param betas Adam's; their bias corrections are computed from the count.
 */
export function advanceSteps(run: FlatRun, settings: Tensor, betas: readonly [number, number]): void {
  // log(0) is -∞, which WGSL may not represent; e^-100 is 0 beside 1 in float32 just as well.
  const logs = betas.map((beta) => f32(Math.max(Math.log(beta), -100)));
  settings.device.dispatch(
    {
      name: 'advance_steps',
      files: ['optimizer/step_state.wgsl', 'optimizer/advance.wgsl'],
      constants,
      bindings: ['read', 'write'],
    },
    [run.firstParameter, run.parameters, ...logs],
    [settings.range, run.states.range],
    [Math.ceil(run.parameters / flatWorkgroup), 1, 1],
  );
}

interface UpdateSettings {
  readonly weightDecay: number;
  readonly eps?: number;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly betas?: readonly [number, number];
}

function update(
  name: string,
  files: readonly ShaderFile[],
  switches: Record<string, Constant>,
  run: FlatRun,
  moments: readonly Tensor[],
  settings: UpdateSettings,
): void {
  // A CPU pays for each subgroup that starts: there a chunk is one's work (half the time, measured on lavapipe).
  const WORKGROUP = run.values.device.adapter.software ? 8 : flatWorkgroup;
  const { weightDecay, eps = 0, momentum = 0, dampening = 0, betas = [0, 0] } = settings;
  run.values.device.dispatch(
    {
      name,
      files: ['optimizer/step_state.wgsl', 'optimizer/frame.wgsl', ...files],
      constants: { WORKGROUP, CHUNK: flatChunk, ...switches },
      bindings: ['write', 'read', 'read', 'read', ...moments.map(() => 'write' as const)],
    },
    [
      run.firstChunk,
      run.chunks,
      ...[weightDecay, eps, momentum, 1 - dampening, 1 - betas[0], 1 - betas[1]].map(f32),
    ],
    [run.values, run.gradients, run.owners, run.states, ...moments].map((t) => t.range),
    [Math.min(run.chunks, 65_535), 1, 1],
  );
}

/** The files and constants of the velocity, whose buffer (if any) is bound after `before` other moments. */
function velocity(buffer: Tensor | null, nesterov: boolean, before: number) {
  if (!buffer)
    return { file: 'optimizer/no_momentum.wgsl', switches: {} as Record<string, Constant> } as const;
  const switches: Record<string, Constant> = { NESTEROV: nesterov, MOMENTUM_BINDING: 5 + before };
  return { file: 'optimizer/momentum.wgsl', switches } as const;
}

export interface SgdSettings {
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** One step of stochastic gradient descent. `momentumBuffer` is null exactly when momentum is 0. */
export function sgdStep(run: FlatRun, momentumBuffer: Tensor | null, settings: SgdSettings): void {
  const { file, switches } = velocity(momentumBuffer, settings.nesterov, 0);
  const moments = momentumBuffer ? [momentumBuffer] : [];
  update('sgd', ['optimizer/sgd.wgsl', file], switches, run, moments, settings);
}

export interface RmspropSettings {
  readonly alpha: number;
  readonly eps: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/** One step of RMSprop: centred when there is a `gradAvg`, with momentum when there is a `momentumBuffer`. */
export function rmspropStep(
  run: FlatRun,
  squareAvg: Tensor,
  gradAvg: Tensor | null,
  momentumBuffer: Tensor | null,
  settings: RmspropSettings,
): void {
  const moments = [squareAvg, gradAvg, momentumBuffer].filter((t) => t !== null);
  const { file, switches } = velocity(momentumBuffer, false, gradAvg ? 2 : 1);
  const spread = gradAvg ? 'optimizer/rmsprop_centered.wgsl' : 'optimizer/rmsprop_uncentered.wgsl';
  update('rmsprop', ['optimizer/rmsprop.wgsl', spread, file], switches, run, moments, {
    ...settings,
    betas: [0, settings.alpha],
  });
}

export interface AdamSettings {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** Weight decay apart from the gradient (AdamW). */
  readonly decoupled: boolean;
  readonly epsPlacement: 'pytorch' | 'chainer';
}

/** One step of Adam or AdamW. */
export function adamStep(run: FlatRun, expAvg: Tensor, expAvgSq: Tensor, settings: AdamSettings): void {
  const switches = { DECOUPLED: settings.decoupled, CHAINER: settings.epsPlacement === 'chainer' };
  update('adam', ['optimizer/adam.wgsl'], switches, run, [expAvg, expAvgSq], settings);
}
