// Labels on their way from disk to the data set: found where they lie, matched with the pictures, never read unasked.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { folderLabels } from '../../src/data/folder-labels.ts';
import {
  idxReader,
  type LabelFile,
  NAMED_SETS,
  type NamedSet,
  openNamed,
  rawSet,
} from '../../src/data/named.ts';
import { zip } from '../weights/builders.ts';
import {
  cifar,
  idx,
  idxLabels,
  options,
  readImage,
  rejection,
  sharp,
  temporaryFolder,
  write,
} from './helpers.ts';

const labelled = { ...options, labels: true };
const pixels = Uint8Array.from({ length: 4 * 64 }, (_, i) => i);
const images = idx(pixels, 8, 8);

type Opened = Awaited<ReturnType<typeof openDataset>>;

/** Every label of a set; undefined where it has none. */
function labelsOf({ fields, length }: Opened): number[] | undefined {
  const { label } = fields;
  return label && Array.from({ length }, (_, i) => label.read(i));
}

describe('IDX', () => {
  test.each([
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
    ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'],
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte.gz'],
    ['train-images.idx3-ubyte', 'train-labels.idx1-ubyte'],
    ['train-images.idx3-ubyte', 'train-labels-idx1-ubyte'],
    ['MNIST/raw/train-images-idx3-ubyte', 'MNIST/raw/train-labels-idx1-ubyte'],
    ['emnist-letters-train-images-idx3-ubyte', 'emnist-letters-train-labels-idx1-ubyte'],
  ])('labels of %s are found in %s', async (imageName, labelName) => {
    const folder = temporaryFolder();
    const packed = (name: string, content: Buffer) => (name.endsWith('.gz') ? gzipSync(content) : content);
    write(folder, imageName, packed(imageName, images));
    write(folder, labelName, packed(labelName, idxLabels([3, 0, 1, 3])));
    const dataset = await openDataset(folder, labelled);
    expect(labelsOf(dataset)).toEqual([3, 0, 1, 3]);
    expect(dataset.fields.label!.classes).toEqual(['0', '1', '2', '3']);
    expect(dataset.notes).toEqual([]);
    expect(labelsOf(await openDataset(path.join(folder, imageName), labelled))).toEqual([3, 0, 1, 3]);
  });

  test('the fingerprint of the pictures is the same with labels, and that of the labels follows them', async () => {
    const folder = temporaryFolder();
    write(folder, 'train-images-idx3-ubyte', images);
    const open = async (labels: number[]) => {
      write(folder, 'train-labels-idx1-ubyte', idxLabels(labels));
      return openDataset(folder, labelled);
    };
    const [a, b, other] = [await open([0, 1, 1, 0]), await open([0, 1, 1, 0]), await open([0, 1, 0, 1])];
    expect(a.fingerprint).toBe((await openDataset(folder, options)).fingerprint);
    expect(a.fields.label!.fingerprint).toBe(b.fields.label!.fingerprint);
    expect(a.fields.label!.fingerprint).not.toBe(other.fields.label!.fingerprint);
  });

  test('without a file of labels there are none, and a note says which file it would be', async () => {
    const folder = temporaryFolder();
    write(folder, 'train-images-idx3-ubyte.gz', gzipSync(images));
    const dataset = await openDataset(folder, labelled);
    expect(dataset.fields).not.toHaveProperty('label');
    expect(dataset.notes).toEqual([
      'There are no labels: no train-labels-idx1-ubyte lies beside train-images-idx3-ubyte.gz.',
    ]);
  });

  test('labels that nobody asked for are not read, broken or not', async () => {
    const folder = temporaryFolder();
    write(folder, 'train-images-idx3-ubyte', images);
    write(folder, 'train-labels-idx1-ubyte', 'broken');
    const dataset = await openDataset(folder, options);
    expect(dataset.fields).not.toHaveProperty('label');
    expect(dataset.notes).toEqual([]);
  });

  test.each([
    [
      'of another number',
      idxLabels([1, 2, 3]),
      /holds 3 labels, and '.*train-images-idx3-ubyte' holds 4 images/,
    ],
    ['cut short', idxLabels([1, 2, 3, 4]).subarray(0, 10), /too short: its header says 4 labels, 12 bytes/],
    ['too long', Buffer.concat([idxLabels([1, 2, 3, 4]), Buffer.from('x')]), /too long/],
    ['of a short header', Buffer.from('abc'), /holds 3 bytes, less than the 8 of an IDX header/],
    ['of pictures', images, /0x00000803 \(images\), and 0x00000801/],
    [
      'gzip with more than it says',
      gzipSync(Buffer.concat([idxLabels([1, 2, 3, 4]), Buffer.alloc(99)])),
      /more data than its header says/,
    ],
    ['a damaged gzip', gzipSync(idxLabels([1, 2, 3, 4])).subarray(0, 20), /ends too early/],
  ])('labels %s are refused', async (_, content, reason) => {
    const folder = temporaryFolder();
    write(folder, 'train-images-idx3-ubyte', images);
    write(folder, 'train-labels-idx1-ubyte', content);
    expect(await rejection(openDataset(folder, labelled), 'DataError')).toMatch(reason);
  });
});

