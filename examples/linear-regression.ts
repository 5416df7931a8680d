// Linear regression by gradient descent: tensors, gradients and an optimizer, and nothing of GANs.
// Run it: pnpm example linear-regression

import { Adam, Linear, mse } from '@forger/nn';
import { backward, createDevice, normal, scope, tensor } from '@forger/tensor';

const device = await createDevice();

// Points near y = 2a - 3b + 1.
const points = await normal([256, 2]).data();
const noise = await normal([256], { std: 0.1 }).data();
const targets = noise.map((e, i) => 2 * points[2 * i]! - 3 * points[2 * i + 1]! + 1 + e);
const x = tensor(points, [256, 2]);
const y = tensor(targets, [256, 1]);

const model = new Linear(2, 1);
const optimizer = new Adam(model.namedParameters(), { lr: 0.1 });

for (let step = 1; step <= 200; step++) {
  // Tensors created inside the scope are freed when it ends; the loss is returned, so it stays.
  const loss = scope(() => {
    optimizer.zeroGrad();
    const loss = mse(model.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  });
  if (step % 50 === 0) console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
  loss.dispose();
}

const [a, b] = await model.weight.data();
const [c] = await model.bias!.data();
console.log(`y = ${a!.toFixed(2)} a + ${b!.toFixed(2)} b + ${c!.toFixed(2)}, and 2, -3 and 1 were asked for`);
device.destroy();
