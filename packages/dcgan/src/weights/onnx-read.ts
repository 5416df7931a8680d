// A generator from an ONNX model. Its graph tells strides, paddings and activations, so nothing is guessed: nodes that
// follow one another become the layers of a plan, their constants its weights. Operators:
// https://onnx.ai/onnx/operators/.

import { CheckpointError } from '@forger/tensor';
import { shown } from '../printable.ts';
import type { WeightEntry } from './entry.ts';
import type { LayerPlan, NetworkPlan } from './network-plan.ts';
import { Message } from './protobuf-read.ts';

export interface OnnxGenerator {
  readonly plan: NetworkPlan;
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** What the model does not tell. */
  readonly guesses: readonly string[];
}

interface Constant {
  readonly shape: readonly number[];
  /** float32, or whole numbers. */
  readonly data: Float32Array | readonly number[];
}

interface Node {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: ReadonlyMap<string, Message>;
}

const [FLOAT, INT64, DOUBLE] = [1, 7, 11];

/** The bytes where an array of such elements may begin. */
function copied(raw: Uint8Array, bytesPerElement: number): ArrayBuffer {
  if (raw.length % bytesPerElement !== 0)
    throw new CheckpointError('a constant of its is cut short: copy or download it again');
  return new Uint8Array(raw).buffer;
}

function constantOf(tensor: Message): Constant {
  const shape = tensor.integers(1);
  const type = tensor.integer(2);
  const [raw] = tensor.bytes(9);
  if (tensor.integer(14) === 1)
    throw new CheckpointError(
      'its weights lie in another file (external data): save it again with all of them in one',
    );
  if (type === FLOAT)
    return { shape, data: raw ? new Float32Array(copied(raw, 4)) : Float32Array.from(tensor.floats(4)) };
  if (type === INT64)
    return {
      shape,
      data: raw ? Array.from(new BigInt64Array(copied(raw, 8)), Number) : tensor.integers(7),
    };
  if (type === DOUBLE && raw) return { shape, data: Float32Array.from(new Float64Array(copied(raw, 8))) };
  throw new CheckpointError(
    `a constant of its has the type ${type}, and float32, float64 and int64 are read`,
  );
}

/**
 * @param bytes of a `.onnx` file.
 * @throws CheckpointError for a damaged file, and for operators or joins of a graph that are not read, by name.
 */
export function readOnnx(bytes: Uint8Array): OnnxGenerator {
  const model = new Message(bytes);
  const [graph] = model.messages(7);
  if (!graph) throw new CheckpointError('it is an ONNX model without a graph: copy or download it again');
  const constants = new Map(graph.messages(5).map((tensor) => [tensor.text(8), constantOf(tensor)]));
  const nodes = graph.messages(1).map(
    (node): Node => ({
      type: node.text(4),
      inputs: node.texts(1),
      output: node.text(2),
      attributes: new Map(node.messages(5).map((attribute) => [attribute.text(1), attribute])),
    }),
  );
  const [input, ...others] = graph.messages(11).filter((port) => !constants.has(port.text(1)));
  if (!input || others.length > 0)
    throw new CheckpointError(
      `its graph has ${others.length + (input ? 1 : 0)} inputs; a generator with one is read`,
    );
  const dimensions = input.messages(2)[0]?.messages(1)[0]?.messages(2)[0]?.messages(1) ?? [];
  const shape = dimensions.slice(1).map((dimension) => dimension.integer(1));
  if (shape.length === 0 || shape[0]! < 1 || shape.slice(1).some((n) => n !== 1))
    throw new CheckpointError(
      `its input ${shown(input.text(1))} is no batch of latents, [batch, latents] or [batch, latents, 1, 1]`,
    );
  const chain = new Chain(constants, shape);
  chain.value = input.text(1);
  for (const node of nodes) chain.add(node);
  const metadata = new Map(model.messages(14).map((entry) => [entry.text(1), entry.text(2)]));
  return chain.finish(shape[0]!, metadata);
}

const ACTIVATIONS = {
  Relu: 'ReLU',
  Tanh: 'Tanh',
  Sigmoid: 'Sigmoid',
  Softplus: 'Softplus',
  Elu: 'ELU',
} as const;
const PASSED = ['Identity', 'Dropout', 'Cast'];

