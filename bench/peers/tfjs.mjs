// The training step in TensorFlow.js, on its webgpu or its wasm backend (the setting). Layout NHWC, as it wants.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pretendWebGpu } from './dawn.mjs';
import { layersOf, serve } from './protocol.mjs';

const require = createRequire(import.meta.url);

/** Backends look for WebGPU when they are loaded. */
async function load(backend) {
  if (backend === 'webgpu') await pretendWebGpu();
  const tf = require('@tensorflow/tfjs');
  const loaded = require(`@tensorflow/tfjs-backend-${backend}`);
  if (backend === 'wasm') {
    loaded.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/'));
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js does not start its ${backend} backend`);
  await tf.ready();
  return tf;
}

await serve(async (given, backend) => {
  const tf = await load(backend);
  const tensor = ({ shape, data }) => tf.tensor(data, shape);
  const variable = (name, order) =>
    tf.tidy(() => {
      const value = tensor(given.tensors.get(name));
      return tf.variable(order ? tf.transpose(value, order) : value, true, name);
    });
  // From [out, in, h, w], of transposed convolutions [in, out, h, w], to [h, w, in, out] and [h, w, out, in].
  const network = (name) =>
    layersOf(given, name).map(({ weight, norm }) => ({
      weight: variable(weight, [2, 3, 1, 0]),
      norm: norm && {
        gamma: variable(`${norm}.weight`),
        beta: variable(`${norm}.bias`),
        mean: variable(`${norm}.running_mean`),
        variance: variable(`${norm}.running_var`),
      },
    }));
  const parameters = (layers) =>
    layers.flatMap(({ weight, norm }) => (norm ? [weight, norm.gamma, norm.beta] : [weight]));

  const normalize = (x, { gamma, beta, mean, variance }) => {
    const moments = tf.moments(x, [0, 1, 2]);
    const count = x.shape[0] * x.shape[1] * x.shape[2];
    const move = (running, batch) => running.assign(tf.add(tf.mul(running, 0.9), tf.mul(batch, 0.1)));
    move(mean, moments.mean);
    move(variance, tf.mul(moments.variance, count / (count - 1)));
    return tf.batchNorm(x, moments.mean, moments.variance, beta, gamma, 1e-5);
  };
  const generate = (layers, latents) => {
    let x = latents;
    for (const [i, { weight, norm }] of layers.entries()) {
      const [n, h, w] = x.shape;
      const channels = weight.shape[2];
      x =
        i === 0
          ? tf.conv2dTranspose(x, weight, [n, 4, 4, channels], 1, 'valid')
          : tf.conv2dTranspose(x, weight, [n, 2 * h, 2 * w, channels], 2, 'same');
      x = norm ? tf.relu(normalize(x, norm)) : tf.tanh(x);
    }
    return x;
  };
  const discriminate = (layers, images) => {
    let x = images;
    for (const [i, { weight, norm }] of layers.entries()) {
      const last = i === layers.length - 1;
      x = last ? tf.conv2d(x, weight, 1, 'valid') : tf.conv2d(x, weight, 2, 'same');
      if (!last) x = tf.leakyRelu(norm ? normalize(x, norm) : x, 0.2);
    }
    return x;
  };
  // -log σ(x) and -log (1 - σ(x)).
  const saysReal = (x) => tf.mean(tf.softplus(tf.neg(x)));
  const saysFake = (x) => tf.mean(tf.softplus(x));

  const [generator, discriminator] = [network('generator'), network('discriminator')];
  const adam = () => tf.train.adam(given.lr, 0.5, 0.999, 1e-8);
  const [adamG, adamD] = [adam(), adam()];
  const real = tf.tidy(() => tf.transpose(tensor(given.real), [0, 2, 3, 1]));
  const latents = given.latents.map((z) => tf.tidy(() => tf.transpose(tensor(z), [0, 2, 3, 1])));

  let losses;
  const step = (i) => {
    losses?.dispose();
    losses = tf.tidy(() => {
      let lossD;
      // The discriminator's update happens inside the generator's function, between its two halves, so that the
      // generated images are computed once. The tape leaves it out, since it does not lead to the generator's loss.
      const forG = () => {
        const fake = generate(generator, latents[i]);
        const forD = () =>
          tf.add(saysReal(discriminate(discriminator, real)), saysFake(discriminate(discriminator, fake)));
        const { value, grads } = tf.variableGrads(forD, parameters(discriminator));
        adamD.applyGradients(grads);
        lossD = tf.keep(value); // past the scope of this function
        return saysReal(discriminate(discriminator, fake));
      };
      const { value: lossG, grads } = tf.variableGrads(forG, parameters(generator));
      adamG.applyGradients(grads);
      const both = tf.stack([lossD, lossG]);
      lossD.dispose();
      return both;
    });
    return async () => [...(await losses.data())];
  };
  return { version: `TensorFlow.js ${tf.version_core}, ${backend}`, step };
});
