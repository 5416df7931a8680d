// What evaluation is made of: images to compare, a network that turns them into features, metrics, and what comes out.
//
//     const evaluator = await openEvaluator(datasetImages(trainingSet), { count: 2000, network, floor: datasetImages(testSet) });
//     const evaluation = await evaluator.evaluate(trainedImages(trainer.state));   // as often as wanted
//     evaluation.values.frechet                                                   // { value, floor, ... }
//
// The real images' features and the floor are computed once, when the evaluator is opened. `evaluate(generated, real,
// options)` does both for a single use. Nothing here imports a Node module: it runs in Node, in a page and in a worker.

import type { Device, Tensor } from '@forger/tensor';
import type { AbortSignal } from '@forger/tensor/internal';

/**
 * Images of one shape as bytes, so that a picture file and the generator that it came from evaluate to the same bits.
 * `datasetImages`, `generatedImages` and `trainedImages` make them.
 */
export interface ImageSource {
  /** For reports, such as `glyphs` or `checkpoint of step 600`. */
  readonly name: string;
  /** Channels are 1 (grey) or 3 (RGB). */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** How many different ones there are; undefined for a generator, which makes as many as are asked for. */
  readonly length?: number | undefined;
  /**
   * `count` images in batches, channel-first, values 0..255. The same count and seed give the same images.
   * @param part which images of a finite source: parts of one seed share none. Default 0.
   */
  batches(count: number, seed: number, part?: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Where these images stand in the source's data set; absent for a generator. */
  indices?(count: number, seed: number, part?: number): Uint32Array;
}

/** A network whose features tell images apart. */
export interface FeatureNetwork {
  /** Letters, digits and -, such as `mnist-classifier`, `random-convolutions`, `pixels` or `inception-2015-12-05`. */
  readonly name: string;
  /** For sentences: `a classifier of MNIST digits (99.1 % of test images right)`. */
  readonly title: string;
  /** First 12 hexadecimal digits of a SHA-256 of the weights; of a network without weights, of its description. */
  readonly hash: string;
  /** Numbers in a feature vector. */
  readonly size: number;
  /** Names of the classes, where the network is a classifier. */
  readonly classes?: readonly string[];
  /** Titles of values that have a name of their own in these features, by the values' names: `{ frechet: 'FID' }`. */
  readonly titles?: Readonly<Record<string, string>>;
  /** Largest batch that it should be given, for the sake of memory. Default 256. */
  readonly batchSize?: number;
  /**
   * Features of images of any size and of 1 or 3 channels: how they are resized, and how grey becomes colour or colour
   * grey, is the network's own and stated where it is made. Nothing waits; tensors are the caller's to free.
   * @param images [N, C, H, W], float32, 0 to 1.
   * @returns features [N, size], and for a classifier logits [N, classes].
   */
  extract(images: Tensor): { readonly features: Tensor; readonly logits?: Tensor };
  /** Frees the weights. */
  dispose(): void;
}

/** Rows of numbers on the host, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** What a metric needs of a set of images. `channelClasses`: the class of each channel by itself, for Stacked MNIST. */
export type Need = 'features' | 'probabilities' | 'pixels' | 'channelClasses';

/** A set of images as metrics see it; holds what the metrics asked for need. */
export interface Sample {
  /** How many images: N. */
  readonly count: number;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** [N, network.size]. */
  readonly features?: Matrix;
  /** Softmax of the network's logits, [N, classes]. */
  readonly probabilities?: Matrix;
  /** [N, C, H, W], bytes. */
  readonly pixels?: Uint8Array;
  /** [N, C]: the most probable class of each channel taken as a grey image. */
  readonly channelClasses?: Uint8Array;
  /** Where the images stand in their data set. */
  readonly indices?: Uint32Array;
}

/** How one value of a metric is read. */
export interface ValueSpec {
  /** For tables, such as `Fréchet distance`. */
  readonly title: string;
  readonly better: 'smaller' | 'larger';
  /**
   * Where the best value is not the least or the greatest: a number, or 'floor' for what real images give.
   * Then nearer is better, and `better` says only in which direction generated images usually err less.
   */
  readonly ideal?: number | 'floor';
  /** Significant digits worth showing. Default 4. */
  readonly digits?: number;
}

/** One value as a metric computes it. */
export interface MetricValue {
  readonly value: number;
  /** Standard error of the mean, where the method has one. */
  readonly standardError?: number;
}

export interface MetricResult {
  /** By the names in the metric's `values`. */
  readonly values: Readonly<Record<string, MetricValue>>;
  /** What else there is to tell, such as a histogram or the nearest training images; JSON can hold it. */
  readonly details?: unknown;
  /** Warnings, such as fewer images than features; one sentence each. */
  readonly notes?: readonly string[];
}

export interface MetricContext {
  readonly device: Device;
  /** Everything random follows from it. */
  readonly seed: number;
  readonly network: FeatureNetwork;
  /** Told of slow metrics' progress, 0 to 1. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A comparison of generated with real images. */
export interface Metric {
  /** What `--metrics` takes: `frechet`, `kid`, `prdc`, … */
  readonly name: string;
  /** One line: what it says. */
  readonly title: string;
  /** Its values by name, the main one first. Names are unique among all metrics. */
  readonly values: Readonly<Record<string, ValueSpec>>;
  readonly needs: readonly Need[];
  /** @throws ConfigError for images that it cannot be computed of, such as too few or too small ones. */
  compute(generated: Sample, real: Sample, context: MetricContext): Promise<MetricResult> | MetricResult;
}

/** What the command and hooks are told while an evaluation is under way. */
export interface EvaluationProgress {
  /** `real images`, `floor`, `generated images`, or the name of a metric. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export interface EvaluationOptions {
  /** Default: the default device. */
  readonly device?: Device;
  /** What turns images into features; not freed by the evaluator. */
  readonly network: FeatureNetwork;
  /**
   * Generated and real images compared: N, at least 2. Fewer where the sources hold fewer, with a note. Default 10,000.
   */
  readonly count?: number;
  /** A whole number from 0 to 2^53-1; the same seed gives the same bits. Default 0. */
  readonly seed?: number;
  /** Names from `METRICS`, or metrics of one's own. Default: `defaultMetrics(network, shape)`. */
  readonly metrics?: readonly (string | Metric)[];
  /**
   * Further real images, such as a test set's: the floor is what every metric gives for them in place of
   * generated ones, at the same N. Default: another part of the real images where they hold 2 N; else there
   * is no floor, and a note.
   */
  readonly floor?: ImageSource | undefined;
  /** Skip the floor. Default false. */
  readonly withoutFloor?: boolean;
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
  /** Once aborted, the evaluation under way throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A value with all that is needed to judge it. */
export interface EvaluatedValue extends ValueSpec, MetricValue {
  /** The metric that it belongs to. */
  readonly metric: string;
  /** The same of real images in place of generated ones; absent where there are none to spare. */
  readonly floor?: number;
  readonly floorStandardError?: number;
}

/** The result of an evaluation; JSON can hold it, and the same inputs and seed give the same bits on one adapter. */
export interface Evaluation {
  /** Names of what was compared. */
  readonly generated: string;
  readonly real: string;
  readonly floor?: string;
  /** Images on each side: N. */
  readonly count: number;
  readonly seed: number;
  readonly network: Pick<FeatureNetwork, 'name' | 'title' | 'hash' | 'size'>;
  /** By name: `frechet`, `kid`, `precision`, … */
  readonly values: Readonly<Record<string, EvaluatedValue>>;
  /** What metrics tell besides, by the metrics' names. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/** Real images made ready, to compare any number of generated sets with. */
export interface Evaluator {
  readonly count: number;
  readonly metrics: readonly Metric[];
  readonly network: FeatureNetwork;
  /** @throws ConfigError when the images' shape is another than the real ones'. */
  evaluate(generated: ImageSource): Promise<Evaluation>;
}
