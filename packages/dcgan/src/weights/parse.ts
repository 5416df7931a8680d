// Reads weights from bytes in any known format. The format is recognised by the first bytes, not by the name.

import { CheckpointError } from '@forger/tensor';
import type { WeightEntries } from './entry.ts';
import { foreignArchive, isOnnx, refuseForeign } from './foreign.ts';
import { isNpz, readNpz } from './npz.ts';
import { type OnnxGenerator, readOnnx } from './onnx-read.ts';
import { isPickle, readLegacyTorch } from './pytorch-legacy.ts';
import { isTorchArchive, readTorchArchive } from './pytorch-zip.ts';
import { readSafetensorsWeights } from './safetensors.ts';
import { ZipArchive } from './zip.ts';

/**
 * Reads the names, shapes and types of a file's tensors: safetensors, PyTorch's `.pth` in either of its
 * formats, ONNX, or `.npz`. Nothing in the file is ever run.
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

/**
 * The network that an ONNX model describes; undefined for other files.
 * @throws CheckpointError as `parseWeights`.
 */
export function parseOnnx(bytes: Uint8Array, name: string): OnnxGenerator | undefined {
  if (!isOnnx(bytes, name)) return undefined;
  try {
    return readOnnx(bytes);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${name}: ${error.message}`, { cause: error });
  }
}

async function parse(bytes: Uint8Array, name: string): Promise<WeightEntries> {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    const archive = new ZipArchive(bytes);
    if (isTorchArchive(archive)) return readTorchArchive(archive, bytes.byteLength);
    if (isNpz(archive)) return readNpz(archive, bytes.byteLength);
    const foreign = foreignArchive(archive.names());
    if (foreign) throw new CheckpointError(foreign);
    throw new CheckpointError(
      "it is a ZIP archive, but neither PyTorch's (which holds a data.pkl) nor numpy's (which holds .npy files)",
    );
  }
  if (isOnnx(bytes, name)) return readOnnx(bytes).entries;
  refuseForeign(bytes, name);
  if (isPickle(bytes)) return readLegacyTorch(bytes);
  if (/\.(pth?|ckpt|bin|npz)$/i.test(name))
    throw new CheckpointError(
      `it is neither a ZIP archive nor a pickle, one of which a ${name.slice(name.lastIndexOf('.'))} file is: copy or download it again`,
    );
  return readSafetensorsWeights(bytes);
}
