// Choices of algorithms that ship with Forger: for each known adapter, those that differ from the rules
// (packages/tensor/src/kernels/choose.ts), with the measurements behind them. Ratios are of the time by the rules.
import type { ProblemFamily, Tunable } from '@forger/tensor/internal';

export interface KernelDefaults {
  readonly name: string;
  /** Matches `adapterName` (tuning.ts). */
  readonly adapter: RegExp;
  /** The conditions and results of the measurement; null if there is none: then the tuner comes first. */
  readonly measured: string | null;
  readonly prefer: readonly Preference[];
}

interface Preference {
  readonly family: ProblemFamily;
  /** Its name (packages/tensor/src/kernels/algorithms.ts). */
  readonly algorithm: string;
  /** Only for problems of fewer multiply-adds. */
  readonly below?: number;
}

export const KERNEL_DEFAULTS: readonly KernelDefaults[] = [
  {
    name: 'lavapipe 25.0',
    adapter: /llvmpipe.* Mesa 25\.0\./s,
    measured:
      'Mesa 25.0.7 (LLVM 15), 2 cores, the 13 convolutions of the steps 32×32 w32, 32×32 w64 and 64×64 w64: the rules were made here, and no algorithm beats them at all sizes of a class.',
    prefer: [],
  },
  {
    name: 'lavapipe 26',
    adapter: /llvmpipe.* Mesa 26\./s,
    measured:
      'Mesa 26.2.6 (LLVM 22), 2 cores, the same problems, processor time of candidates in turn, medians of five rounds. Convolutions, with 256 and with 512 bits: no algorithm beats the rules by more than noise. One window, 256 bits: the transposed convolution by uniform 0.29 to 0.53, by subgroup 0.27 to 0.63; its weight gradient 0.46 to 0.64, 0.54 to 0.82. matmul: uniform 0.55 to 0.9 below 512×512×512, 1.0 there, 1.4 at 1024×1024×1024. Of a whole step that is 1 or 2 %.',
    prefer: [
      { family: 'one window', algorithm: 'uniform' },
      { family: 'matmul', algorithm: 'uniform', below: 2 ** 27 },
    ],
  },
  {
    name: 'NVIDIA',
    adapter: /^nvidia/i,
    measured: null,
    // Reads of workgroup memory that all lanes share were reported to beat shuffles in subgroups (ONNX
    // Runtime #25777, #31703).
    prefer: [
      { family: 'convolution', algorithm: 'tiled' },
      { family: 'matmul', algorithm: 'tiled' },
    ],
  },
];

/** The defaults for an adapter by its name; undefined for an unknown one. */
export function kernelDefaults(adapter: string): KernelDefaults | undefined {
  return KERNEL_DEFAULTS.find((defaults) => defaults.adapter.test(adapter));
}

/** What they choose for these problems, by key; those that they leave to the rules are not named. */
export function defaultChoices(
  { prefer }: KernelDefaults,
  problems: readonly Pick<Tunable, 'key' | 'family' | 'macs' | 'candidates'>[],
): Record<string, string> {
  const choices: Record<string, string> = {};
  for (const { key, family, macs, candidates } of problems) {
    const preferred = prefer.find((p) => p.family === family && macs < (p.below ?? Number.POSITIVE_INFINITY));
    if (preferred && candidates.includes(preferred.algorithm)) choices[key] = preferred.algorithm;
  }
  return choices;
}