describe('CIFAR-10', () => {
  const batches = (folder: string) => {
    write(folder, 'data_batch_2.bin', cifar([[7, 8, 9]], 9));
    write(folder, 'data_batch_1.bin', Buffer.concat([cifar([[1, 2, 3]], 2), cifar([[4, 5, 6]], 0)]));
  };

  test("labels are the records' first bytes, with the published names", async () => {
    const folder = temporaryFolder();
    batches(folder);
    const dataset = await openDataset(folder, labelled);
    expect(labelsOf(dataset)).toEqual([2, 0, 9]);
    expect(dataset.fields.label!.classes).toEqual(
      ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'], // biome-ignore format: a list
    );
    expect(() => dataset.fields.label!.read(3)).toThrow(RangeError);
  });

  test('names come from batches.meta.txt where it is', async () => {
    const folder = temporaryFolder();
    batches(folder);
    const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    write(folder, 'batches.meta.txt', `${names.join('\n')}\n\n`);
    expect((await openDataset(folder, labelled)).fields.label!.classes).toEqual(names);
    write(folder, 'batches.meta.txt', 'cat\ndog\n');
    expect(await rejection(openDataset(folder, labelled), 'DataError')).toContain('holds 2 names of classes');
    expect((await openDataset(folder, options)).length).toBe(3);
  });
});

describe('pictures in sub-folders', () => {
  const picture = (red: number) =>
    sharp({ create: { width: 8, height: 8, channels: 3, background: { r: red, g: 0, b: 0 } } })
      .png()
      .toBuffer();
  const colour = { ...labelled, channels: 3 as const };

  test('have them for classes, sorted by name, in a folder and in an archive', async () => {
    const folder = temporaryFolder();
    const members = [
      { name: 'dogs/1.png', bytes: await picture(10) },
      { name: 'cats/b/2.png', bytes: await picture(20) },
      { name: 'cats/1.png', bytes: await picture(30) },
      { name: 'eels/broken.png', bytes: Buffer.from('no picture') },
    ];
    for (const { name, bytes } of members) write(folder, `set/${name}`, bytes);
    const file = write(
      folder,
      'set.zip',
      zip(members.map((member) => ({ ...member, name: `set/${member.name}` }))),
    );
    for (const source of [path.join(folder, 'set'), file]) {
      const dataset = await openDataset(source, colour);
      const { label } = dataset.fields;
      expect(label!.classes).toEqual(['cats', 'dogs', 'eels']);
      const byRed = Array.from({ length: 3 }, (_, i) => [
        readImage(dataset, i)[0],
        label!.classes[label!.read(i)],
      ]);
      expect(byRed).toEqual([
        [30, 'cats'],
        [20, 'cats'],
        [10, 'dogs'],
      ]);
      expect(dataset.notes.join()).toContain('eels/broken.png');
    }
    const unasked = await openDataset(path.join(folder, 'set'), { ...colour, labels: undefined });
    expect(unasked.fields).not.toHaveProperty('label');
  });

  test('one picture beside the folders, and there are no labels, with a note', async () => {
    const folder = temporaryFolder();
    write(folder, 'cats/1.png', await picture(10));
    write(folder, 'dogs/1.png', await picture(20));
    write(folder, 'stray.png', await picture(30));
    const dataset = await openDataset(folder, colour);
    expect(dataset.fields).not.toHaveProperty('label');
    expect(dataset.notes).toEqual([
      'There are no labels: every picture must lie in a folder of its class, but stray.png does not.',
    ]);
    expect((await openDataset(folder, { ...colour, labels: undefined })).notes).toEqual([]);
  });

  test('folders that all pictures share are no classes', () => {
    const classes = (...names: string[]) => {
      const found = folderLabels(names);
      return 'classes' in found ? [found.classes, [...found.labels]] : found.none;
    };
    expect(classes('a/b/x/1.png', 'a/b/y/1.png', 'a/b/x/2.png')).toEqual([
      ['x', 'y'],
      [0, 1, 0],
    ]);
    expect(classes('a/x/deep/1.png', 'a/y/1.png')).toEqual([
      ['x', 'y'],
      [0, 1],
    ]);
    expect(classes('a/1.png', 'a/2.png')).toContain('but a/1.png does not');
    expect(classes('B/1.png', 'a/1.png', 'é/1.png')).toEqual([
      ['B', 'a', 'é'],
      [0, 1, 2],
    ]);
  });
});

