// The published data sets: where each is found on disk, and where it is downloaded from when it is not.
import { access } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DatasetOptions, ImageDataset } from '@forger/dcgan/internal';
import { openRawImages, type RawPictures } from '@forger/dcgan/internal';
import { DataError } from '@forger/tensor';
import { openArchive } from './archive.ts';
import { type Download, download, hashOf } from './download.ts';
import { readCifarArchive, readCifarBatches, readIdx } from './raw-files.ts';

export interface NamedSet {
  name: string;
  /** What is downloaded: the one file that holds all training pictures. */
  file: Download;
  /** Groups of files, relative to a data folder, that each hold the set; the first group found whole is read. */
  layouts: string[][];
  /** Opens the files. @throws DataError when they are not this set, whatever their names say. */
  open(files: string[], options: DatasetOptions): Promise<ImageDataset>;
}

/**
 * Opens a set of uncompressed pictures.
 * @param pixelHash SHA-256 of all training pixels in order, where it is known: the files of MNIST's kin share their names.
 */
export function rawSet(
  name: string,
  read: (files: string[]) => Promise<RawPictures>,
  count: number,
  pixelHash?: string,
): NamedSet['open'] {
  return async (files, options) => {
    const dataset = await openRawImages(name, await read(files), options);
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

const readFirst = (files: string[]): Promise<RawPictures> => readIdx(files[0]!);

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
    open: rawSet(
      'mnist',
      readFirst,
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
    open: rawSet(
      'fashion-mnist',
      readFirst,
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
      (files) => (files.length > 1 ? readCifarBatches(files) : readCifarArchive(files[0]!)),
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

/** The user's cache folder of this system, where downloads are kept: $XDG_CACHE_HOME when set, else the usual. */
export function dataCache(): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  if (xdg && path.isAbsolute(xdg)) return path.join(xdg, 'forger', 'data');
  const home = os.homedir();
  if (process.platform === 'darwin') return path.join(home, 'Library', 'Caches', 'forger', 'data');
  if (process.platform === 'win32') {
    return path.join(local ?? path.join(home, 'AppData', 'Local'), 'forger', 'Cache', 'data');
  }
  return path.join(home, '.cache', 'forger', 'data');
}

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
  return set.open(files, options);
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
