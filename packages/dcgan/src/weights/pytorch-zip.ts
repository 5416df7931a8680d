// `.pth` and `.pt` files as PyTorch writes them since 1.6: a ZIP archive of NAME/data.pkl, a pickle that describes
// tensors, and NAME/data/KEY, the arrays that they lie in.

import { CheckpointError } from '@forger/tensor';
import { Budget } from './budget.ts';
import { bytesPerElement } from './elements.ts';
import { quote, type WeightEntries } from './entry.ts';
import { unpickle } from './pickle.ts';
import { TorchRules, torchEntries } from './pytorch-pickle.ts';
import type { ZipArchive } from './zip.ts';

const PICKLE = 'data.pkl';

/** Whether the archive is PyTorch's. */
export function isTorchArchive(archive: ZipArchive): boolean {
  return archive.names().some((name) => name.endsWith(`/${PICKLE}`));
}

/**
 * The tensors of an archive, named by the keys that lead to them.
 * @throws CheckpointError when it is damaged, or more than weights.
 */
export async function readTorchArchive(archive: ZipArchive, fileBytes: number): Promise<WeightEntries> {
  const names = archive.names();
  const [name, ...others] = names.filter((candidate) => candidate.endsWith(`/${PICKLE}`));
  if (name === undefined || others.length > 0)
    throw new CheckpointError(
      `it holds ${others.length + 1} pickles called ${PICKLE}; PyTorch's files hold one`,
    );
  const root = name.slice(0, -PICKLE.length);
  if (names.some((other) => other.startsWith(`${root}code/`)))
    throw new CheckpointError(
      'it is a TorchScript program: in PyTorch, save its weights with torch.save(model.state_dict(), path)',
    );
  if (names.includes(`${root}byteorder`)) {
    const order = new TextDecoder().decode(await archive.read(`${root}byteorder`));
    if (order.trim() !== 'little')
      throw new CheckpointError(
        `its byte order is ${quote(order)}; expected "little": save it again on another machine`,
      );
  }
  const rules = new TorchRules();
  const { value } = unpickle(await archive.read(name), rules);
  for (const [key, { dtype, elements }] of rules.storages) {
    const wanted = elements * bytesPerElement(dtype);
    const there = archive.size(`${root}data/${key}`);
    if (there !== wanted)
      throw new CheckpointError(
        `its storage ${quote(key)} is described as ${wanted} bytes, and the archive has ${there ?? 'none'}: copy or download it again`,
      );
  }
  const arrays = new Map<string, Promise<Uint8Array>>();
  const read = (key: string): Promise<Uint8Array> => {
    const array = arrays.get(key) ?? archive.read(`${root}data/${key}`);
    arrays.set(key, array);
    return array;
  };
  return torchEntries(value, read, new Budget(fileBytes));
}
