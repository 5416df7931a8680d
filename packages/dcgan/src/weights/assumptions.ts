// What was assumed of a network that was read from bare weights, in sentences: shapes tell channels and
// kernels; strides, paddings, activations, latents and the range of pictures they do not.

import type { ActivationPlan } from './activation-name.ts';
import type { Reading } from './infer-network.ts';
import type { LayerPlan, NetworkPlan } from './network-plan.ts';

const OUTPUTS = ['Tanh', 'Sigmoid'];

/** What pictures pass, such as `ConvTranspose2d 4×4 s2 p1`, without names. */
export function describeConvolutions({ layers }: Pick<NetworkPlan, 'layers'>): string[] {
  return layers.flatMap((layer): string[] => {
    if (layer.type === 'Upsample') return [`upsampling ×${layer.scaleFactor} ${layer.mode}`];
    if (layer.type !== 'Conv2d' && layer.type !== 'ConvTranspose2d') return [];
    const { kernelSize, stride, padding, outputPadding = [0, 0], name } = layer;
    const both = ([a, b]: readonly [number, number]): string => (a === b ? `${a}` : `${a}×${b}`);
    const added = outputPadding.some((n) => n > 0) ? ` output padding ${both(outputPadding)}` : '';
    return [`${name} ${kernelSize.join('×')} stride ${both(stride)} padding ${both(padding)}${added}`];
  });
}

/** The hidden activations that there are, each once. */
function activationsOf(layers: readonly LayerPlan[]): string {
  const names = hidden(layers).map((layer) =>
    layer.type === 'LeakyReLU' ? `leaky ReLU ${layer.negativeSlope}` : layer.type,
  );
  return [...new Set(names)].join(' and ') || 'none';
}

function hidden(layers: readonly LayerPlan[]): ActivationPlan[] {
  return layers.filter(
    (layer, i): layer is ActivationPlan =>
      isActivation(layer) && !(i === layers.length - 1 && OUTPUTS.includes(layer.type)),
  );
}

const ACTIVATIONS = ['ReLU', 'LeakyReLU', 'ELU', 'GELU', 'SiLU', 'Softplus', 'Tanh', 'Sigmoid'];
function isActivation(layer: LayerPlan): layer is ActivationPlan {
  return ACTIVATIONS.includes(layer.type);
}

/** Pictures' size and channels, latents, layers: everything that was assumed. */
export function assumptions(plan: NetworkPlan, how: string): string[] {
  const { network, imageSize, channels, latent, pixelRange, layers } = plan;
  const eps = [...new Set(layers.flatMap((layer) => ('eps' in layer ? [layer.eps] : [])))];
  const label = layers.find((layer) => layer.type === 'LabelEmbedding');
  const convolutions = describeConvolutions(plan);
  const parts = [
    `${imageSize}×${imageSize} pictures of ${channels} channel${channels === 1 ? '' : 's'}`,
    ...(convolutions.length > 0 ? [convolutions.join(', ')] : []),
    `activations ${activationsOf(layers)}`,
    ...(eps.length > 0 ? [`norms' eps ${eps.join(' and ')}`] : []),
    ...(network === 'generator'
      ? [
          `${latent.size} latents, ${latent.distribution === 'normal' ? 'standard normal' : 'uniform in [-1, 1)'}`,
          `pixels ${pixelRange === 'tanh' ? 'tanh, [-1, 1]' : 'sigmoid, [0, 1]'}`,
        ]
      : []),
    ...(label
      ? [
          `labels ${label.join === 'multiply' ? 'times the latents' : `${label.join} the latents`}, class i mod ${label.classes} for picture i`,
        ]
      : []),
  ];
  const norms = eps.length > 0 ? ', --norm-eps' : '';
  const guesses =
    network === 'generator'
      ? `guessed, as shapes do not tell: strides and paddings (--image-size, --reading, or --network FILE), activations (--activation relu|leaky-relu:0.2), latents (--latent uniform), pixels (--pixel-range sigmoid)${norms}`
      : `guessed, as shapes do not tell: strides and paddings (--image-size, --reading, or --network FILE), activations (--activation)${norms}, and whether a sigmoid follows`;
  const mixed = layers.some(({ type }) => type === 'InstanceNorm2d')
    ? [
        'norms without running statistics are read as instance norms, which batch or layer norms would look like',
      ]
    : [];
  return [`${how}: ${parts.join('; ')}`, guesses, ...mixed];
}

/** Most readings that are listed. */
const MOST_LISTED = 6;

/** The file's other readings, each with the flags that take it; empty when it has none. */
export function otherReadings(readings: readonly Reading[], taken: NetworkPlan): string[] {
  const same = fingerprint(taken);
  const others = readings
    .map(({ plan }, i) => ({ plan, number: i + 1 }))
    .filter(({ plan }) => fingerprint(plan) !== same);
  if (others.length === 0) return [];
  const apart = describeConvolutions(taken);
  const lines = others.slice(0, MOST_LISTED).map(({ plan, number }) => {
    const differing = describeConvolutions(plan).filter((line) => !apart.includes(line));
    const labels = plan.layers.find((layer) => layer.type === 'LabelEmbedding');
    const what = [...differing, ...(labels ? [`labels ${labels.join}`] : [])].join(', ');
    return `${plan.imageSize}×${plan.imageSize} (--reading ${number}${what === '' ? '' : `: ${what}`})`;
  });
  const more = others.length > MOST_LISTED ? `; and ${others.length - MOST_LISTED} more` : '';
  return [`the shapes fit as well: ${lines.join('; ')}${more}`];
}

/** What two plans must share to be one reading: all but names of layers without weights and what flags set. */
function fingerprint({ imageSize, layers }: NetworkPlan): string {
  const labels = layers.find((layer) => layer.type === 'LabelEmbedding');
  return JSON.stringify([imageSize, describeConvolutions({ layers }), labels?.join]);
}

/** The plan with what the user said of it. */
export function withHints(
  plan: NetworkPlan,
  hints: {
    activation?: ActivationPlan | undefined;
    latent?: 'normal' | 'uniform' | undefined;
    pixelRange?: 'tanh' | 'sigmoid' | undefined;
    normEps?: number | undefined;
  },
): NetworkPlan {
  const { activation, latent, pixelRange, normEps } = hints;
  const inner = new Set<LayerPlan>(hidden(plan.layers));
  const layers = plan.layers.map((layer, i): LayerPlan => {
    if (activation && inner.has(layer)) return activation;
    if (normEps !== undefined && 'eps' in layer) return { ...layer, eps: normEps };
    const output = i === plan.layers.length - 1 && OUTPUTS.includes(layer.type);
    if (pixelRange && output && plan.network === 'generator')
      return { type: pixelRange === 'sigmoid' ? 'Sigmoid' : 'Tanh' };
    return layer;
  });
  return {
    ...plan,
    layers,
    ...(latent && { latent: { ...plan.latent, distribution: latent } }),
    ...(pixelRange && { pixelRange }),
  };
}
