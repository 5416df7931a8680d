// Reads weights from bytes in any known format. The format is recognised by the first bytes, not by the name.

import { CheckpointError } from '@forger/tensor';
import type { WeightEntries } from './entry.ts';
import { isNpz, readNpz } from './npz.ts';
import { isPickle, readLegacyTorch } from './pytorch-legacy.ts';
import { isTorchArchive, readTorchArchive } from './pytorch-zip.ts';
import { readSafetensorsWeights } from './safetensors.ts';
import { ZipArchive } from './zip.ts';

/**
 * Reads the names, shapes and types of a file's tensors: safetensors, PyTorch's `.pth` in either of its formats, or
 * `.npz`. Nothing in the file is ever run.
 * @param name the file's name: its extension tells what was meant, and errors begin with it.
 * @throws CheckpointError when the bytes are damaged, foreign, or more than weights; so does reading an entry.
 */
export async function parseWeights(bytes: Uint8Array, name: string): Promise<WeightEntries> {
  const naming = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      throw new CheckpointError(`${name}: ${error.message}`, { cause: error });
    }
  };
  const entries = await naming(parse(bytes, name));
  // What is found out when a tensor is read names the file as well.
  return new Map(
    Array.from(entries, ([key, entry]) => [key, { ...entry, read: () => naming(entry.read()) }]),
  );
}

async function parse(bytes: Uint8Array, name: string): Promise<WeightEntries> {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const archive = new ZipArchive(bytes);
    if (isTorchArchive(archive)) return readTorchArchive(archive, bytes.byteLength);
    if (isNpz(archive)) return readNpz(archive, bytes.byteLength);
    throw new CheckpointError(
      "it is a ZIP archive, but neither PyTorch's (which holds a data.pkl) nor numpy's (which holds .npy files)",
    );
  }
  if (isPickle(bytes)) return readLegacyTorch(bytes);
  if (/\.(pth?|ckpt|bin|npz)$/i.test(name))
    throw new CheckpointError(
      `it is neither a ZIP archive nor a pickle, one of which a ${name.slice(name.lastIndexOf('.'))} file is: copy or download it again`,
    );
  return readSafetensorsWeights(bytes);
}
