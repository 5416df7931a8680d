// `pnpm classifiers [--data DIR] [NAME…]`: trains the small classifiers that evaluation uses, and writes them to
// packages/dcgan/src/classifiers/. The same adapter gives the same bytes; `--check` compares instead of writing.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ImageDataset } from '@forger/dcgan';
import { openTrainer, type TrainState } from '@forger/dcgan';
import { readStateDict } from '@forger/nn';
import { createDevice, type Device, tensor } from '@forger/tensor';
import { type Classifier, classifierNetwork } from '../../packages/dcgan/src/evaluate/classifier.ts';
import { sha256OfBytes } from '../../packages/dcgan/src/sha256.ts';
import { augmented, type ClassifierSpec, SPECS } from './data.ts';
import { writeHalves } from './half.ts';
import { classifierTask, folded } from './task.ts';

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const BATCH = 128;
const LEARNING_RATE = 2e-3;
const SEED = 1;
const NORM_EPS = 1e-5;

/** Trains one classifier and measures it as it will be shipped. */
async function make(
  spec: ClassifierSpec,
  dataDir: string,
  device: Device,
  epochs: number,
): Promise<Classifier> {
  const { name, subject } = spec;
  const { train, test } = await spec.open(dataDir);
  const data = augmented(train, epochs, spec.shift);
  const trainer = await openTrainer(classifierTask, {
    data,
    device,
    batchSize: BATCH,
    lr: LEARNING_RATE,
    seed: SEED,
    epochs: 1,
  });
  const start = Date.now();
  for await (const event of trainer.run()) {
    if (event.type === 'step' && event.step % 100 === 0) {
      const seconds = (Date.now() - start) / 1000;
      console.log(
        `${name}: step ${event.step} of ${trainer.totalSteps}, loss ${event.metrics.loss?.toFixed(4)}, ${seconds.toFixed(0)} s`,
      );
    }
  }
  const state = trainer.state as TrainState<typeof classifierTask>;
  const weights = await readStateDict(state.networks.classifier.stateDict());
  trainer.dispose();
  const bytes = writeHalves(folded(weights as never, NORM_EPS));
  const classifier: Classifier = {
    name,
    subject,
    classes: train.fields.label!.classes,
    channels: train.channels as 1 | 3,
    accuracy: 0,
    testImages: test.length,
    sha256: await sha256OfBytes(bytes),
    weights: Buffer.from(bytes).toString('base64'),
  };
  return { ...classifier, accuracy: await accuracyOf(classifier, test, device) };
}

/** Share of test images that a classifier names rightly. */
async function accuracyOf(classifier: Classifier, test: ImageDataset, device: Device): Promise<number> {
  const network = await classifierNetwork(classifier, { device });
  const { channels, height, width, length } = test;
  const size = channels * height * width;
  let right = 0;
  for (let from = 0; from < length; from += 250) {
    const count = Math.min(250, length - from);
    const pixels = new Uint8Array(count * size);
    for (let i = 0; i < count; i++) test.read(from + i, pixels, i * size);
    const logits = device.scope(() => {
      const images = tensor(
        Float32Array.from(pixels, (p) => p / 255),
        [count, channels, height, width],
        { device },
      );
      return network.extract(images).logits!;
    });
    const values = await logits.data();
    logits.dispose();
    const classes = classifier.classes.length;
    for (let i = 0; i < count; i++) {
      const row = values.subarray(i * classes, (i + 1) * classes);
      if (row.indexOf(Math.max(...row)) === test.fields.label!.read(from + i)) right++;
    }
  }
  network.dispose();
  return right / length;
}

/** The module that holds a classifier. */
function moduleText({ weights, ...facts }: Classifier): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  const literal = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
    return typeof value === 'string' ? quoted(value) : String(value);
  };
  return [
    `// A classifier of ${facts.subject}: made by \`pnpm classifiers\`, not by hand. See docs/evaluation.md.`,
    '',
    "import type { Classifier } from '../evaluate/classifier.ts';",
    '',
    'const weights = [',
    ...weights.match(/.{1,100}/g)!.map((line) => `  '${line}',`),
    "].join('');",
    '',
    'export const classifier: Classifier = {',
    ...Object.entries(facts).map(([key, value]) => `  ${key}: ${literal(value)},`),
    '  weights,',
    '};',
    '',
  ].join('\n');
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: path.join(ROOT, 'data') },
    out: { type: 'string', default: path.join(ROOT, 'packages/dcgan/src/classifiers') },
    epochs: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});

const device = await createDevice();
const accuracies: Record<string, unknown> = {};
for (const spec of SPECS) {
  if (positionals.length > 0 && !positionals.includes(spec.name)) continue;
  const classifier = await make(spec, flags.data, device, flags.epochs ? Number(flags.epochs) : spec.epochs);
  const { accuracy, sha256, testImages } = classifier;
  accuracies[spec.name] = { accuracy, testImages, sha256 };
  const file = path.join(flags.out, `${spec.name}.ts`);
  if (flags.check) {
    const same = existsSync(file) && readFileSync(file, 'utf8').includes(sha256);
    console.log(`${spec.name}: ${same ? 'the same bytes' : 'OTHER BYTES'}`);
    if (!same) process.exitCode = 1;
  } else writeFileSync(file, moduleText(classifier));
  console.log(
    `${spec.name}: ${(100 * accuracy).toFixed(2)} % of ${testImages} test images, sha256 ${sha256}`,
  );
}
const summary = path.join(flags.out, 'classifiers.json');
if (!flags.check) {
  const before = existsSync(summary) ? JSON.parse(readFileSync(summary, 'utf8')) : {};
  writeFileSync(summary, `${JSON.stringify({ ...before, ...accuracies }, null, 2)}\n`);
}
device.destroy();
