// One GAN without a trainer: every forward pass, loss and update written out. The generator learns numbers near 4.
// Run it: pnpm example gan-by-hand

import { Adam, bceWithLogits, LeakyReLU, Linear, Sequential } from '@forger/nn';
import { backward, createDevice, mean, noGrad, normal, Rng, scope } from '@forger/tensor';

const device = await createDevice();
const rng = new Rng(1);
const BATCH = 128;

const network = (inputs: number): Sequential =>
  new Sequential(
    new Linear(inputs, 32, { rng }),
    new LeakyReLU(0.2),
    new Linear(32, 32, { rng }),
    new LeakyReLU(0.2),
    new Linear(32, 1, { rng }),
  );
const generator = network(4);
const discriminator = network(1);
const betas = [0.5, 0.999] as const;
const optimizerG = new Adam(generator.namedParameters(), { lr: 1e-3, betas });
const optimizerD = new Adam(discriminator.namedParameters(), { lr: 1e-3, betas });

for (let step = 1; step <= 1500; step++) {
  const losses = scope(() => {
    // The discriminator: real samples have the label 1, generated ones 0.
    const real = normal([BATCH, 1], { mean: 4, std: 0.5, rng });
    const fake = noGrad(() => generator.forward(normal([BATCH, 4], { rng })));
    optimizerD.zeroGrad();
    const lossReal = bceWithLogits(discriminator.forward(real), 1);
    const lossFake = bceWithLogits(discriminator.forward(fake), 0);
    backward(lossReal);
    backward(lossFake); // adds to the gradients
    optimizerD.step();

    // The generator: its samples should get the label 1. The discriminator's own gradients are not wanted.
    optimizerG.zeroGrad();
    discriminator.requiresGrad_(false);
    const lossG = bceWithLogits(discriminator.forward(generator.forward(normal([BATCH, 4], { rng }))), 1);
    backward(lossG);
    discriminator.requiresGrad_(true);
    optimizerG.step();
    return { lossReal, lossFake, lossG };
  });
  if (step % 500 === 0) {
    const [d1, d2, g] = await Promise.all(Object.values(losses).map((loss) => loss.item()));
    console.log(`step ${step}: loss D ${(d1! + d2!).toFixed(3)}, loss G ${g!.toFixed(3)}`);
  }
  for (const loss of Object.values(losses)) loss.dispose();
}

const samples = scope(() => noGrad(() => mean(generator.forward(normal([4096, 4], { rng })))));
console.log(`mean of generated samples ${(await samples.item()).toFixed(2)}, of real ones 4`);
device.destroy();
