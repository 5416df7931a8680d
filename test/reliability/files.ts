// Data, weights and settings that are damaged or hostile. More of them, at random: test/fuzz/.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync, gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { idx } from '../../packages/forger/test/data/builders.ts';
import { npy, pickled, torchZip, zip } from '../../packages/forger/test/weights/builders.ts';
import { pngOf, zeros } from '../fuzz/parsers/hostile-files.ts';
import { type Fault, forger, TINY } from './fault.ts';

const nothing = { exitCode: 1, kept: 'nothing was begun: no folder is left' } as const;
const untouched = { exitCode: 1, kept: 'the file as it was; nothing in it was run' } as const;

/** Writes a file and trains on it. */
const trainOn =
  (name: string, content: () => Uint8Array | string): Fault['provoke'] =>
  (folder) => {
    mkdirSync(join(folder, 'pictures'));
    writeFileSync(join(folder, name), content());
    return forger(folder, [...TINY, '--data', name.startsWith('pictures/') ? 'pictures' : name]);
  };

/** Writes a weight file and asks what it holds. */
const inspect =
  (name: string, content: () => Uint8Array | string): Fault['provoke'] =>
  (folder) => {
    writeFileSync(join(folder, name), content());
    return forger(folder, ['info', name]);
  };

/** Writes files of a run folder and continues it. */
const resume =
  (files: Record<string, string>): Fault['provoke'] =>
  (folder) => {
    mkdirSync(join(folder, 'run'));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'run', name), content);
    return forger(folder, ['train', '--resume', 'run']);
  };

const CONFIG = {
  ...{ version: 1, recipe: 'quick', data: 'glyphs', background: 'white', imageSize: 16, width: 8 },
  ...{ channels: 1, batchSize: 8, lr: 1e-3, steps: 4, seed: 0, sampleEvery: 100, checkpointEvery: 2 },
  precision: 'float32',
};

