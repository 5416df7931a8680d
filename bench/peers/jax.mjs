// The training step in jax-js, as one `jit` function. The setting is its device, webgpu or wasm, and with `-phases` its
// transposed convolutions are four plain ones. Every use of an array but the last takes a reference (`.ref`).
import { createRequire } from 'node:module';
import { pretendNavigator, pretendWebGpu } from './dawn.mjs';
import { layersOf, serve } from './protocol.mjs';
import { pretendWorker } from './worker.mjs';

const { version } = createRequire(import.meta.url)('./node_modules/@jax-js/jax/package.json');
const [beta1, beta2, epsilon] = [0.5, 0.999, 1e-8];

let jax;
let lax;
let nn;
let np;
let tree;

/** jax-js looks for threads and WebGPU when it is loaded. */
async function load(device) {
  if (device === 'webgpu') await pretendWebGpu();
  else {
    pretendNavigator();
    pretendWorker();
  }
  jax = await import('@jax-js/jax');
  ({ lax, nn, numpy: np, tree } = jax);
  const found = await jax.init(device);
  if (!found.includes(device)) throw new Error(`jax-js does not start its ${device} device`);
  jax.defaultDevice(device);
}

/** The derivative of a 4×4 convolution of stride 2 and padding 1 in its input, as jax-js offers it. */
const transposed = (x, weight) =>
  lax.convTranspose(
    x,
    weight,
    [2, 2],
    [
      [1, 1],
      [1, 1],
    ],
    { transposeKernel: true },
  );

/**
 * The same as four convolutions: with kernel k, y[2j] = k[3] x[j-1] + k[1] x[j] and y[2j+1] = k[2] x[j] + k[0] x[j+1].
 * @param x [n, c, h, w]  @param weight [c, m, 4, 4]
 */
function transposedAsPhases(x, weight) {
  const [n, c, h, w] = x.shape;
  const m = weight.shape[1];
  // k[3 - (2t + a)] is tap t of phase a.
  const taps = np.flip(weight, [2, 3]).reshape([c, m, 2, 2, 2, 2]).transpose([3, 5, 1, 0, 2, 4]);
  const kernels = np.unstack(taps.reshape([4, m, c, 2, 2]));
  const padding = [
    [1, 0],
    [0, 1],
  ];
  const phases = kernels.map((kernel, i) =>
    lax.convGeneralDilated(x.ref, kernel, [1, 1], [padding[i >> 1], padding[i & 1]]),
  );
  x.dispose();
  return np
    .stack(phases)
    .reshape([2, 2, n, m, h, w])
    .transpose([2, 3, 4, 0, 5, 1])
    .reshape([n, m, 2 * h, 2 * w]);
}

