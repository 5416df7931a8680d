// The evaluator: what it is given and gives back, its floor and notes, the same bits, and no trace in a run.

import {
  classifierNetwork,
  datasetImages,
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  evaluateEvery,
  findRecipe,
  generatedImages,
  imageDataset,
  openEvaluator,
  openGlyphs,
  pixelNetwork,
  randomNetwork,
  train,
  trainedImages,
} from '@forger/dcgan';
import { loadClassifier } from '@forger/dcgan/classifiers';
import { createDevice, type Device, tensor } from '@forger/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Resizer } from '../../src/evaluate/resize.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

const glyphs = (seed: number, imageSize = 16, channels: 1 | 3 = 1) =>
  openGlyphs({ imageSize, channels, seed });
const firstOf = (length: number) => {
  const data = glyphs(0);
  return imageDataset({ ...data, length, read: data.read, label: data.fields.label! });
};

describe('an evaluation', () => {
  const METRICS = ['frechet', 'kid', 'prdc'];
  const once = async (options: Partial<EvaluationOptions> = {}, seed = 5): Promise<Evaluation> => {
    const network = pixelNetwork(1, { device });
    try {
      return await evaluate(datasetImages(glyphs(1)), datasetImages(firstOf(100)), {
        device,
        network,
        count: 40,
        seed,
        metrics: METRICS,
        ...options,
      });
    } finally {
      network.dispose();
    }
  };

  test('says what was compared, with N, seed, network and floor', async () => {
    const result = await once();
    expect(result).toMatchObject({ generated: 'glyphs', real: 'glyphs', count: 40, seed: 5 });
    expect(result.floor).toBe('further images of glyphs');
    expect(result.network).toMatchObject({
      name: 'pixels',
      size: 256,
      hash: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
    expect(Object.keys(result.values)).toEqual([
      'frechet',
      'kid',
      'precision',
      'recall',
      'density',
      'coverage',
    ]);
    for (const value of Object.values(result.values)) expect(value.floor).toEqual(expect.any(Number));
    expect(result.values.kid).toMatchObject({
      metric: 'kid',
      better: 'smaller',
      standardError: expect.any(Number),
    });
    expect(result.notes.join()).toMatch('40 images in 256 features');
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  test('has the same bits again, and others with another seed', async () => {
    const result = await once();
    expect(await once()).toEqual(result);
    expect((await once({}, 6)).values).not.toEqual(result.values);
  });

  test('takes fewer images where there are fewer, and says so', async () => {
    const result = await once({ count: 150 });
    expect(result.count).toBe(100);
    expect(result.notes.join()).toMatch('150 images were to be compared, and there are 100 real ones');
    expect(result.floor).toBeUndefined();
    expect(result.notes.join()).toMatch('There is no floor');
  });

  test('tells progress up to the end of each stage', async () => {
    const stages = new Map<string, number>();
    await once({ onProgress: ({ stage, done, total }) => stages.set(stage, done / total) });
    for (const stage of ['real images', 'floor', 'floor: kid', 'generated images', 'frechet', 'kid', 'prdc'])
      expect(stages.get(stage), stage).toBe(1);
  });

  test('ends when it is told to', async () => {
    await expect(once({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  test.each([
    [{ metrics: ['fid'] }, /no metric 'fid'.*frechet, kid/],
    [{ metrics: [] }, /No metric/],
    [{ metrics: ['kid', 'kid'] }, /twice/],
    [{ metrics: ['classes'] }, /needs a classifier, and pixels is none/],
    [{ count: 1 }, /at least 2/],
    [{ seed: -1 }, /seed is -1/],
    [{ floor: datasetImages(glyphs(2, 32)) }, /floor's images are of 1×32×32/],
  ])('refuses %j', async (options, message) => {
    await expect(once(options)).rejects.toThrow(message);
  });

  test('refuses images of another shape', async () => {
    const network = pixelNetwork(1, { device });
    const evaluator = await openEvaluator(datasetImages(glyphs(0)), {
      device,
      network,
      count: 20,
      metrics: ['kid'],
    });
    await expect(evaluator.evaluate(datasetImages(glyphs(1, 32)))).rejects.toThrow('1×32×32');
    network.dispose();
  });
});

describe('networks', () => {
  test('resizing is PyTorch 1.13’s interpolate(x, size, mode="bilinear", align_corners=False, antialias=…)', async () => {
    // x = (torch.arange(70).reshape(1, 2, 5, 7) * 37 % 11).float() / 10; the numbers are y[0, 1, 1].
    const x = tensor(
      Float32Array.from({ length: 70 }, (_, i) => ((i * 37) % 11) / 10),
      [1, 2, 5, 7],
      { device },
    );
    const larger = [0.58125, 0.435417, 0.326389, 0.370139, 0.68125, 0.511111, 0.417361, 0.514583, 0.78125];
    const cases = [
      [3, 3, true, [0.500794, 0.575817, 0.399206]],
      [3, 3, false, [0.433333, 1.0, 0.466667]],
      [8, 9, true, larger],
      [8, 9, false, larger],
    ] as const;
    for (const [h, w, antialias, wanted] of cases) {
      const resizer = new Resizer(device, h, w, antialias);
      const y = await resizer.resize(x).data();
      for (const [j, value] of wanted.entries()) expect(y[(h + 1) * w + j]).toBeCloseTo(value, 5);
      resizer.dispose();
    }
    x.dispose();
  });

  test.each(['mnist', 'fashion-mnist', 'glyphs'])(
    'the classifier of %s loads, and fits into 1 MB',
    async (name) => {
      const classifier = await loadClassifier(name);
      expect(classifier.weights.length).toBeLessThan(1e6);
      const network = await classifierNetwork(classifier, { device });
      expect(network).toMatchObject({
        name: `${name}-classifier`,
        size: 64,
        hash: classifier.sha256.slice(0, 12),
      });
      network.dispose();
      const broken = { ...classifier, weights: classifier.weights.replace(/.{8}$/, 'AAAAAAA=') };
      await expect(classifierNetwork(broken, { device })).rejects.toThrow('SHA-256');
    },
  );

  test('the classifier of glyphs names glyphs that it has not seen, grey or in colour, at any size', async () => {
    const network = await classifierNetwork(await loadClassifier('glyphs'), { device });
    for (const [size, channels] of [
      [32, 1],
      [32, 3],
      [64, 1],
    ] as const) {
      const data = glyphs(123, size, channels);
      const count = 200;
      const pixels = new Uint8Array(count * channels * size * size);
      for (let i = 0; i < count; i++) data.read(i, pixels, i * channels * size * size);
      const images = tensor(
        Float32Array.from(pixels, (p) => p / 255),
        [count, channels, size, size],
        { device },
      );
      const logits = await device.scope(() => network.extract(images).logits!).data();
      let right = 0;
      for (let i = 0; i < count; i++) {
        const row = [...logits.subarray(10 * i, 10 * i + 10)];
        if (row.indexOf(Math.max(...row)) === data.fields.label!.read(i)) right++;
      }
      expect(right / count, `${channels} channels of ${size}`).toBeGreaterThan(0.97);
      images.dispose();
    }
    network.dispose();
  });

  test('random convolutions are the same everywhere: the hash of their weights is known', async () => {
    const network = await randomNetwork({ device });
    expect(network.hash).toMatchInlineSnapshot(`"c09f97292212"`);
    network.dispose();
  });
});

describe('sources', () => {
  test('drawn images are rounded to bytes, in RGB', async () => {
    const values = Float32Array.from({ length: 64 * 3 }, (_, i) => [-1.2, 0.001, 1][i % 3]!);
    const source = generatedImages({
      name: 'drawn',
      shape: [3, 1, 1],
      channelOrder: 'bgr',
      draw: () => tensor(values, [64, 3, 1, 1], { device }),
    });
    const batches: Uint8Array[] = [];
    for await (const batch of source.batches(66, 0)) batches.push(batch);
    expect(batches.map(({ length }) => length)).toEqual([64 * 3, 2 * 3]);
    expect([...batches[1]!]).toEqual([255, 128, 0, 255, 128, 0]);
  });

  test('NaN is refused', async () => {
    const draw = () => tensor(new Float32Array(64).fill(Number.NaN), [64, 1, 1, 1], { device });
    const source = generatedImages({ name: 'drawn', shape: [1, 1, 1], draw });
    await expect(async () => {
      for await (const _ of source.batches(1, 0));
    }).rejects.toThrow('NaN');
  });

  test('parts of a data set share no image', () => {
    const source = datasetImages(firstOf(100));
    const parts = [0, 1, 2].flatMap((part) => [...source.indices!(33, 9, part)]);
    expect(new Set(parts).size).toBe(99);
    expect(() => source.indices!(33, 9, 3)).toThrow('holds 100 images');
  });

  test('a run with evaluations takes the same steps as one without, and evaluates to the same bits again', async () => {
    const network = pixelNetwork(1, { device });
    const real = datasetImages(glyphs(0));
    const options = { device, network, count: 64, metrics: ['kid'], withoutFloor: true };
    const evaluator = await openEvaluator(real, options);
    const run = async (evaluated: boolean) => {
      const task = findRecipe('quick').withOptions({ ema: 0.9 });
      const values: number[] = [];
      const hook = evaluateEvery(2, async ({ state }) => {
        for (const average of [undefined, 'ema']) {
          const { kid } = (await evaluator.evaluate(trainedImages(state, { average }))).values;
          values.push(kid!.value);
        }
        return values.at(-1)!;
      });
      const losses: number[] = [];
      const sizes = { width: 4, latentSize: 8 };
      const common = { device, data: glyphs(0), batchSize: 8, sizes, seed: 3 };
      for await (const event of train(task, { ...common, steps: 4, hooks: evaluated ? [hook] : [] }))
        if (event.type === 'step') losses.push(...Object.values(event.metrics));
      return { losses, values };
    };
    const [first, second, plain] = [await run(true), await run(true), await run(false)];
    expect(first.losses).toEqual(plain.losses);
    expect(first.values).toEqual(second.values);
    expect(new Set(first.values).size).toBe(4);
    network.dispose();
  });
});
