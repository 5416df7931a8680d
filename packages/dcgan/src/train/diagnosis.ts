// A diagnosis of a GAN's training in words: what the metrics of its steps and the images of its previews say
// of collapse, a discriminator that won or lost, oscillation, memorisation, losses that grow out of bounds
// and data that are too few.
// Each finding comes with its evidence and with what to try. docs/diagnosis.md gives the reasons for the thresholds.
//
// It is deterministic, leaves training as it is, and its state is plain values: a resumed run finds the same.

import { countOf, diversity, type ImageSet, median, nearestIn, nearestOthers } from './diversity.ts';

/** What can be found. */
export const FINDINGS = {
  'few-images': {
    title: 'There are too few training images',
    advice:
      'Add images: a thousand or more of one kind. With fewer, use a narrower network, look out for copies of training images, and keep the best checkpoint instead of the last.',
  },
  'discriminator-won': {
    title: 'The discriminator has won',
    advice:
      "Slow it down: a quarter of its learning rate, label smoothing of 0.1, noise on its images or spectral norm; or take a loss whose gradient does not vanish, such as hinge or wgan-gp. If it won within the first steps, compare the real images' range, size and colours with the generated ones'.",
  },
  'discriminator-lost': {
    title: 'The discriminator cannot tell real from generated images',
    advice:
      "Strengthen it: twice its learning rate, two updates for each of the generator's, a wider network; take away noise and label smoothing.",
  },
  oscillation: {
    title: 'The two networks overturn each other again and again',
    advice:
      "Halve both learning rates; sample an average of the generator's weights, such as one of decay 0.999; or add spectral norm to the discriminator.",
  },
  collapse: {
    title: 'The generator has collapsed: its images are nearly the same, or few and repeated',
    advice:
      'Go back to a checkpoint before this step, and lower the learning rate of the generator or update the discriminator twice for each of its updates; a hinge or wgan-gp loss and spectral norm collapse less often; so may another seed.',
  },
  memorisation: {
    title: 'The generator copies training images',
    advice: 'Add training images, or augment them; use a narrower network; or take an earlier checkpoint.',
  },
  exploding: {
    title: 'The losses grow out of bounds, and may soon be NaN',
    advice:
      'Lower the learning rate, or go back to the last checkpoint with half of it; spectral norm bounds the discriminator; with wgan-gp, check that the penalty is not left out.',
  },
} as const satisfies Record<string, { title: string; advice: string }>;

export type FindingKind = keyof typeof FINDINGS;

/** Something that began or ended at a step; a line of diagnosis.jsonl. */
export interface DiagnosisEvent {
  readonly step: number;
  readonly kind: FindingKind;
  readonly state: 'began' | 'over';
  readonly title: string;
  /** The numbers that it is seen by, in a sentence. */
  readonly evidence: string;
  /** What to try, in sentences. */
  readonly advice: string;
}

/** What the discriminator's outputs are: between 0 and 1, or numbers of any size. */
export type OutputUnit = 'probability' | 'score';

/** The training data, as far as they are known. */
export interface TrainingImages {
  /** How many there are. */
  readonly count: number;
  /**
   * Some of them, as small as the previews are made: a preview's number for diversity, all of them for memorisation.
   */
  readonly images: ImageSet;
}

export interface DiagnosisOptions {
  /** What the metrics `dReal` and `dFake` are. Unknown: findings that need it are left out. */
  readonly unit?: OutputUnit | undefined;
  readonly batchSize?: number | undefined;
}

/** Steps whose metrics are averaged into one block, and blocks that are kept. */
const BLOCK = 10;
const BLOCKS = 50;
/** Blocks that a verdict on the discriminator looks at. */
const WINDOW = 20;
/** Steps in which every GAN may do anything: D learns the first, coarse difference. */
const WARM_UP = 100;
/** Before this step few generators have found out what varies in the data. */
const IMAGES_FROM = 200;
/** Steps that images must look so for. */
const IMAGES_FOR = 100;
/** A finding is over once it has not been seen for so many steps. */
const OVER_AFTER = 200;

const WON_REAL = 0.99;
const WON_FAKE = 0.01;
const WON_LOSS = 0.005;
const LOST_BY = { probability: 0.02, score: 0.01 } as const;
const SWING_LOW = 0.2;
const SWING_HIGH = 0.6;
const SWINGS = 4;
const EXPLODING = 200;
const GROWTH = 10;
/** Ratios of the images' distances to those of training images. */
const COLLAPSED = 0.1;
const COPIED = 0.5;
/** Fewer images than this are few. */
export const FEW_IMAGES = 1000;