/** The layers so far, and the shape of one sample. */
class Chain {
  value = '';
  readonly #constants: Map<string, Constant>;
  readonly #layers: LayerPlan[] = [];
  readonly #entries = new Map<string, WeightEntry>();
  #shape: readonly number[];

  constructor(constants: Map<string, Constant>, shape: readonly number[]) {
    this.#constants = constants;
    this.#shape = shape;
    if (shape.length === 1) this.#layers.push({ type: 'Flatten' });
  }

  add(node: Node): void {
    const { type, inputs, output, attributes } = node;
    if (type === 'Constant') {
      const [tensor] = attributes.get('value')?.messages(5) ?? [];
      if (!tensor) throw new CheckpointError('a Constant of its has no tensor, which is not read');
      this.#constants.set(output, constantOf(tensor));
      return;
    }
    // A constant handed on under another name.
    const same = type === 'Identity' ? this.#constants.get(inputs[0]!) : undefined;
    if (same) {
      this.#constants.set(output, same);
      return;
    }
    if (!inputs.includes(this.value))
      throw new CheckpointError(
        `its operator ${shown(type)} does not follow the one before it; a generator whose operators follow one another is read`,
      );
    this.#operator(node);
    this.value = output;
  }

  #operator(node: Node): void {
    const { type, attributes } = node;
    if (PASSED.includes(type)) return;
    if (Object.hasOwn(ACTIVATIONS, type)) {
      if (type === 'Elu' && Math.abs((attributes.get('alpha')?.floats(2)[0] ?? 1) - 1) > 1e-6)
        throw new CheckpointError('its Elu has an alpha other than 1, which is not read');
      this.#layers.push({ type: ACTIVATIONS[type as keyof typeof ACTIVATIONS] });
    } else if (type === 'LeakyRelu')
      this.#layers.push({ type: 'LeakyReLU', negativeSlope: attributes.get('alpha')?.floats(2)[0] ?? 0.01 });
    else if (type === 'Conv' || type === 'ConvTranspose') this.#convolution(node);
    else if (type === 'BatchNormalization' || type === 'InstanceNormalization') this.#norm(node);
    else if (type === 'Gemm' || type === 'MatMul') this.#linear(node);
    else if (type === 'Add') this.#bias(node);
    else if (type === 'Flatten' || type === 'Squeeze') this.#reshape([this.#size()]);
    else if (type === 'Unsqueeze') this.#reshape([this.#size(), 1, 1]);
    else if (type === 'Reshape') this.#reshapeTo(node);
    else if (type === 'Resize' || type === 'Upsample') this.#resize(node);
    else throw new CheckpointError(`its operator ${shown(type)} is not read`);
  }

  #size(): number {
    return this.#shape.reduce((n, d) => n * d, 1);
  }

  #reshape(shape: readonly number[]): void {
    if (shape.join() === this.#shape.join()) return;
    if (shape.some((n) => n < 1) || shape.reduce((n, d) => n * d, 1) !== this.#size())
      throw new CheckpointError(`it reshapes [${this.#shape.join(', ')}] to [${shape.join(', ')}]`);
    this.#layers.push(shape.length === 1 ? { type: 'Flatten' } : { type: 'Reshape', shape });
    this.#shape = shape;
  }

  #constant({ type, inputs }: Node, place: number): Constant | undefined {
    const name = inputs[place];
    if (name === undefined || name === '') return undefined;
    const found = this.#constants.get(name);
    if (!found) throw new CheckpointError(`an input of its ${type} is computed, and a constant is read`);
    return found;
  }

  /** A name for a layer: that of its weight in PyTorch's exports of state dicts, else one of its place. */
  #name({ inputs }: Node): string {
    const base = /^(.+)\.weight$/.exec(inputs[1] ?? '')?.[1] ?? `layer${this.#layers.length}`;
    return this.#entries.has(`${base}.weight`) ? `${base}_${this.#layers.length}` : base;
  }

  #keep(name: string, shape: readonly number[], data: Constant['data'] | undefined): void {
    if (!(data instanceof Float32Array) || data.length !== shape.reduce((n, d) => n * d, 1))
      throw new CheckpointError(`the constant for ${shown(name)} is no float32 [${shape.join(', ')}]`);
    this.#entries.set(name, { shape, dtype: 'float32', read: async () => data });
  }

  #convolution(node: Node): void {
    const { type, attributes } = node;
    const weight = this.#constant(node, 1);
    const bias = this.#constant(node, 2);
    const [channels, height, width] = this.#shape;
    if (weight?.shape.length !== 4 || this.#shape.length !== 3)
      throw new CheckpointError(`its ${type} is not of pictures in two dimensions`);
    const list = (name: string, otherwise: number[]): number[] => {
      const given = attributes.get(name)?.integers(8) ?? [];
      return given.length > 0 ? given : otherwise;
    };
    const automatic = new TextDecoder().decode(attributes.get('auto_pad')?.bytes(4)[0] ?? new Uint8Array(0));
    const pads = list('pads', [0, 0, 0, 0]);
    const [group, dilations] = [attributes.get('group')?.integer(3, 1) ?? 1, list('dilations', [1, 1])];
    if (
      (automatic !== '' && automatic !== 'NOTSET') ||
      group !== 1 ||
      dilations.some((n) => n !== 1) ||
      pads[0] !== pads[2] ||
      pads[1] !== pads[3] ||
      attributes.has('output_shape')
    )
      throw new CheckpointError(
        `its ${type} has groups, dilation, automatic or uneven padding, which is not read`,
      );
    const [a, b, kh, kw] = weight.shape as [number, number, number, number];
    const transposed = type === 'ConvTranspose';
    const [inChannels, outChannels] = transposed ? [a, b] : [b, a];
    if (inChannels !== channels)
      throw new CheckpointError(`its ${type} takes ${inChannels} channels of ${channels}`);
    const stride = list('strides', [1, 1]) as [number, number];
    const padding = [pads[0]!, pads[1]!] as const;
    const outputPadding = list('output_padding', [0, 0]) as [number, number];
    const after = (size: number, i: 0 | 1, kernel: number): number =>
      transposed
        ? (size - 1) * stride[i] - 2 * padding[i] + kernel + outputPadding[i]
        : Math.floor((size + 2 * padding[i] - kernel) / stride[i]) + 1;
    const name = this.#name(node);
    this.#layers.push({
      type: transposed ? 'ConvTranspose2d' : 'Conv2d',
      name,
      ...{ inChannels, outChannels, kernelSize: [kh, kw], stride, padding },
      ...(transposed && { outputPadding }),
      bias: bias !== undefined,
    });
    this.#keep(`${name}.weight`, weight.shape, weight.data);
    if (bias) this.#keep(`${name}.bias`, [outChannels], bias.data);
    this.#shape = [outChannels, after(height!, 0, kh), after(width!, 1, kw)];
  }

  #norm(node: Node): void {
    const { type, attributes } = node;
    const eps = attributes.get('epsilon')?.floats(2)[0] ?? 1e-5;
    const features = this.#shape[0]!;
    const batch = type === 'BatchNormalization';
    const name = this.#name(node);
    if (batch && attributes.get('training_mode')?.integer(3) === 1)
      throw new CheckpointError('its BatchNormalization is in training mode: export it with model.eval()');
    const layer = batch ? (this.#shape.length === 1 ? 'BatchNorm1d' : 'BatchNorm2d') : 'InstanceNorm2d';
    this.#layers.push({ type: layer, name, features, affine: true, eps });
    const tensors = ['weight', 'bias', ...(batch ? ['running_mean', 'running_var'] : [])];
    for (const [i, tensor] of tensors.entries())
      this.#keep(`${name}.${tensor}`, [features], this.#constant(node, i + 1)?.data);
  }

  #linear(node: Node): void {
    const { type, attributes, inputs } = node;
    const weight = this.#constant(node, 1);
    const scale = ['alpha', 'beta'].some((key) => (attributes.get(key)?.floats(2)[0] ?? 1) !== 1);
    if (weight?.shape.length !== 2 || this.#shape.length !== 1 || inputs[0] !== this.value || scale)
      throw new CheckpointError(`its ${type} is no layer of vectors and a constant matrix`);
    if ((attributes.get('transA')?.integer(3) ?? 0) !== 0)
      throw new CheckpointError(`its ${type} has transA`);
    const given = (attributes.get('transB')?.integer(3) ?? 0) === 1;
    const [rows, columns] = weight.shape as [number, number];
    const [outFeatures, inFeatures] = given ? [rows, columns] : [columns, rows];
    const data = weight.data as Float32Array;
    const turned = given
      ? data
      : Float32Array.from(data, (_, i) => data[(i % inFeatures) * outFeatures + Math.floor(i / inFeatures)]!);
    const name = this.#name(node);
    const bias = this.#constant(node, 2);
    this.#layers.push({ type: 'Linear', name, inFeatures, outFeatures, bias: bias !== undefined });
    this.#keep(`${name}.weight`, [outFeatures, inFeatures], turned);
    if (bias) this.#keep(`${name}.bias`, [outFeatures], bias.data);
    this.#shape = [outFeatures];
  }

  /** MatMul and Add are one Linear layer. */
  #bias(node: Node): void {
    const last = this.#layers.at(-1);
    const place = node.inputs[0] === this.value ? 1 : 0;
    const bias = this.#constant(node, place);
    if (last?.type !== 'Linear' || last.bias || !bias)
      throw new CheckpointError('its Add is no bias of a MatMul before it, which is not read');
    this.#layers[this.#layers.length - 1] = { ...last, bias: true };
    this.#keep(`${last.name}.bias`, [last.outFeatures], bias.data);
  }

  #reshapeTo(node: Node): void {
    const to = this.#constant(node, 1)?.data;
    if (!to || to instanceof Float32Array) throw new CheckpointError('its Reshape is to no constant shape');
    const sizes = to.slice(1).map((n, i) => (n === 0 ? (this.#shape[i] ?? 0) : n));
    const known = sizes.filter((n) => n !== -1).reduce((n, d) => n * d, 1);
    this.#reshape(sizes.map((n) => (n === -1 ? this.#size() / known : n)));
  }

  #resize(node: Node): void {
    const text = (name: string, otherwise: string): string => {
      const [bytes] = node.attributes.get(name)?.bytes(4) ?? [];
      return bytes ? new TextDecoder().decode(bytes) : otherwise;
    };
    const scales = this.#constant(node, node.type === 'Upsample' ? 1 : 2)?.data;
    const [n, c, h, w] = scales ? [...scales] : [];
    const mode = text('mode', 'nearest');
    const place = text('coordinate_transformation_mode', 'half_pixel');
    const linear = mode === 'linear' && (place === 'half_pixel' || place === 'pytorch_half_pixel');
    const rounding = text('nearest_mode', 'round_prefer_floor');
    // These repeat each pixel; other pairs shift the picture.
    const nearest =
      mode === 'nearest' &&
      (node.type === 'Upsample' ||
        (place === 'asymmetric' && (rounding === 'floor' || h === 2)) ||
        (place === 'half_pixel' && rounding === 'round_prefer_floor')) &&
      !rounding.includes('ceil');
    if (
      n !== 1 ||
      c !== 1 ||
      h !== w ||
      !Number.isInteger(h) ||
      !(linear || nearest) ||
      this.#shape.length !== 3
    )
      throw new CheckpointError(
        `its ${node.type} is no enlargement by a whole factor, nearest or bilinear, which is not read`,
      );
    this.#layers.push({ type: 'Upsample', scaleFactor: h!, mode: linear ? 'bilinear' : 'nearest' });
    this.#shape = [c * this.#shape[0]!, h! * this.#shape[1]!, h! * this.#shape[2]!];
  }

  finish(latents: number, metadata: ReadonlyMap<string, string>): OnnxGenerator {
    const [channels, height, width] = this.#shape;
    if (this.#shape.length !== 3 || height !== width || ![1, 3, 4].includes(channels!))
      throw new CheckpointError(
        `its output is [${this.#shape.join(', ')}]; square pictures of 1, 3 or 4 channels are read`,
      );
    const last = this.#layers.at(-1)?.type;
    const distribution = metadata.get('latent');
    const plan: NetworkPlan = {
      network: 'generator',
      imageSize: height!,
      channels: channels!,
      latent: { size: latents, distribution: distribution === 'uniform' ? 'uniform' : 'normal' },
      pixelRange: last === 'Sigmoid' ? 'sigmoid' : 'tanh',
      channelOrder: metadata.get('channel_order') === 'bgr' ? 'bgr' : 'rgb',
      layers: this.#layers,
    };
    const guesses = [
      ...(distribution === undefined ? ['the distribution of the latents (--latent uniform)'] : []),
      ...(last === 'Tanh' || last === 'Sigmoid' ? [] : ['the range of pixels']),
    ];
    return { plan, entries: this.#entries, guesses };
  }
}
