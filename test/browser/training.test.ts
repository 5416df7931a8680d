// @forger/dcgan in a real browser: the bundle trains in a page and in a worker with the losses that Node
// gives, draws from a PyTorch file, and reads data. It needs a Chromium, and is skipped with a word where
// there is none.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idx, idxLabels } from '../../packages/forger/test/data/builders.ts';
import { bundle, FOR_BROWSER } from '../support/bundle.ts';
import { findChromium, NO_CHROMIUM, type Opened, openPage } from './chromium.ts';
import { type Drawn, drawFrom, fingerprintOf, type Outcome, trainSmall } from './work.ts';

const pth = readFileSync(
  fileURLToPath(new URL('../../packages/forger/test/weights/fixtures/torchgan.pth', import.meta.url)),
);
const images = gzipSync(
  idx(
    Uint8Array.from({ length: 8 * 64 }, (_, i) => i),
    8,
    8,
  ),
);
const labels = gzipSync(idxLabels([0, 1, 2, 3, 4, 5, 6, 7]));

const PAGE = `
  import { drawFrom, fingerprintOf, trainSmall } from './work.ts';
  const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const worker = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker('/worker.js', { type: 'module' });
      worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = ({ message }) => reject(new Error(message));
    });
  Object.assign(globalThis, {
    trainSmall,
    trainInWorker: worker,
    draw: async () => drawFrom(await bytes('/torchgan.pth'), 'torchgan.pth'),
    fingerprint: async () => fingerprintOf(await bytes('/images.gz'), await bytes('/labels.gz')),
  });
`;
const WORKER = `
  import { trainSmall } from './work.ts';
  trainSmall().then(postMessage, (error) => postMessage({ error: String(error) }));
`;

describe.skipIf(!findChromium())(`in Chromium${NO_CHROMIUM}`, () => {
  let opened: Opened;
  /** Calls a function of the page. */
  const call = async <T>(name: string): Promise<T> =>
    (await opened.page.evaluate(
      (fn) => (globalThis as never as Record<string, () => unknown>)[fn]!(),
      name,
    )) as T;

  beforeAll(async () => {
    const [page, worker] = await Promise.all(
      [PAGE, WORKER].map((text) => bundle(text, FOR_BROWSER, import.meta.dirname)),
    );
    opened = await openPage({
      '/index.html': '<!doctype html><title>Forger</title><script type="module" src="/page.js"></script>',
      '/page.js': page!.text,
      '/worker.js': worker!.text,
      '/favicon.ico': '',
      '/torchgan.pth': pth,
      '/images.gz': images,
      '/labels.gz': labels,
    });
    await opened.page.waitForFunction(() => 'trainSmall' in globalThis);
  });
  afterAll(async () => {
    await opened?.close();
  });

  test.each([
    ['a page', 'trainSmall'],
    ['a worker', 'trainInWorker'],
  ])('a small GAN trains in %s with the losses that Node gives', async (_, name) => {
    const [there, here] = [await call<Outcome>(name), await trainSmall()];
    expect(opened.errors).toEqual([]);
    expect(there.fingerprint).toBe(here.fingerprint);
    expect(there.steps).toHaveLength(3);
    // Adapters round differently, and Adam's first steps follow the gradients' signs: only the first losses must agree.
    const [theirs, ours] = [there.steps[0]!, here.steps[0]!];
    expect(Object.keys(theirs)).toEqual(Object.keys(ours));
    for (const name of ['lossD', 'lossG', 'dReal', 'dFake'])
      expect(Math.abs(theirs[name]! - ours[name]!), name).toBeLessThan(1e-4);
    for (const step of there.steps) expect(Number.isFinite(step.lossD! + step.lossG!)).toBe(true);
    // It learns something: the discriminator's loss falls.
    expect(there.steps[2]!.lossD!).toBeLessThan(theirs.lossD!);
  });

  test('a page opens a PyTorch file and draws from it what Node draws', async () => {
    const [there, here] = [await call<Drawn>('draw'), await drawFrom(pth, 'torchgan.pth')];
    expect({ ...there, values: [], pixels: [] }).toEqual({ ...here, values: [], pixels: [] });
    const furthest = (a: number[], b: number[]) =>
      a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
    expect(there.values).toHaveLength(here.values.length);
    expect(furthest(there.values, here.values)).toBeLessThan(1e-5);
    // Rounded to bytes: one may lie on the other side of a half.
    expect(furthest(there.pixels, here.pixels)).toBeLessThanOrEqual(1);
    // They are pictures, not one value.
    expect(Math.max(...here.values) - Math.min(...here.values)).toBeGreaterThan(0.02);
  });

  test('a page reads IDX files, gzipped, with the fingerprints that Node gives', async () => {
    expect(await call<string[]>('fingerprint')).toEqual(await fingerprintOf(images, labels));
  });
});