/** A gzip file of so many mebibytes of zeros behind a header that claims them. */
function bomb(mebibytes: number): Buffer {
  const header = idx(new Uint8Array(0), 1, 1, { count: mebibytes * 2 ** 20 });
  const head = deflateRawSync(header, { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([gzipSync('').subarray(0, 10), zeros(mebibytes, head), Buffer.alloc(8)]);
}

export const fileFaults: readonly Fault[] = [
  {
    name: 'a data folder is empty',
    provoke: (folder) => {
      mkdirSync(join(folder, 'pictures'));
      return forger(folder, [...TINY, '--data', 'pictures']);
    },
    sentence:
      "'<folder>' is empty, and IDX images (plain or gzip), CIFAR-10 batches, numpy arrays (.npy, .npz), a ZIP or tar archive of pictures, or pictures (PNG, JPEG, WebP, GIF, AVIF, TIFF, BMP, PPM) were expected; give another folder.",
    ...nothing,
  },
  {
    name: 'a data file holds less than its header says',
    provoke: trainOn('train-images-idx3-ubyte', () => idx(new Uint8Array(64), 8, 8, { count: 60_000 })),
    sentence:
      "'<file>' is too short: its header says 60000 images of 8×8, 3840016 bytes in all, and it holds 80; download or copy it again.",
    ...nothing,
  },
  {
    name: 'a gzip file of 1 MB unfolds to 1 GiB',
    provoke: trainOn('train-images-idx3-ubyte.gz', () => bomb(1000)),
    sentence:
      "'<file>' is a gzip file that unfolds to more than <bytes> bytes (64 MiB and 64 times its size), which is how a file exhausts memory; if you trust it, unpack it and give the unpacked file.",
    ...nothing,
  },
  {
    name: 'a picture claims 100,000×100,000 pixels',
    provoke: trainOn('pictures/large.png', () => pngOf(100_000, 100_000)),
    sentence:
      "'<folder>' holds 0 usable pictures, and at least 2 are needed; give a folder with more pictures. 1 of 1 pictures could not be read and were skipped: 1 .png (Input image exceeds pixel limit): large.png.",
    ...nothing,
  },
  {
    name: 'an SVG drawing has the name of a PNG',
    provoke: trainOn(
      'pictures/x.png',
      () => '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    ),
    sentence:
      "'<folder>' holds 0 usable pictures, and at least 2 are needed; give a folder with more pictures. 1 of 1 pictures could not be read and were skipped: 1 .png (it is no PNG, JPEG, WebP, GIF, AVIF, TIFF, BMP or PPM, whatever its name says): x.png.",
    ...nothing,
  },
  {
    name: 'a name in a ZIP archive leaves it',
    provoke: trainOn('x.zip', () => zip([{ name: '../../escaped.png', bytes: pngOf(8, 8) }])),
    sentence:
      "'<file>': the ZIP archive is damaged, cut short or hostile (invalid relative path: ../../escaped.png): copy or download it again.",
    ...nothing,
    isKept: (folder) => expect(existsSync(join(folder, '../../escaped.png'))).toBe(false),
  },
  {
    name: 'a device is given as data',
    provoke: (folder) => forger(folder, [...TINY, '--data', '/dev/zero']),
    sentence: "'/dev/zero' is neither a file nor a folder; copy what it holds into a file.",
    ...nothing,
  },
  {
    name: 'a weight file would run something',
    provoke: inspect('x.pth', () =>
      torchZip(pickled.call(pickled.global('os', 'system'), pickled.text('true'))),
    ),
    sentence:
      'x.pth: its pickle names "os.system", which weights do not need; it was refused and nothing in it was run: in PyTorch, load it there if you trust it, and save the weights alone with torch.save(model.state_dict(), path)',
    ...untouched,
  },
  {
    name: 'a header claims 2^50 bytes',
    provoke: inspect('x.safetensors', () => Buffer.from([0, 0, 0, 0, 0, 0, 4, 0, 0x7b, 0x7d])),
    sentence:
      'x.safetensors: A safetensors file was expected, but its header would have 1125899906842624 bytes where at most 100000000 are allowed: the file is truncated, damaged or of another format; copy or download it again.',
    ...untouched,
  },
  {
    name: 'four numbers claim to be a tensor of 128 GiB',
    provoke: inspect('x.pth', () => {
      const storage = pickled.storage('FloatStorage', '0', 4);
      const tensor = pickled.tensor(storage, 0, [2 ** 20, 2 ** 15], [0, 0]);
      return torchZip(pickled.dict(pickled.text('main.0.weight'), tensor));
    }),
    sentence:
      "x.pth: a tensor of shape [1048576, 32768] would take 137438953472 bytes of memory where at most <bytes> are allowed (64 MiB and 16 times the file's size), which is how a file exhausts memory: use another copy of the weights",
    ...untouched,
  },
  {
    name: 'an archive of weights unfolds to far more than its size',
    provoke: inspect('x.npz', () =>
      zip([{ name: 'a.npy', bytes: npy([1], Buffer.alloc(80 * 2 ** 20)), deflate: true }]),
    ),
    sentence:
      'x.npz: the file "a.npy" of the ZIP archive would take <bytes> bytes of memory where at most <bytes> are allowed (64 MiB and 16 times the file\'s size), which is how a file exhausts memory: use another copy of the weights',
    ...untouched,
  },
  {
    name: "a file's name holds control characters of the terminal",
    provoke: (folder) => forger(folder, ['info', 'a\u001b[2J\u202eb.pth']),
    sentence: 'cannot read a\\u001b[2J\\u202eb.pth: there is no such file or folder: check the path',
    exitCode: 1,
    kept: 'the terminal as it was',
  },
  {
    name: "a run's settings are not JSON",
    provoke: resume({ 'config.json': '{"version": 1,' }),
    sentence: 'run/config.json is not JSON: <reason>; restore it, or start a new run',
    exitCode: 1,
    kept: 'the run as it was',
  },
  {
    name: "a run's settings are out of range or unknown",
    provoke: resume({
      'config.json': JSON.stringify({ ...CONFIG, batchSize: 2 ** 31, ['x\n'.repeat(999)]: 1 }),
    }),
    sentence: 'run/config.json: batchSize: Too big: expected number to be <=65536; Unrecognized key: <key>',
    exitCode: 1,
    kept: 'the run as it was',
  },
  {
    name: "a run's lock names no process",
    provoke: resume({ 'config.json': JSON.stringify(CONFIG), 'run.lock': '{"pid":"1"}' }),
    sentence: '<folder>run.lock names no process: delete it if nothing is writing to that folder',
    exitCode: 1,
    kept: 'the run as it was',
  },
];
