// What metrics need of a set of images: features, probabilities, pixels. One pass over the images, a batch at a time.

import { type Device, noGrad, reshape, softmax, type Tensor, tensor } from '@forger/tensor';
import { mostProbable } from './metrics/classes.ts';
import type { EvaluationOptions, FeatureNetwork, ImageSource, Need, Sample } from './types.ts';

export interface SampleOptions extends Pick<EvaluationOptions, 'onProgress' | 'signal'> {
  readonly count: number;
  readonly part: number;
  readonly seed: number;
  readonly needs: ReadonlySet<Need>;
  readonly network: FeatureNetwork;
  readonly device: Device;
  /** Named in progress reports. */
  readonly stage: string;
}

const BATCH = 256;

export async function takeSample(source: ImageSource, options: SampleOptions): Promise<Sample> {
  const { count, part, seed, needs, network, device, stage, onProgress, signal } = options;
  const { shape } = source;
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const classes = network.classes?.length ?? 0;
  const byNetwork = needs.has('features') || needs.has('probabilities');
  const features = needs.has('features') ? new Float32Array(count * network.size) : undefined;
  const probabilities = needs.has('probabilities') ? new Float32Array(count * classes) : undefined;
  const channelClasses = needs.has('channelClasses') ? new Uint8Array(count * channels) : undefined;
  const pixels = needs.has('pixels') ? new Uint8Array(count * size) : undefined;

  let done = 0;
  const take = async (batch: Uint8Array): Promise<void> => {
    const n = batch.length / size;
    pixels?.set(batch, done * size);
    if (byNetwork || channelClasses) {
      const values = new Float32Array(batch.length);
      for (let i = 0; i < batch.length; i++) values[i] = batch[i]! / 255;
      const wanted = device.scope(() => {
        const images = tensor(values, [n, channels, height, width], { device });
        return noGrad(() => extract(network, images, needs));
      });
      const read = async (t: Tensor | undefined): Promise<Float32Array | undefined> =>
        t && ((await t.data()) as Float32Array);
      const [f, p, c] = await Promise.all([wanted.features, wanted.probabilities, wanted.channels].map(read));
      for (const t of Object.values(wanted)) t?.dispose();
      features?.set(f!, done * network.size);
      probabilities?.set(p!, done * classes);
      channelClasses?.set(
        mostProbable({ rows: n * channels, columns: classes, values: c! }),
        done * channels,
      );
    }
    done += n;
    onProgress?.({ stage, done, total: count });
  };

  const most = Math.min(network.batchSize ?? BATCH, BATCH);
  for await (const batch of rebatched(source.batches(count, seed, part), most * size)) {
    signal?.throwIfAborted();
    await take(batch);
  }
  const matrix = (columns: number, values: Float32Array | undefined) =>
    values && { rows: count, columns, values };
  return {
    count,
    shape,
    ...(features && { features: matrix(network.size, features)! }),
    ...(probabilities && { probabilities: matrix(classes, probabilities)! }),
    ...(channelClasses && { channelClasses }),
    ...(pixels && { pixels }),
    ...(source.indices && { indices: source.indices(count, seed, part) }),
  };
}

interface Extracted {
  readonly features?: Tensor;
  readonly probabilities?: Tensor;
  /** Logits of each channel as a grey image. */
  readonly channels?: Tensor;
}

function extract(network: FeatureNetwork, images: Tensor, needs: ReadonlySet<Need>): Extracted {
  const [n, c, h, w] = images.shape as [number, number, number, number];
  const whole = needs.has('features') || needs.has('probabilities') ? network.extract(images) : undefined;
  return {
    ...(needs.has('features') && { features: whole!.features }),
    ...(needs.has('probabilities') && { probabilities: softmax(whole!.logits!, 1) }),
    ...(needs.has('channelClasses') && {
      channels: network.extract(reshape(images, [n * c, 1, h, w])).logits!,
    }),
  };
}

/**
 * The same bytes in batches of a size, the last aside: the network then meets one shape, and results do not
 * depend on the source's batches.
 */
async function* rebatched(
  batches: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  let buffer = new Uint8Array(bytes);
  let filled = 0;
  for await (let batch of batches) {
    while (batch.length > 0) {
      const part = batch.subarray(0, bytes - filled);
      buffer.set(part, filled);
      filled += part.length;
      batch = batch.subarray(part.length);
      if (filled === bytes) {
        yield buffer;
        buffer = new Uint8Array(bytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