await serve(async (given, setting) => {
  const [device, phases] = setting.split('-');
  await load(device);
  const double = phases ? transposedAsPhases : transposed;
  const array = ({ shape, data }) => np.array(data).reshape(shape);
  const named = (name) => array(given.tensors.get(name));
  const [layersG, layersD] = [layersOf(given, 'generator'), layersOf(given, 'discriminator')];
  const parameters = (layers) =>
    layers.map(({ weight, norm }) =>
      norm
        ? { weight: named(weight), gamma: named(`${norm}.weight`), beta: named(`${norm}.bias`) }
        : { weight: named(weight) },
    );
  const statistics = (layers) =>
    layers
      .filter(({ norm }) => norm)
      .map(({ norm }) => ({ mean: named(`${norm}.running_mean`), variance: named(`${norm}.running_var`) }));
  const moments = (params) => ({
    m: tree.map(np.zerosLike, tree.ref(params)),
    v: tree.map(np.zerosLike, tree.ref(params)),
  });

  /** Batch normalization; adds the batch's statistics to `seen`. */
  const normalize = (x, gamma, beta, seen) => {
    const [n, c, h, w] = x.shape;
    const count = n * h * w;
    const mean = np.mean(x.ref, [0, 2, 3]);
    const centred = x.sub(mean.ref.reshape([1, c, 1, 1]));
    const variance = np.mean(np.square(centred.ref), [0, 2, 3]);
    seen.push({
      mean: lax.stopGradient(mean),
      variance: lax.stopGradient(variance.ref).mul(count / (count - 1)),
    });
    const scale = gamma.div(np.sqrt(variance.add(1e-5)));
    return centred.mul(scale.reshape([1, c, 1, 1])).add(beta.reshape([1, c, 1, 1]));
  };
  const generate = (params, latents) => {
    const seen = [];
    let x = latents;
    for (const [i, { weight, gamma, beta }] of params.entries()) {
      x =
        i === 0
          ? lax.convTranspose(
              x,
              weight,
              [1, 1],
              [
                [0, 0],
                [0, 0],
              ],
              { transposeKernel: true },
            )
          : double(x, weight);
      x = gamma ? nn.relu(normalize(x, gamma, beta, seen)) : np.tanh(x);
    }
    return [x, seen];
  };
  const discriminate = (params, images) => {
    const seen = [];
    let x = images;
    for (const [i, { weight, gamma, beta }] of params.entries()) {
      const last = i === params.length - 1;
      const padding = last ? 0 : 1;
      x = lax.convGeneralDilated(x, weight, last ? [1, 1] : [2, 2], [
        [padding, padding],
        [padding, padding],
      ]);
      if (gamma) x = normalize(x, gamma, beta, seen);
      if (!last) x = nn.leakyRelu(x, 0.2);
    }
    return [x, seen];
  };
  // -log σ(x) and -log (1 - σ(x)).
  const saysReal = (x) => np.mean(nn.softplus(np.negative(x)));
  const saysFake = (x) => np.mean(nn.softplus(x));

  const follow = (running, seen) =>
    running.map(({ mean, variance }, i) => ({
      mean: mean.mul(0.9).add(seen[i].mean.mul(0.1)),
      variance: variance.mul(0.9).add(seen[i].variance.mul(0.1)),
    }));
  /** Adam; `rates` are lr / (1 - β1^t) and 1 / sqrt(1 - β2^t). */
  const update = (params, grads, { m, v }, rates) => {
    const [rate, root] = [rates.ref.slice(0), rates.slice(1)];
    m = tree.map((m, g) => m.mul(beta1).add(g.mul(1 - beta1)), m, tree.ref(grads));
    v = tree.map((v, g) => v.mul(beta2).add(np.square(g).mul(1 - beta2)), v, grads);
    const next = tree.map(
      (p, m, v) => p.sub(m.mul(rate.ref).div(np.sqrt(v).mul(root.ref).add(epsilon))),
      params,
      tree.ref(m),
      tree.ref(v),
    );
    tree.dispose([rate, root]);
    return [next, { m, v }];
  };

  const train = jax.jit(function train({ g, d, adamG, adamD, runningG, runningD }, real, latents, rates) {
    const [fake, backG, seenG] = jax.vjp((g) => generate(g, latents), [tree.ref(g)], { hasAux: true });
    const lossD = (d, real, fake) => {
      const [onReal, seenReal] = discriminate(tree.ref(d), real);
      const [onFake, seenFake] = discriminate(d, fake);
      return [saysReal(onReal).add(saysFake(onFake)), [seenReal, seenFake]];
    };
    const [[valueD, [seenReal, seenFake]], gradsD] = jax.valueAndGrad(lossD, { hasAux: true })(
      tree.ref(d),
      real,
      fake.ref,
    );
    [d, adamD] = update(d, gradsD, adamD, rates.ref);
    const lossG = (fake, d) => {
      const [onFake, seen] = discriminate(d, fake);
      return [saysReal(onFake), seen];
    };
    const [[valueG, seenAfter], gradFake] = jax.valueAndGrad(lossG, { hasAux: true })(fake, tree.ref(d));
    const [gradsG] = backG(gradFake);
    backG.dispose();
    [g, adamG] = update(g, gradsG, adamG, rates);
    runningG = follow(runningG, seenG);
    for (const seen of [seenReal, seenFake, seenAfter]) runningD = follow(runningD, seen);
    return [{ g, d, adamG, adamD, runningG, runningD }, np.stack([valueD, valueG])];
  });

  const [g, d] = [parameters(layersG), parameters(layersD)];
  let state = {
    g,
    d,
    adamG: moments(g),
    adamD: moments(d),
    runningG: statistics(layersG),
    runningD: statistics(layersD),
  };
  const real = array(given.real);
  const latents = given.latents.map(array);
  let [count, losses] = [0, undefined];
  const step = (i) => {
    count++;
    losses?.dispose();
    const rates = np.array([given.lr / (1 - beta1 ** count), 1 / Math.sqrt(1 - beta2 ** count)]);
    [state, losses] = train(state, real.ref, latents[i].ref, rates);
    return async () => [...(await losses.ref.data())];
  };
  return { version: `jax-js ${version}, ${device}${phases ? ', phases' : ''}`, step };
});
