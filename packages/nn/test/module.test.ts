// Modules: how parts are found and named, modes, freezing, state dicts, memory; and the initial values of weights.
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  EMA,
  Flatten,
  fans,
  GaussianNoise,
  InstanceNorm2d,
  kaimingNormal_,
  kaimingUniform_,
  LeakyReLU,
  Linear,
  Module,
  normal_,
  ones_,
  ReLU,
  readStateDict,
  Sequential,
  SGD,
  summarize,
  uniform_,
  xavierNormal_,
  xavierUniform_,
  zeros_,
} from '@forger/nn';
import {
  backward,
  CheckpointError,
  ConfigError,
  type Device,
  empty,
  mean,
  mul,
  normal,
  Rng,
  readSafetensors,
  type Tensor,
  tensor,
  writeSafetensors,
} from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

class Net extends Module {
  readonly features = new Sequential(new Conv2d(1, 2, 3), new BatchNorm2d(2), new ReLU());
  readonly head: Linear;
  readonly scale: Tensor;

  constructor() {
    super();
    this.scale = this.registerParameter('scale', tensor([1]));
    this.head = new Linear(8, 1);
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(new Flatten().forward(this.features.forward(x))).mul(this.scale);
  }
}

describe('parts', () => {
  test('are found by field, and named by path', () => {
    const net = new Net();
    expect([...net.namedParameters().keys()]).toEqual([
      'scale',
      'features.0.weight',
      'features.0.bias',
      'features.1.weight',
      'features.1.bias',
      'head.weight',
      'head.bias',
    ]);
    expect([...net.namedBuffers().keys()]).toEqual([
      'features.1.running_mean',
      'features.1.running_var',
      'features.1.num_batches_tracked',
    ]);
    expect(net.namedModules().map(([path]) => path)).toEqual([
      '',
      'features',
      'features.0',
      'features.1',
      'features.2',
      'head',
    ]);
  });

  test('shared by two modules count once', () => {
    const shared = new Linear(2, 2);
    const net = new Sequential(shared, new ReLU(), shared);
    expect([...net.namedParameters().keys()]).toEqual(['0.weight', '0.bias']);
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
  });

  test('in a plain list are refused', () => {
    class Listed extends Net {
      readonly more = [new ReLU()];
    }
    expect(() => new Listed().parameters()).toThrow(/list 'more'.*Sequential/);
  });

  test('joined in a way of their own need an outputShape', () => {
    expect(() => summarize(new Net(), [1, 4, 4])).toThrow(ConfigError);
  });
});

describe('a normalisation and the activation behind it', () => {
  const input = (): Tensor => normal([2, 3, 4, 4]);
  const dispatches = (run: () => unknown): number => {
    const before = device.recorder.dispatches;
    device.scope(() => void run());
    return device.recorder.dispatches - before;
  };

  test.each([
    ['BatchNorm2d and ReLU', () => [new BatchNorm2d(3), new ReLU()]],
    ['BatchNorm2d and LeakyReLU', () => [new BatchNorm2d(3), new LeakyReLU(0.2)]],
    ['InstanceNorm2d and LeakyReLU', () => [new InstanceNorm2d(3), new LeakyReLU(0.2)]],
  ] as const)('%s take one pass in a Sequential, and give the same', async (_, make) => {
    const [norm, activation] = make();
    const net = new Sequential(norm!, activation!);
    const x = input();
    for (const mode of [true, false]) {
      net.train(mode);
      const one = dispatches(() => net.forward(x));
      const two = dispatches(() => activation!.forward(norm!.forward(x)));
      expect(two - one).toBe(1);
      const y = Array.from(await net.forward(x).data());
      const apart = Array.from(await activation!.forward(norm!.forward(x)).data());
      expect(y).toEqual(apart.map((v) => expect.closeTo(v, 5)));
    }
    expect(net.namedChildren().map(([name]) => name)).toEqual(['0', '1']);
  });

  test('stay apart where something lies between, or where one behaves in a way of its own', async () => {
    class Halved extends ReLU {
      override forward(x: Tensor): Tensor {
        return mul(super.forward(x), 0.5);
      }
    }
    class Ones extends BatchNorm2d {
      override forward(x: Tensor): Tensor {
        return mul(x, 0).add(1);
      }
    }
    const x = input();
    const [whole, half] = await Promise.all(
      [new ReLU(), new Halved()].map((last) => new Sequential(new BatchNorm2d(3), last).forward(x).data()),
    );
    expect(Array.from(half!)).toEqual(Array.from(whole!).map((v) => expect.closeTo(v / 2, 5)));
    expect(new Set(await new Sequential(new Ones(3), new ReLU()).forward(x).data())).toEqual(new Set([1]));
    const noisy = new Sequential(new BatchNorm2d(3), new GaussianNoise(1), new ReLU());
    const [first, second] = await Promise.all([noisy.forward(x).data(), noisy.forward(x).data()]);
    expect(first).not.toEqual(second);
  });
});

