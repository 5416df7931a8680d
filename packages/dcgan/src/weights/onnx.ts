// A generator as an ONNX model, in evaluation mode: running statistics, no dropout, no noise. Batch norm stays an
// operation of its own, and constants bear the names of the state dict, so that weights can be found again in the file.
// Operators: https://onnx.ai/onnx/operators/.

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  GaussianNoise,
  Identity,
  InstanceNorm2d,
  LeakyReLU,
  Linear,
  type Module,
  ReLU,
  Reshape,
  readStateDict,
  Sequential,
  Sigmoid,
  Tanh,
  Upsample,
  ZeroPad2d,
} from '@forger/nn';
import { ConfigError, type SafetensorsEntry, type Shape } from '@forger/tensor';
import { FLOAT, GraphBuilder, UINT8 } from './onnx-model.ts';

export interface OnnxOptions {
  readonly latentSize: number;
  /** The range of the generator's pictures: [-1, 1] or [0, 1]. */
  readonly pixelRange: 'tanh' | 'sigmoid';
  /**
   * Take latents [N, latentSize] and give uint8 RGB pictures, as torch-fidelity expects of a generator
   * (https://github.com/toshas/torch-fidelity/blob/master/torch_fidelity/generative_model_onnx.py). Default false:
   * latents [N, latentSize, 1, 1] to float pictures in the generator's range.
   */
  readonly uint8?: boolean;
  /** Order of the generator's colour channels; uint8 images are always RGB. Default 'rgb'. */
  readonly channelOrder?: 'rgb' | 'bgr' | undefined;
  /** Normalise by the statistics of each batch instead of the running ones. Default false. */
  readonly batchStatistics?: boolean | undefined;
  /** Written into the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a `.onnx` file with one input, `z`, and one output, `images`, both with an open batch dimension.
 * @throws ConfigError for a generator with layers other than those imported above.
 */
export async function exportOnnx(generator: Module, options: OnnxOptions): Promise<Uint8Array> {
  const { latentSize, uint8 = false, batchStatistics = false, metadata = {} } = options;
  const graph = new GraphBuilder();
  const exporter = new Exporter(graph, await readStateDict(generator.stateDict()), batchStatistics);
  const latent: Shape = [latentSize, 1, 1];
  graph.fresh('z');
  const x = uint8 ? exporter.reshape('latents', 'z', latent) : 'z';
  const { name, shape } = exporter.layer('', generator, x, latent);
  graph.output('images', uint8 ? exporter.toBytes(name, shape, options) : name);
  return graph.model(
    'generator',
    { name: 'z', type: FLOAT, shape: ['batch', ...(uint8 ? [latentSize] : latent)] },
    {
      name: 'images',
      type: uint8 ? UINT8 : FLOAT,
      shape: ['batch', ...(uint8 ? [3, ...shape.slice(1)] : shape)],
    },
    metadata,
  );
}

interface Value {
  readonly name: string;
  /** Of one sample. */
  readonly shape: Shape;
}

class Exporter {
  readonly #graph: GraphBuilder;
  readonly #state: ReadonlyMap<string, SafetensorsEntry>;
  readonly #batchStatistics: boolean;

  constructor(graph: GraphBuilder, state: ReadonlyMap<string, SafetensorsEntry>, batchStatistics: boolean) {
    this.#graph = graph;
    this.#state = state;
    this.#batchStatistics = batchStatistics;
  }

