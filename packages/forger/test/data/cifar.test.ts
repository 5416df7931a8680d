// CIFAR-10's binary batches: alone, in a folder, in the published archive's form, and damaged.
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/data/dataset.ts';
import { cifar, options, readImage, rejection, temporaryFolder, write } from './helpers.ts';

const colour = { ...options, channels: 3 as const, imageSize: 32 };

/** The red, green and blue of an image's first pixel. */
async function firstPixels(path: string): Promise<number[][]> {
  const dataset = await openDataset(path, colour);
  return Array.from({ length: dataset.length }, (_, i) => {
    const image = readImage(dataset, i);
    return [image[0]!, image[1024]!, image[2048]!];
  });
}

test('batches are read in order, colour planes in place', async () => {
  const folder = temporaryFolder();
  write(folder, 'cifar/data_batch_2.bin', cifar([[7, 8, 9]]));
  write(folder, 'cifar/data_batch_1.bin', cifar([[1, 2, 3], [4, 5, 6]])); // biome-ignore format: short
  write(folder, 'cifar/test_batch.bin', cifar([[0, 0, 0]]));
  expect(await firstPixels(folder)).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
});

test('grey is luma', async () => {
  const file = write(temporaryFolder(), 'x.bin', cifar([[255, 0, 0], [0, 0, 255]])); // biome-ignore format: short
  const dataset = await openDataset(file, options);
  expect([readImage(dataset, 0)[0], readImage(dataset, 1)[0]]).toEqual([76, 29]);
});

test("the archive as the system's tar makes it", async () => {
  const folder = temporaryFolder();
  write(folder, 'cifar-10-batches-bin/data_batch_1.bin', cifar([[1, 2, 3]]));
  write(folder, 'cifar-10-batches-bin/data_batch_2.bin', cifar([[4, 5, 6]]));
  write(folder, 'cifar-10-batches-bin/readme.html', 'a page');
  write(folder, 'out/nothing', '');
  const archive = `${folder}/out/cifar-10-binary.tar.gz`;
  execFileSync('tar', ['-czf', archive, '-C', folder, 'cifar-10-batches-bin']);
  const expected = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  expect(await firstPixels(archive)).toEqual(expected);
  expect(await firstPixels(`${folder}/out`)).toEqual(expected);
});

describe('refuses', () => {
  const refusal = async (name: string, content: Uint8Array) =>
    rejection(openDataset(write(temporaryFolder(), name, content), colour), 'DataError');

  test('a size that is not whole records', async () => {
    expect(await refusal('a.bin', cifar([[1, 2, 3]]).subarray(1))).toContain(
      'holds 3072 bytes, and a multiple of 3073',
    );
    expect(await refusal('a.bin', new Uint8Array(0))).toContain('holds 0 bytes');
  });

  test('labels beyond 9', async () => {
    expect(await refusal('a.bin', cifar([[1, 2, 3]], 77))).toContain('the label 77 in record 0');
  });

  test('damaged archives', async () => {
    const tar = execFileSync('tar', ['-cf', '-', '-C', write(temporaryFolder(), 'x', 'y').slice(0, -2), 'x']);
    const name = 'cifar-10-binary.tar.gz';
    expect(await refusal(name, gzipSync(tar))).toContain('has no data_batch_*.bin in it');
    expect(await refusal(name, gzipSync(tar).subarray(0, 60))).toContain('ends too early');
    expect(await refusal(name, gzipSync(tar.subarray(0, 1024)))).toContain('ends too early');
    const changed = Buffer.from(tar);
    changed[0] = 0x7a;
    expect(await refusal(name, gzipSync(changed))).toContain('is not a whole tar archive');
    expect(await refusal(name, gzipSync(Buffer.from('hello')))).toContain('ends too early');
    const loud = Buffer.from(tar);
    loud.write('77777777777\0', 124, 'latin1');
    expect(await refusal(name, gzipSync(loud))).toContain('is not a whole tar archive');
  });

  test('a bomb', async () => {
    expect(
      await refusal('cifar-10-binary.tar.gz', gzipSync(new Uint8Array(520 * 2 ** 20), { level: 1 })),
    ).toContain('unfolds to more than');
  });
});
