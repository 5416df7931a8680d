// Names of activations as flags give them. It imports nothing, so that the command line can be read at once.

const PLAIN = {
  relu: 'ReLU',
  elu: 'ELU',
  gelu: 'GELU',
  silu: 'SiLU',
  softplus: 'Softplus',
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
} as const;

/** An activation and its settings. */
export type ActivationPlan =
  | { readonly type: (typeof PLAIN)[keyof typeof PLAIN] }
  | { readonly type: 'LeakyReLU'; readonly negativeSlope: number };

/** What may be given, for messages. */
export const ACTIVATION_NAMES = `${Object.keys(PLAIN).join(', ')}, leaky-relu or leaky-relu:SLOPE`;

/**
 * The activation of a name such as `relu` or `leaky-relu:0.1` (0.2 unless it is said); undefined when there is none.
 */
export function parseActivation(text: string): ActivationPlan | undefined {
  if (Object.hasOwn(PLAIN, text)) return { type: PLAIN[text as keyof typeof PLAIN] };
  const leaky = /^leaky-relu(?::(\d*\.?\d+))?$/.exec(text);
  return leaky ? { type: 'LeakyReLU', negativeSlope: Number(leaky[1] ?? 0.2) } : undefined;
}