  /** Adds what a layer computes from `x`; `shape` is of one sample. */
  layer(path: string, layer: Module, x: string, shape: Shape): Value {
    if (layer instanceof Sequential) {
      return layer
        .namedChildren()
        .reduce<Value>(
          (value, [key, child]) =>
            this.layer(path === '' ? key : `${path}.${key}`, child, value.name, value.shape),
          { name: x, shape },
        );
    }
    return { name: this.#operation(path, layer, x, shape), shape: layer.outputShape(shape) };
  }

  #operation(path: string, layer: Module, x: string, shape: Shape): string {
    const graph = this.#graph;
    const name = `/${path.replaceAll('.', '/')}`;
    const node = (type: string, inputs: string[], attributes = {}): string =>
      graph.node(type, `${name}/${type}`, inputs, attributes);
    if (layer instanceof Identity || layer instanceof Dropout || layer instanceof GaussianNoise) return x;
    if (layer instanceof ReLU) return node('Relu', [x]);
    if (layer instanceof LeakyReLU) return node('LeakyRelu', [x], { alpha: layer.negativeSlope });
    if (layer instanceof Tanh) return node('Tanh', [x]);
    if (layer instanceof Sigmoid) return node('Sigmoid', [x]);
    if (layer instanceof Flatten) return node('Flatten', [x], { axis: 1n });
    if (layer instanceof ZeroPad2d) {
      // Before and after, for batch, channels, height and width; negative ones cut off, as in the layer.
      const { top, left, bottom, right } = layer;
      const pads = BigInt64Array.from([0, 0, top, left, 0, 0, bottom, right], BigInt);
      return node('Pad', [x, graph.constant(`${path}.pads`, [8], pads)]);
    }
    if (layer instanceof Upsample) {
      const { scaleFactor, mode } = layer;
      const scales = Float32Array.of(1, 1, scaleFactor, scaleFactor);
      const resized = [x, '', graph.constant(`${path}.scales`, [4], scales)];
      return mode === 'nearest'
        ? node('Resize', resized, {
            mode,
            coordinate_transformation_mode: 'asymmetric',
            nearest_mode: 'floor',
          })
        : node('Resize', resized, { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
    }
    if (layer instanceof InstanceNorm2d && layer.weight && layer.bias)
      return node('InstanceNormalization', [x, ...this.#parameters(path, layer)], { epsilon: layer.eps });
    if (layer instanceof Reshape) return this.reshape(`${name}/Reshape`, x, layer.shape);
    if (layer instanceof Linear && shape.length === 1) {
      return node('Gemm', [x, ...this.#parameters(path, layer)], { transB: 1n });
    }
    if (layer instanceof Conv2d || layer instanceof ConvTranspose2d) {
      const { kernelSize, stride, padding, dilation, groups } = layer;
      return node(layer instanceof Conv2d ? 'Conv' : 'ConvTranspose', [x, ...this.#parameters(path, layer)], {
        kernel_shape: kernelSize,
        strides: stride,
        pads: [...padding, ...padding],
        dilations: dilation,
        group: BigInt(groups),
        ...(layer instanceof ConvTranspose2d && { output_padding: layer.outputPadding }),
      });
    }
    if (layer instanceof BatchNorm1d || layer instanceof BatchNorm2d) {
      return this.#batchNorm(path, name, layer, x, shape);
    }
    throw new ConfigError(
      `The layer ${path} is a ${layer.describe()}, which is not exported to ONNX; write safetensors instead`,
    );
  }

  /** Weight and, where there is one, bias. */
  #parameters(path: string, layer: { bias: unknown }): string[] {
    return [this.#tensor(`${path}.weight`), ...(layer.bias ? [this.#tensor(`${path}.bias`)] : [])];
  }

  #tensor(name: string): string {
    const entry = this.#state.get(name);
    if (!(entry?.data instanceof Float32Array))
      throw new ConfigError(
        `The generator has no tensor ${name} of float32, so it cannot be exported to ONNX`,
      );
    return this.#graph.constant(name, entry.shape, entry.data);
  }

  #batchNorm(path: string, name: string, layer: BatchNorm1d | BatchNorm2d, x: string, shape: Shape): string {
    const graph = this.#graph;
    const features = layer.numFeatures;
    const filled = (value: number): Float32Array => new Float32Array(features).fill(value);
    const weight = layer.weight
      ? this.#tensor(`${path}.weight`)
      : graph.constant(`${path}.ones`, [features], filled(1));
    const bias = layer.bias
      ? this.#tensor(`${path}.bias`)
      : graph.constant(`${path}.zeros`, [features], filled(0));
    if (layer.runningMean && !this.#batchStatistics) {
      const statistics = [this.#tensor(`${path}.running_mean`), this.#tensor(`${path}.running_var`)];
      return graph.node(
        'BatchNormalization',
        `${name}/BatchNormalization`,
        [x, weight, bias, ...statistics],
        {
          epsilon: layer.eps,
        },
      );
    }
    // Without running statistics the batch's own are used in evaluation too: (x - mean) / sqrt(var + eps) w + b.
    const step = (type: string, inputs: string[], attributes = {}): string =>
      graph.node(type, `${name}/${type}`, inputs, attributes);
    const axes = [0, ...shape.slice(1).map((_, i) => i + 2)];
    const average = (value: string): string => step('ReduceMean', [value], { axes, keepdims: 1n });
    const perChannel = (value: string): string => {
      const sizes = BigInt64Array.from([features, ...shape.slice(1).map(() => 1)], BigInt);
      const to = graph.constant(`${path}.channels`, [sizes.length], sizes);
      return step('Reshape', [value, to]);
    };
    const centred = step('Sub', [x, average(x)]);
    const variance = average(step('Mul', [centred, centred]));
    const deviation = step('Sqrt', [step('Add', [variance, graph.scalar(`${path}.eps`, layer.eps)])]);
    const scaled = step('Mul', [step('Div', [centred, deviation]), perChannel(weight)]);
    return step('Add', [scaled, perChannel(bias)]);
  }

  /** Gives every sample the shape; 0 keeps the batch dimension. */
  reshape(name: string, x: string, shape: Shape): string {
    const sizes = BigInt64Array.from([0, ...shape], BigInt);
    const to = this.#graph.constant(this.#graph.fresh(`${name}/shape`), [sizes.length], sizes);
    return this.#graph.node('Reshape', name, [x, to]);
  }

  /** Pictures of the range as whole numbers from 0 to 255, three channels. */
  toBytes(x: string, shape: Shape, { pixelRange, channelOrder }: OnnxOptions): string {
    const graph = this.#graph;
    const white = graph.scalar('white', 255);
    const scaled =
      pixelRange === 'sigmoid'
        ? graph.node('Mul', 'scaled', [x, white])
        : graph.node('Mul', 'scaled', [
            graph.node('Add', 'lifted', [x, graph.scalar('one', 1)]),
            graph.scalar('half_white', 127.5),
          ]);
    const whole = graph.node('Round', 'rounded', [scaled]);
    const clipped = graph.node('Clip', 'clipped', [whole, graph.scalar('black', 0), white]);
    const bytes = graph.node('Cast', 'bytes', [clipped], { to: BigInt(UINT8) });
    if (shape[0] !== 3) return graph.node('Concat', 'rgb', [bytes, bytes, bytes], { axis: 1n });
    if (channelOrder !== 'bgr') return bytes;
    const reversed = graph.constant('red_green_blue', [3], BigInt64Array.of(2n, 1n, 0n));
    return graph.node('Gather', 'rgb', [bytes, reversed], { axis: 1n });
  }
}