test('train and eval reach every part', () => {
  const net = new Net();
  net.eval();
  expect(net.namedModules().map(([, m]) => m.training)).toEqual(new Array(6).fill(false));
  net.train();
  expect(net.features.training).toBe(true);
});

test('a frozen module gets no gradients, and lets them through', async () => {
  const [g, d] = [new Linear(3, 3), new Linear(3, 1)];
  d.requiresGrad_(false);
  device.scope(() => backward(mean(d.forward(g.forward(normal([4, 3]))))));
  expect(g.weight.grad).not.toBeNull();
  expect(d.parameters().map((p) => p.grad)).toEqual([null, null]);
  d.requiresGrad_(true);
  device.scope(() => backward(mean(d.forward(normal([4, 3])))));
  expect(d.parameters().every((p) => p.grad)).toBe(true);
});

test('parameters outlive the scope that made them, and dispose() frees them', async () => {
  const before = device.memory().liveBuffers;
  const net = device.scope(() => {
    const made = new Net();
    made.forward(normal([2, 1, 4, 4]));
    return made;
  });
  const buffers = net.stateDict().size;
  expect(device.memory().liveBuffers).toBe(before + buffers);
  expect((await net.head.weight.data()).length).toBe(8);
  net.dispose();
  expect(device.memory().liveBuffers).toBe(before);
});

describe('state dicts', () => {
  test('travel through safetensors, with counters as int64', async () => {
    const net = new Net();
    device.scope(() => net.forward(normal([2, 1, 4, 4])));
    const bytes = writeSafetensors(await readStateDict(net.stateDict()), { format: 'pt' });
    const file = readSafetensors(bytes).tensors;
    expect(file.get('features.1.num_batches_tracked')).toMatchObject({ dtype: 'I64', shape: [] });
    const other = new Net();
    expect(other.loadStateDict(file)).toEqual({ missing: [], unexpected: [] });
    expect(await readStateDict(other.stateDict())).toEqual(await readStateDict(net.stateDict()));
    expect(await other.features.namedBuffers().get('1.num_batches_tracked')!.item()).toBe(1);
  });

  test('copy between modules on the device, and onto themselves', async () => {
    const [a, b] = [new Net(), new Net()];
    b.loadStateDict(a.stateDict());
    expect(await readStateDict(b.stateDict())).toEqual(await readStateDict(a.stateDict()));
    a.loadStateDict(a.stateDict());
    expect(await readStateDict(a.stateDict())).toEqual(await readStateDict(b.stateDict()));
  });

  test('copy within one flat buffer', async () => {
    const net = new Sequential(new Linear(2, 2), new Linear(2, 2));
    const sgd = new SGD(net.parameters());
    const { '0.weight': first, '1.weight': second } = Object.fromEntries(net.stateDict());
    net.loadStateDict(new Map([['1.weight', first!]]), { strict: false });
    expect(await second!.data()).toEqual(await first!.data());
    sgd.dispose();
  });

  test('that do not fit are refused with every name, and change nothing', async () => {
    const net = new Linear(3, 2);
    const before = await net.weight.data();
    const load = (): unknown =>
      net.loadStateDict(
        new Map([
          ['weight', tensor([[1, 2]])],
          ['gain', tensor([1])],
        ]),
      );
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(
      /Missing:\n {2}bias\nUnexpected:\n {2}gain\nOf another shape:\n {2}weight: float32 \[1, 2\]/,
    );
    // A shape that does not fit is refused also when not strict, and before anything is written.
    const half = new Map([
      ['bias', tensor([9, 9])],
      ['weight', tensor([1])],
    ]);
    expect(() => net.loadStateDict(half, { strict: false })).toThrow(
      /float32 \[1\] was given, float32 \[2, 3\]/,
    );
    expect(await net.weight.data()).toEqual(before);
    expect([...(await net.bias!.data())]).not.toEqual([9, 9]);
  });

  test('in part are taken when not strict', async () => {
    const net = new Linear(3, 2);
    const report = net.loadStateDict(
      new Map([
        ['bias', tensor([1, 2])],
        ['gain', tensor([1])],
      ]),
      { strict: false },
    );
    expect(report).toEqual({ missing: ['weight'], unexpected: ['gain'] });
    expect([...(await net.bias!.data())]).toEqual([1, 2]);
  });

  test('long lists are cut short', () => {
    const net = new Sequential(...Array.from({ length: 12 }, () => new Linear(1, 1)));
    expect(() => net.loadStateDict(new Map())).toThrow(/4\.bias\n {2}and 14 more/);
  });
});

