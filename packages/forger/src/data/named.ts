// The published data sets: where each is found on disk, and where it is downloaded from when it is not.
import { access } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';
import { openRawImages, type RawPictures, sha256OfBytes } from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';
import { openArchive } from './archive.ts';
import { dataCache } from './cache-folder.ts';
import { type Download, download, hashOf } from './download.ts';
import { idxLabelsBeside, readCifarArchive, readCifarBatches, readIdx, readIdxLabels } from './raw-files.ts';

export interface NamedSet {
  name: string;
  /** What is downloaded: the one file that holds all training pictures. */
  file: Download;
  /** Groups of files, relative to a data folder, that each hold the set; the first group found whole is read. */
  layouts: string[][];
  /** Where its labels are not in the files of the pictures: a file beside them. */
  labels?: LabelFile;
  /** Opens the files. @throws DataError when they are not this set, whatever their names say. */
  open(files: string[], options: DatasetOptions): Promise<ImageDataset>;
}

export interface LabelFile {
  file: Download;
  classes: readonly string[];
  /** SHA-256 of all labels in order. */
  hash: string;
}

/**
 * Opens a set of uncompressed pictures.
 * @param pixelHash SHA-256 of all training pixels in order, where it is known: the files of MNIST's kin share
 * their names.
 */
export function rawSet(
  name: string,
  read: (files: string[], labels: boolean) => Promise<RawPictures>,
  count: number,
  pixelHash?: string,
): NamedSet['open'] {
  return async (files, options) => {
    const dataset = await openRawImages(name, await read(files, options.labels ?? false), options);
    if (dataset.length !== count || (pixelHash && dataset.pixelHash !== pixelHash)) {
      throw new DataError(
        `'${files[0]}' holds ${dataset.length} images that are not the ${count} training images of ${name}; ${REMOVE_IT}`,
      );
    }
    return dataset;
  };
}

const REMOVE_IT =
  'remove it to have it downloaded again, or give its path as --data to train on it as it is.';

/** MNIST's file under the names it goes by: as published, unpacked, and in torchvision's folders. */
function idxLayouts(torchvision: string): string[][] {
  const names = ['train-images-idx3-ubyte', 'train-images.idx3-ubyte'].flatMap((name) => [
    name,
    `${name}.gz`,
  ]);
  return [...names, ...names.map((name) => `${torchvision}/raw/${name}`)].map((name) => [name]);
}

/** Reads the file of pictures, and that of labels where there is a second. */
export function idxReader(name: string, { classes, hash }: LabelFile) {
  return async ([images, labels]: string[]): Promise<RawPictures> => {
    const raw = await readIdx(images!);
    if (labels === undefined) return raw;
    const labelled = await readIdxLabels(labels, images!, raw, classes);
    const bytes = Uint8Array.from({ length: labelCount(raw) }, (_, index) => labelled.label!.read(index));
    if ((await sha256OfBytes(bytes)) !== hash) {
      throw new DataError(
        `'${labels}' holds ${bytes.length} labels that are not those of ${name}; ${REMOVE_IT}`,
      );
    }
    return labelled;
  };
}

const labelCount = ({ parts, height, width }: RawPictures): number => parts[0]!.length / (height * width);

const MNIST_LABELS: LabelFile = {
  file: {
    name: 'train-labels-idx1-ubyte.gz',
    urls: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz',
      'https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz',
    ],
    bytes: 28881,
    sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
  },
  classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
  hash: '1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13',
};

const FASHION_LABELS: LabelFile = {
  file: {
    name: 'train-labels-idx1-ubyte.gz',
    urls: [
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/train-labels-idx1-ubyte.gz',
      'https://storage.googleapis.com/tensorflow/tf-keras-datasets/train-labels-idx1-ubyte.gz',
    ],
    bytes: 29515,
    sha256: 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
  },
  // As its README has them: https://github.com/zalandoresearch/fashion-mnist#labels
  classes: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  hash: '657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7',
};

const SPRITES_SHA1 = 'c065c0e2593b8b161a2d7873e42418bf6a21106c';

const batchNames = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);