/** Means of the metrics over some steps. */
interface Block {
  /** The last of them. */
  readonly step: number;
  readonly means: Readonly<Record<string, number>>;
}

/** Steps whose mean is not yet taken. */
interface OpenBlock {
  count: number;
  sums: Record<string, number>;
}

/** What a preview says, as ratios to training images. */
interface PreviewFacts {
  readonly step: number;
  readonly spread: number;
  readonly nearest: number;
  readonly copied: number;
}

/** How large the generator's gradient was: first, and last. */
interface Gradients {
  readonly first: Gradient;
  readonly last: Gradient;
}

/** The Euclidean norm of a gradient after a step. */
export interface Gradient {
  readonly step: number;
  readonly norm: number;
}

/** Of a kind that was found: since when, when last, and whether it is over. */
interface Status {
  readonly since: number;
  readonly last: number;
  readonly over: boolean;
}

/** What a checkpoint holds of a diagnosis. */
export interface DiagnosisState {
  readonly blocks: readonly Block[];
  readonly open: OpenBlock;
  readonly previews: readonly (Omit<PreviewFacts, 'spread' | 'nearest' | 'copied'> & Ratios)[];
  readonly found: Readonly<Partial<Record<FindingKind, Status>>>;
  readonly gradients?: Gradients | undefined;
}

/** JSON has no NaN: it is written as null. */
type Ratios = { readonly [name in 'spread' | 'nearest' | 'copied']: number | null };

/** Watches a run. Feed it every step and preview; it says what begins and ends. */
export class Diagnosis {
  readonly #options: DiagnosisOptions;
  #blocks: Block[] = [];
  #open: OpenBlock = { count: 0, sums: {} };
  #previews: PreviewFacts[] = [];
  #found: Partial<Record<FindingKind, Status>> = {};
  #gradients: Gradients | undefined;

  constructor(options: DiagnosisOptions = {}) {
    this.#options = options;
  }

  /** Takes what is known of the data before the first step. */
  data(count: number): DiagnosisEvent[] {
    if (count >= FEW_IMAGES) return [];
    const { batchSize } = this.#options;
    const pass = batchSize === undefined ? '' : ` A pass over them is ${Math.ceil(count / batchSize)} steps.`;
    return this.#seen('few-images', 0, `There are ${count}.${pass}`);
  }

