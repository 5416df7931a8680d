// Reading a file of weights, whatever its format. The format is told by the first bytes, not by the file's name.

import { readFile, stat } from 'node:fs/promises';
import type { WeightEntries } from '@forger/dcgan/internal';
import {
  isNpz,
  isPickle,
  isTorchArchive,
  readLegacyTorch,
  readNpz,
  readSafetensorsWeights,
  readTorchArchive,
  ZipArchive,
} from '@forger/dcgan/internal';
import { CheckpointError, ConfigError } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';

/**
 * Reads the names, shapes and types of a file's tensors: safetensors, PyTorch's `.pth` in either of its formats, or
 * `.npz`. Nothing in the file is ever run.
 * @throws ConfigError when it cannot be read; CheckpointError, which names the file, when it is damaged, foreign, or
 * asks for more than weights.
 */
export async function readWeights(path: string): Promise<WeightEntries> {
  const found = await stat(path).catch((error) => {
    throw fileError('read', path, error);
  });
  // A pipe or a device may never end.
  if (!found.isFile() && !found.isDirectory())
    throw new ConfigError(
      `cannot read ${path}: it is neither a file nor a folder: copy what it holds into a file`,
    );
  const bytes = await readFile(path).catch((error) => {
    throw fileError('read', path, error);
  });
  const naming = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      throw new CheckpointError(`${path}: ${error.message}`, { cause: error });
    }
  };
  const entries = await naming(parseWeights(bytes, path));
  // What is found out when a tensor is read names the file as well.
  return new Map(
    Array.from(entries, ([name, entry]) => [name, { ...entry, read: () => naming(entry.read()) }]),
  );
}

/** As `readWeights`, of bytes in memory; `path` tells by its extension what was meant. @throws CheckpointError */
export async function parseWeights(bytes: Uint8Array, path: string): Promise<WeightEntries> {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const archive = await ZipArchive.open(bytes);
    if (isTorchArchive(archive)) return readTorchArchive(archive, bytes.byteLength);
    if (isNpz(archive)) return readNpz(archive, bytes.byteLength);
    throw new CheckpointError(
      "it is a ZIP archive, but neither PyTorch's (which holds a data.pkl) nor numpy's (which holds .npy files)",
    );
  }
  if (isPickle(bytes)) return readLegacyTorch(bytes);
  if (/\.(pth?|ckpt|bin|npz)$/i.test(path))
    throw new CheckpointError(
      `it is neither a ZIP archive nor a pickle, one of which a ${path.slice(path.lastIndexOf('.'))} file is: copy or download it again`,
    );
  return readSafetensorsWeights(bytes);
}
