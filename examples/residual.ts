// A GAN with a network class of one's own: residual blocks, which no layer of @forger/nn has. `gan()` does the rest.
// Train it: pnpm forger train --recipe examples/residual.ts

import { gan, LOSSES, type Sizes } from '@forger/dcgan';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Flatten,
  Linear,
  Module,
  Reshape,
  Sequential,
  Tanh,
} from '@forger/nn';
import { add, leakyRelu, type Rng, type Shape, type Tensor } from '@forger/tensor';

/** x + conv(norm(conv(x))). Modules kept in fields are found by their names: parameters, train(), state dicts. */
class ResidualBlock extends Module {
  readonly conv1: Conv2d;
  readonly norm: BatchNorm2d;
  readonly conv2: Conv2d;

  constructor(channels: number, rng: Rng) {
    super();
    const options = { padding: 1, rng };
    this.conv1 = new Conv2d(channels, channels, 3, options);
    this.norm = new BatchNorm2d(channels, { rng });
    this.conv2 = new Conv2d(channels, channels, 3, options);
  }

  forward(x: Tensor): Tensor {
    const inner = this.conv2.forward(leakyRelu(this.norm.forward(this.conv1.forward(x)), 0.2));
    return leakyRelu(add(x, inner), 0.2);
  }

  // Only `forger info` needs these two: what a sample's shape becomes, and how many multiply-adds it takes.
  override outputShape(input: Shape): Shape {
    return input;
  }
  override macs(input: Shape): number {
    return this.conv1.macs(input) + this.conv2.macs(input);
  }
}

function generator({ imageSize, width, channels, latentSize }: Sizes, rng: Rng): Module {
  const side = imageSize / 4;
  const doubling = { stride: 2, padding: 1, rng };
  return new Sequential({
    flatten: new Flatten(),
    linear: new Linear(latentSize, 2 * width * side * side, { rng }),
    reshape: new Reshape([2 * width, side, side]),
    block1: new ResidualBlock(2 * width, rng),
    up1: new ConvTranspose2d(2 * width, width, 4, doubling),
    block2: new ResidualBlock(width, rng),
    up2: new ConvTranspose2d(width, channels, 4, doubling),
    tanh: new Tanh(),
  });
}

function discriminator({ imageSize, width, channels }: Sizes, rng: Rng): Module {
  const side = imageSize / 4;
  return new Sequential({
    down1: new Conv2d(channels, width, 4, { stride: 2, padding: 1, rng }),
    block1: new ResidualBlock(width, rng),
    pool: new AvgPool2d(2),
    block2: new ResidualBlock(width, rng),
    flatten: new Flatten(),
    linear: new Linear(width * side * side, 1, { rng }),
  });
}

export default gan({
  name: 'residual',
  title: 'residual networks and the hinge loss at 16×16',
  defaults: { data: 'glyphs', imageSize: 16, width: 16, channels: 1, batchSize: 32, lr: 2e-4, steps: 300 },
  generator,
  discriminator,
  objective: LOSSES.hinge,
});