describe('initial values', () => {
  const statistics = async (x: Tensor) => {
    const values = [...(await x.data())];
    const average = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length);
    return { average, deviation, largest: Math.max(...values.map(Math.abs)) };
  };
  const weight = (): Tensor => empty([40, 25, 3, 3]);
  const rng = (): Rng => new Rng(7);
  // 9000 draws: four standard errors of a deviation are 3% (less for uniform numbers), of a mean 4% of the deviation.
  const near = (actual: number, wanted: number): void =>
    expect(Math.abs(actual / wanted - 1)).toBeLessThan(0.03);

  // fan-in 25 · 9 = 225, fan-out 40 · 9 = 360.
  test.each<[string, (x: Tensor) => Tensor, number, number]>([
    ['normal', (x) => normal_(x, 0, 0.02, { rng: rng() }), 0.02, Number.POSITIVE_INFINITY],
    ['uniform', (x) => uniform_(x, -2, 2, { rng: rng() }), 2 / Math.sqrt(3), 2],
    ['xavierNormal', (x) => xavierNormal_(x, { rng: rng() }), Math.sqrt(2 / 585), Number.POSITIVE_INFINITY],
    [
      'xavierUniform',
      (x) => xavierUniform_(x, { gain: 2, rng: rng() }),
      2 * Math.sqrt(2 / 585),
      2 * Math.sqrt(6 / 585),
    ],
    [
      'kaimingNormal',
      (x) => kaimingNormal_(x, { mode: 'fanOut' }),
      Math.sqrt(2 / 360),
      Number.POSITIVE_INFINITY,
    ],
    [
      'kaimingUniform',
      (x) => kaimingUniform_(x, { a: 0.2 }),
      Math.sqrt(2 / 1.04 / 225),
      Math.sqrt(6 / 1.04 / 225),
    ],
  ])('%s', async (_, fill, deviation, bound) => {
    const found = await statistics(fill(weight()));
    near(found.deviation, deviation);
    expect(Math.abs(found.average)).toBeLessThan(0.04 * deviation);
    expect(found.largest).toBeLessThanOrEqual(Math.fround(bound));
  });

  test('zeros and ones', async () => {
    expect([...(await zeros_(empty([3])).data())]).toEqual([0, 0, 0]);
    expect([...(await ones_(empty([3])).data())]).toEqual([1, 1, 1]);
  });

  test.each<[string, () => { weight: Tensor; bias: Tensor | null }, number]>([
    ['Linear', () => new Linear(100, 90), 100],
    ['Conv2d', () => new Conv2d(20, 30, 4), 20 * 16],
    ['Conv2d in groups', () => new Conv2d(20, 60, 4, { groups: 2 }), 10 * 16],
    // PyTorch takes size(1), the output channels, for the fan-in of a transposed convolution.
    ['ConvTranspose2d', () => new ConvTranspose2d(20, 60, 4, {}), 60 * 16],
  ])('%s starts as in PyTorch: uniform within 1 / √fan-in', async (_, make, fanIn) => {
    const layer = make();
    expect(fans(layer.weight.shape).fanIn).toBe(fanIn);
    const bound = 1 / Math.sqrt(fanIn);
    const found = await statistics(layer.weight);
    near(found.deviation, bound / Math.sqrt(3));
    expect(found.largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(found.largest).toBeGreaterThan(0.99 * bound);
    const bias = await statistics(layer.bias!);
    expect(bias.largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(bias.largest).toBeGreaterThan(0.7 * bound);
  });

  test('are the same from the same seed', async () => {
    const make = (): Promise<unknown> => readStateDict(new Linear(4, 3, { rng: rng() }).stateDict());
    expect(await make()).toEqual(await make());
  });

  test('apply reaches every layer', async () => {
    const net = new Net();
    net.apply((module) => {
      if (module instanceof Conv2d || module instanceof Linear) zeros_(module.weight);
    });
    expect([...(await net.head.weight.data())]).toEqual(new Array(8).fill(0));
    expect(await net.scale.item()).toBe(1);
  });
});

describe('average of weights', () => {
  const weights = async (net: Module): Promise<number[]> => [...(await net.parameters()[0]!.data())];

  test('follows the weights, beside an optimizer of the same parameters', async () => {
    const net = new Linear(2, 1);
    net.weight.write([1, 2]);
    const sgd = new SGD(net.parameters(), { lr: 1 });
    const ema = new EMA(net, 0.75);
    net.weight.grad = tensor([[1, 0]]);
    for (let i = 0; i < 2; i++) {
      sgd.step();
      ema.update();
    }
    // 1 → 0 → -1; the average goes 1 → 0.75 → 0.3125.
    expect(await weights(net)).toEqual([-1, 2]);
    ema.swap();
    expect(await weights(net)).toEqual([0.3125, 2]);
    ema.swap();
    expect(await weights(net)).toEqual([-1, 2]);
    expect([...(await ema.moduleStateDict().get('weight')!.data())]).toEqual([0.3125, 2]);
    ema.dispose();
    sgd.dispose();
    expect(await weights(net)).toEqual([-1, 2]);
  });

  test('is saved and loaded', async () => {
    const [a, b] = [new Linear(2, 1), new Linear(2, 1)];
    const [from, to] = [new EMA(a), new EMA(b)];
    to.loadStateDict(new Map(await readStateDict(from.stateDict())));
    to.swap();
    expect(await weights(b)).toEqual(await weights(a));
  });
});