describe('of a published set', () => {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const labels = Uint8Array.of(1, 0, 2, 1);
  const [imageFile, labelFile] = [gzipSync(images), gzipSync(idxLabels([...labels]))];

  /** A set like MNIST, of four small pictures, on a server of this machine. */
  async function serve(): Promise<{ set: NamedSet; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      response.end(request.url!.includes('labels') ? labelFile : imageFile);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const file = (name: string, content: Uint8Array) => ({
      name,
      urls: [`${base}/${name}`],
      bytes: content.length,
      sha256: hash(content),
    });
    const ours: LabelFile = {
      file: file('train-labels-idx1-ubyte.gz', labelFile),
      classes: ['zero', 'one', 'two'],
      hash: hash(labels),
    };
    const set: NamedSet = {
      name: 'tiny',
      file: file('train-images-idx3-ubyte.gz', imageFile),
      layouts: NAMED_SETS[0]!.layouts,
      labels: ours,
      open: rawSet('tiny', idxReader('tiny', ours), 4, hash(pixels)),
    };
    return { set, asked };
  }

  beforeEach(() => void vi.stubEnv('XDG_CACHE_HOME', temporaryFolder()));
  afterEach(() => void vi.unstubAllEnvs());

  test('they are downloaded once, beside the pictures, and only when asked for', async () => {
    const { set, asked } = await serve();
    const plain = await openNamed(set, options);
    expect(plain.fields).not.toHaveProperty('label');
    expect(asked).toEqual(['/train-images-idx3-ubyte.gz']);
    for (let time = 0; time < 2; time++) {
      const dataset = await openNamed(set, labelled);
      expect(labelsOf(dataset)).toEqual([...labels]);
      expect(dataset.fields.label!.classes).toEqual(['zero', 'one', 'two']);
    }
    expect(asked).toEqual(['/train-images-idx3-ubyte.gz', '/train-labels-idx1-ubyte.gz']);
    expect(readdirSync(path.join(process.env.XDG_CACHE_HOME!, 'forger/data/tiny')).sort()).toEqual([
      'train-images-idx3-ubyte.gz',
      'train-labels-idx1-ubyte.gz',
    ]);
  });

  test('a data folder without them is an error that names the file, and not a download', async () => {
    const { set, asked } = await serve();
    const dataDir = temporaryFolder();
    write(dataDir, 'train-images-idx3-ubyte.gz', imageFile);
    const message = await rejection(openNamed(set, { ...labelled, dataDir }), 'DataError');
    expect(message).toContain('does not hold the labels of tiny; put train-labels-idx1-ubyte.gz');
    expect(asked).toEqual([]);
    write(dataDir, 'train-labels-idx1-ubyte', idxLabels([...labels]));
    expect(labelsOf(await openNamed(set, { ...labelled, dataDir }))).toEqual([...labels]);
  });

  test('labels of another set, or of none, are refused', async () => {
    const { set } = await serve();
    const dataDir = temporaryFolder();
    write(dataDir, 'train-images-idx3-ubyte.gz', imageFile);
    write(dataDir, 'train-labels-idx1-ubyte', idxLabels([0, 0, 2, 1]));
    expect(await rejection(openNamed(set, { ...labelled, dataDir }), 'DataError')).toContain(
      'holds 4 labels that are not those of tiny',
    );
    write(dataDir, 'train-labels-idx1-ubyte', idxLabels([0, 0, 3, 1]));
    expect(await rejection(openNamed(set, { ...labelled, dataDir }), 'DataError')).toContain(
      'has the label 3, and 0 to 2 were expected',
    );
  });
});

// The real sets, when copies lie beside the repository.
const data = fileURLToPath(new URL('../../../../../shared/data', import.meta.url));

describe.each([
  ['mnist', [5, 0, 4, 1, 9, 2, 1, 3], '7'],
  ['fashion-mnist', [9, 0, 0, 3, 0, 2, 7, 2], 'Sneaker'],
])('%s', (name, first, seventh) => {
  const folder = path.join(data, name);
  const here = existsSync(folder);
  const title = 'has its labels and names';
  test.skipIf(!here)(here ? title : `${title} (skipped: no ../shared/data/${name})`, async () => {
    const dataset = await openDataset(name, { ...labelled, dataDir: folder });
    const found = labelsOf(dataset)!;
    expect(found.slice(0, 8)).toEqual(first);
    expect(dataset.fields.label!.classes[7]).toBe(seventh);
    // Fashion-MNIST has 6,000 of each; MNIST's rarest digit is 5, with 5,421.
    const counts = dataset.fields.label!.classes.map(
      (_, label) => found.filter((one) => one === label).length,
    );
    expect(Math.min(...counts)).toBe(name === 'mnist' ? 5421 : 6000);
  });
});
