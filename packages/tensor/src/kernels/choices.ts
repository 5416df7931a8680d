// Which core each convolution and matrix product takes on a device: by the rules of its kernels, unless the tuner, or the
// run that is resumed, chose one for its sizes.
import type { Device } from '../device/device.ts';
import type { Tensor } from '../tensor.ts';
import { forcedCore, type GemmCore, gemmCores, supportsCore, withGemmCore } from './gemm.ts';

/**
 * Classes of problems that one core is likely to suit: `one window` is a convolution whose window is the whole of x (a
 * generator's first layer, a logit head), `few channels` one of at most 48 weights an output channel (conv-thin.ts).
 */
export type ProblemFamily = 'matmul' | 'convolution' | 'few channels' | 'one window';

/** A problem that several cores can solve. */
export interface Tunable {
  /** Says the problem and its sizes: what a choice is remembered by. */
  readonly key: string;
  readonly family: ProblemFamily;
  /** Multiply-adds of all that `run` computes. */
  readonly macs: number;
  readonly candidates: readonly GemmCore[];
  /**
   * The results on scratch operands, by whatever core is forced. `share` below 1 asks for a smaller batch of the same
   * sizes, where the plain core would take too long.
   */
  readonly run: (operands: readonly Tensor[]) => readonly Tensor[];
  readonly shapes: (share: number) => readonly (readonly number[])[];
}

/** What the tuner found fastest: a core, or what the rules of the kernels take. */
export type Choice = GemmCore | 'rules';

interface Choices {
  readonly chosen: Map<string, Choice>;
  /** While a tuner looks for problems, those that it has met. */
  met: Map<string, Tunable> | null;
}

const ofDevices = new WeakMap<Device, Choices>();

export function choicesOf(device: Device): Choices {
  let choices = ofDevices.get(device);
  if (!choices) {
    choices = { chosen: new Map(), met: null };
    ofDevices.set(device, choices);
  }
  return choices;
}

/** Runs `fn` on the core that is chosen for the problem `key`, or by rule. A forced core goes first. */
export function byChoice<T>(
  device: Device,
  key: string,
  tunable: () => Omit<Tunable, 'key'>,
  fn: () => T,
): T {
  if (forcedCore()) return fn();
  const { chosen, met } = choicesOf(device);
  if (met && !met.has(key)) met.set(key, { key, ...tunable() });
  const core = chosen.get(key);
  return core && core !== 'rules' ? withGemmCore(core, fn) : fn();
}

/** What was chosen for a device, by problem, a core or `rules`: to be kept, and handed to `setChoices` later. */
export function getChoices(device: Device): Record<string, string> {
  return Object.fromEntries(choicesOf(device).chosen);
}

/**
 * Takes over choices made before, in place of those there are.
 * @returns the problems whose core this device cannot run, or does not know; they go by rule.
 */
export function setChoices(device: Device, choices: Readonly<Record<string, string>>): string[] {
  const { chosen } = choicesOf(device);
  chosen.clear();
  const refused: string[] = [];
  for (const [key, name] of Object.entries(choices)) {
    const core = gemmCores.find((known) => known === name);
    if (name === 'rules') chosen.set(key, name);
    else if (core && core !== 'matrix' && supportsCore(device, core)) chosen.set(key, core);
    else refused.push(key);
  }
  return refused;
}