  /** Takes the metrics of a step, in order. @returns what began or ended with it. */
  metrics(step: number, metrics: Readonly<Record<string, number>>): DiagnosisEvent[] {
    const { sums } = this.#open;
    for (const [name, value] of Object.entries(metrics)) sums[name] = (sums[name] ?? 0) + value;
    if (++this.#open.count < BLOCK) return [];
    const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / BLOCK]));
    this.#blocks = [...this.#blocks, { step, means }].slice(-BLOCKS);
    this.#open = { count: 0, sums: {} };
    return (Object.keys(METRIC_RULES) as (keyof typeof METRIC_RULES)[]).flatMap((kind) => {
      const evidence = METRIC_RULES[kind](this.#blocks, this.#options.unit, this.#gradients);
      return evidence === undefined ? this.#unseen(kind, step) : this.#seen(kind, step, evidence);
    });
  }

  /** Takes the images of a preview, of the same size as the training images. */
  preview(step: number, images: ImageSet, training: TrainingImages): DiagnosisEvent[] {
    this.#previews.push(previewFacts(step, images, training));
    // One from before the time that counts is enough.
    while (this.#previews.length > 2 && this.#previews[1]!.step <= step - IMAGES_FOR) this.#previews.shift();
    return (Object.keys(IMAGE_RULES) as (keyof typeof IMAGE_RULES)[]).flatMap((kind) => {
      const evidence = IMAGE_RULES[kind](this.#previews);
      return evidence === undefined ? this.#unseen(kind, step) : this.#seen(kind, step, evidence);
    });
  }

  /** Takes the generator's gradient, for the evidence. */
  gradient(gradient: Gradient): void {
    this.#gradients = { first: this.#gradients?.first ?? gradient, last: gradient };
  }

  state(): DiagnosisState {
    const { sums, count } = this.#open;
    return {
      ...(this.#gradients && { gradients: this.#gradients }),
      blocks: [...this.#blocks],
      open: { count, sums: { ...sums } },
      previews: [...this.#previews],
      found: { ...this.#found },
    };
  }

  /** Goes on from a state, also one that has been through JSON. */
  restore({ blocks, open, previews, found, gradients }: DiagnosisState): void {
    this.#gradients = gradients;
    this.#blocks = blocks.map(({ step, means }) => ({ step, means: withNaN(means) }));
    this.#open = { count: open.count, sums: withNaN(open.sums) };
    this.#previews = previews.map(({ step, ...ratios }) => ({ step, ...withNaN(ratios) }));
    this.#found = { ...found };
  }

  #seen(kind: FindingKind, step: number, evidence: string): DiagnosisEvent[] {
    const before = this.#found[kind];
    const begins = before === undefined || before.over;
    this.#found[kind] = { since: begins ? step : before.since, last: step, over: false };
    return begins ? [{ step, kind, state: 'began', ...FINDINGS[kind], evidence }] : [];
  }

  #unseen(kind: FindingKind, step: number): DiagnosisEvent[] {
    const before = this.#found[kind];
    if (before === undefined || before.over || step - before.last < OVER_AFTER) return [];
    this.#found[kind] = { ...before, over: true };
    const evidence = `Seen from step ${before.since} to ${before.last}, and not since.`;
    return [{ step, kind, state: 'over', ...FINDINGS[kind], evidence }];
  }
}

/** What the discriminator's outputs and the losses say. @returns the evidence, where it is so. */
const METRIC_RULES = {
  'discriminator-won': (blocks, unit, gradients) => {
    const window = lastBlocks(blocks, WINDOW);
    if (!window) return undefined;
    const [real, fake] = [valuesOf(window, 'dReal'), valuesOf(window, 'dFake')];
    const [lossD, lossG] = [valuesOf(window, 'lossD'), valuesOf(window, 'lossG')];
    const certain =
      unit === 'probability' && median(real) > WON_REAL && median(fake) < WON_FAKE && Math.max(...fake) < 0.1;
    // Of losses that are never below 0 and reach it where all images are told apart; a Wasserstein loss is below.
    const nothingLeft = lossD.every((loss) => loss >= 0 && loss < WON_LOSS) && median(real) > median(fake);
    if (!certain && !nothingLeft) return undefined;
    return `${over(window)} D(x) was ${shown(median(real))} and D(G(z)) ${shown(median(fake))}, loss D ${shown(median(lossD))} and loss G ${shown(median(lossG))}${gradientText(gradients)}.`;
  },
  'discriminator-lost': (blocks, unit) => {
    const window = lastBlocks(blocks, WINDOW);
    if (!window || unit === undefined) return undefined;
    const [real, fake] = [valuesOf(window, 'dReal'), valuesOf(window, 'dFake')];
    const gaps = real.map((value, i) => value - fake[i]!);
    // A single block in which it could tell is enough to say nothing.
    if (!gaps.every((gap) => gap < LOST_BY[unit])) return undefined;
    return `${over(window)} D(x) was ${shown(median(real))} and D(G(z)) ${shown(median(fake))}: real images were not rated higher by ${LOST_BY[unit]} or more.`;
  },
  oscillation: (blocks, unit) => {
    const window = lastBlocks(blocks, WINDOW);
    if (!window || unit !== 'probability') return undefined;
    const counted = blocks.filter(({ step }) => step > WARM_UP);
    const [name, count] = (['dFake', 'dReal'] as const)
      .map((metric) => [metric, swings(valuesOf(counted, metric))] as const)
      .reduce((a, b) => (b[1] > a[1] ? b : a));
    if (count < SWINGS) return undefined;
    return `${over(counted)} ${name === 'dFake' ? 'D(G(z))' : 'D(x)'} went ${count} times between below ${SWING_LOW} and above ${SWING_HIGH}.`;
  },
  exploding: (blocks) => {
    const recent = blocks.slice(-5).map(largestLoss);
    const earlier = blocks.slice(0, -5).map(largestLoss);
    if (earlier.length < 10) return undefined;
    const [now, before] = [median(recent), median(earlier)];
    if (!(now > EXPLODING && now > GROWTH * Math.max(before, 1))) return undefined;
    return `Over the last ${5 * BLOCK} steps the larger of the losses was ${shown(now)}; before it was ${shown(before)}.`;
  },
} as const satisfies Partial<
  Record<
    FindingKind,
    (
      blocks: readonly Block[],
      unit: OutputUnit | undefined,
      gradients: Gradients | undefined,
    ) => string | undefined
  >
>;

/** What previews say. @returns the evidence, where it is so. */
const IMAGE_RULES = {
  collapse: (previews) => {
    const seen = lasting(previews, ({ spread, nearest }) => spread < COLLAPSED || nearest < COLLAPSED);
    if (!seen) return undefined;
    const { spread, nearest } = seen.at(-1)!;
    const what = [
      ...(Number.isFinite(spread) ? [`they vary ${shown(spread)} times as much as training images`] : []),
      ...(Number.isFinite(nearest)
        ? [
            `the most similar other one is at ${shown(nearest)} of the distance that it has among training images`,
          ]
        : []),
    ];
    return `In the previews of steps ${seen[0]!.step} to ${seen.at(-1)!.step}: ${what.join(', and ')}.`;
  },
  memorisation: (previews) => {
    const seen = lasting(previews, ({ copied }) => copied < COPIED);
    if (!seen) return undefined;
    return `In the previews of steps ${seen[0]!.step} to ${seen.at(-1)!.step} half of the images are ${shown(1 / seen.at(-1)!.copied)} times as near to a training image as training images are to each other.`;
  },
} as const satisfies Partial<Record<FindingKind, (previews: readonly PreviewFacts[]) => string | undefined>>;

function previewFacts(
  step: number,
  images: ImageSet,
  { count, images: training }: TrainingImages,
): PreviewFacts {
  const { size } = images;
  const shownCount = countOf(images);
  const some: ImageSet = { size, values: training.values.subarray(0, shownCount * size) };
  const [own, real] = [diversity(images), diversity(some)];
  // Of few training images a good generator shows some twice.
  const enough = count >= 4 * shownCount && countOf(training) >= shownCount;
  const known = countOf(training) >= count;
  return {
    step,
    spread: ratio(own.spread, real.spread),
    nearest: enough ? ratio(own.nearest, real.nearest) : Number.NaN,
    copied: known ? ratio(median(nearestIn(images, training)), median(nearestOthers(training))) : Number.NaN,
  };
}

/** Previews of at least two times, far enough apart, that all look so; undefined where the latest do not. */
function lasting(
  previews: readonly PreviewFacts[],
  so: (facts: PreviewFacts) => boolean,
): readonly PreviewFacts[] | undefined {
  const counted = previews.filter(({ step }) => step >= IMAGES_FROM);
  const [first, last] = [counted[0], counted.at(-1)];
  if (!first || !last || last.step - first.step < IMAGES_FOR || !counted.every(so)) return undefined;
  return counted;
}

/** The last blocks, all after the first steps. */
function lastBlocks(blocks: readonly Block[], count: number): readonly Block[] | undefined {
  const window = blocks.slice(-count);
  return window.length === count && window[0]!.step > WARM_UP + BLOCK ? window : undefined;
}

function valuesOf(blocks: readonly Block[], name: string): number[] {
  return blocks.map(({ means }) => means[name] ?? Number.NaN);
}

function largestLoss({ means }: Block): number {
  const [lossD = Number.NaN, lossG = Number.NaN] = [means.lossD, means.lossG];
  return Number.isNaN(lossD) ? Math.abs(lossG) : Math.max(Math.abs(lossD), Math.abs(lossG) || 0);
}

/** How often a value goes from below one level to above another, or back. */
function swings(values: readonly number[]): number {
  let count = 0;
  let side: 'low' | 'high' | undefined;
  for (const value of values) {
    const now = value < SWING_LOW ? 'low' : value > SWING_HIGH ? 'high' : side;
    if (side !== undefined && now !== side) count++;
    side = now;
  }
  return count;
}

function gradientText(gradients: Gradients | undefined): string {
  if (!gradients) return '';
  const { first, last } = gradients;
  const before = first.step === last.step ? '' : `, at step ${first.step} ${shown(first.norm)}`;
  return `; the norm of the generator's gradient was ${shown(last.norm)} at step ${last.step}${before}`;
}

/** NaN where there is nothing to compare with. */
function ratio(value: number, whole: number): number {
  return whole > 0 ? value / whole : Number.NaN;
}

function over(blocks: readonly Block[]): string {
  return `Over steps ${blocks[0]!.step - BLOCK + 1} to ${blocks.at(-1)!.step}`;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function withNaN<K extends string>(values: Readonly<Record<K, number | null>>): Record<K, number> {
  return Object.fromEntries(
    Object.entries<number | null>(values).map(([name, value]) => [name, value ?? Number.NaN]),
  ) as Record<K, number>;
}