/** Sizes and checksums of mnist and fashion-mnist are of the files as published; cifar10's agree with its page. */
export const NAMED_SETS: readonly NamedSet[] = [
  {
    name: 'mnist',
    file: {
      name: 'train-images-idx3-ubyte.gz',
      urls: [
        'https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz',
        'https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz',
      ],
      bytes: 9912422,
      sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    },
    layouts: idxLayouts('MNIST'),
    labels: MNIST_LABELS,
    open: rawSet(
      'mnist',
      idxReader('mnist', MNIST_LABELS),
      60000,
      '741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757',
    ),
  },
  {
    name: 'fashion-mnist',
    file: {
      name: 'train-images-idx3-ubyte.gz',
      urls: [
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/train-images-idx3-ubyte.gz',
        'https://storage.googleapis.com/tensorflow/tf-keras-datasets/train-images-idx3-ubyte.gz',
      ],
      bytes: 26421880,
      sha256: '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
    },
    layouts: idxLayouts('FashionMNIST'),
    labels: FASHION_LABELS,
    open: rawSet(
      'fashion-mnist',
      idxReader('fashion-mnist', FASHION_LABELS),
      60000,
      '2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012',
    ),
  },
  {
    name: 'cifar10',
    file: {
      name: 'cifar-10-binary.tar.gz',
      urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
      bytes: 170052171,
      sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
    },
    layouts: [
      batchNames,
      batchNames.map((name) => `cifar-10-batches-bin/${name}`),
      ['cifar-10-binary.tar.gz'],
    ],
    open: rawSet(
      'cifar10',
      (files, labels) =>
        files.length > 1 ? readCifarBatches(files, labels) : readCifarArchive(files[0]!, labels),
      50000,
    ),
  },
  {
    // The archive of "Dive into Deep Learning", which names it and its SHA-1.
    name: 'sprites',
    file: {
      name: 'pokemon.zip',
      urls: ['https://d2l-data.s3-accelerate.amazonaws.com/pokemon.zip'],
      sha1: SPRITES_SHA1,
    },
    layouts: [['pokemon.zip']],
    open: async ([file], options) => {
      const sha1 = await hashOf(file!, 'sha1');
      if (sha1 !== SPRITES_SHA1) {
        throw new DataError(
          `'${file}' has the SHA-1 ${sha1}, and that of the sprites is ${SPRITES_SHA1}; ${REMOVE_IT}`,
        );
      }
      return openArchive(file!, options);
    },
  },
];

/**
 * Opens a published set: from `options.dataDir` (or its subfolder of the set's name) when that is given, else from
 * the user's cache, after downloading it there once. Throws DataError when it is not to be had, with the files to
 * put in place, or when the files on disk are not that set.
 */
export async function openNamed(set: NamedSet, options: DatasetOptions): Promise<ImageDataset> {
  const { dataDir } = options;
  const cache = path.join(dataCache(), set.name);
  let files = await locate(set, dataDir === undefined ? [cache] : [path.join(dataDir, set.name), dataDir]);
  if (!files && dataDir !== undefined) {
    throw new DataError(
      `'${dataDir}' does not hold ${set.name}; put ${set.file.name} (from ${set.file.urls[0]}) into it, ` +
        'or leave --data-dir away to have it downloaded.',
    );
  }
  files ??= [await download(set.name, set.file, cache, options.onProgress)];
  if (options.labels && set.labels)
    files = [...files, await locateLabels(set.name, set.labels, files[0]!, options)];
  return set.open(files, options);
}

/** The file of labels beside the file of pictures; without a folder of the user's own it is downloaded there. */
async function locateLabels(
  name: string,
  { file }: LabelFile,
  images: string,
  { dataDir, onProgress }: DatasetOptions,
): Promise<string> {
  const found = await idxLabelsBeside(images);
  if (found) return found;
  if (dataDir === undefined) return download(`${name}'s labels`, file, path.dirname(images), onProgress);
  throw new DataError(
    `'${path.dirname(images)}' does not hold the labels of ${name}; put ${file.name} (from ${file.urls[0]}) into it, ` +
      'or leave --data-dir away to have them downloaded.',
  );
}

/** The files of the first layout that is whole in one of the folders. */
async function locate(set: NamedSet, folders: string[]): Promise<string[] | undefined> {
  for (const folder of folders) {
    for (const layout of set.layouts) {
      const files = layout.map((name) => path.join(folder, name));
      const missing = await Promise.all(files.map((file) => access(file).catch(() => true)));
      if (!missing.includes(true)) return files;
    }
  }
  return undefined;
}
