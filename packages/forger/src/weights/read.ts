// Reading a file of weights from disk.

import { readFile, stat } from 'node:fs/promises';
import { parseWeights, type WeightEntries } from '@forger/dcgan';
import { ConfigError } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';

/**
 * Reads the names, shapes and types of a file's tensors, in any format that `parseWeights` knows.
 * @throws ConfigError when it cannot be read; CheckpointError, which names the file, when it is damaged, foreign, or
 * asks for more than weights.
 */
export async function readWeights(path: string): Promise<WeightEntries> {
  return parseWeights(await readBytes(path), path);
}

/** The bytes of a file. @throws ConfigError when it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch((error) => {
    throw fileError('read', path, error);
  });
  // A pipe or a device may never end.
  if (!found.isFile() && !found.isDirectory())
    throw new ConfigError(
      `cannot read ${path}: it is neither a file nor a folder: copy what it holds into a file`,
    );
  return readFile(path).catch((error) => {
    throw fileError('read', path, error);
  });
}
