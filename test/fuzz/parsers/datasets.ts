// Uncompressed data sets: IDX files of pictures and labels, plain and gzipped, CIFAR-10 batches, and the
// archive that they are published in.

import { readFileSync } from 'node:fs';
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { readTar } from '../../../packages/dcgan/src/data/tar.ts';
import type { DatasetOptions, ImageDataset } from '../../../packages/dcgan/src/data/types.ts';
import { openDataset } from '../../../packages/forger/src/data/dataset.ts';
import { idx, idxLabels } from '../../../packages/forger/test/data/builders.ts';
import { type Draw, number } from '../draw.ts';
import { guarded, type Parser, type Sample, sane, single } from '../parser.ts';
import { zeros } from './hostile-files.ts';

/** What `openDataset` is asked for. */
export function options(draw: Draw): Record<string, unknown> {
  return { imageSize: draw.pick([1, 3, 8, 64]), channels: draw.pick([1, 3]), seed: 1 };
}

/** Opens a data set and reads pictures of it, each into the middle of other bytes. */
export const openAndRead: Parser['read'] = async (path, sample: Sample) => {
  const set = await openDataset(path, sample.options as unknown as DatasetOptions);
  const { imageSize, channels } = sample.options as unknown as DatasetOptions;
  sane(Number.isInteger(set.length) && set.length >= 2, `the set has ${set.length} pictures`);
  sane(
    set.height === imageSize && set.width === imageSize && set.channels === channels,
    `pictures of ${set.channels}×${set.height}×${set.width}`,
  );
  const { label } = set.fields;
  for (const index of [0, 1, set.length >> 1, set.length - 1]) {
    checkPicture(set, index);
    if (label)
      sane(label.classes[label.read(index)] !== undefined, `picture ${index} has a label of no class`);
  }
};

/** Two readings write the same bytes, and those of the picture alone. */
function checkPicture(set: ImageDataset, index: number): void {
  const size = set.channels * set.height * set.width;
  const readings = [0x00, 0xff].map((guard) => {
    const out = new Uint8Array(size + 32).fill(guard);
    set.read(index, out, 16);
    const around = [...out.subarray(0, 16), ...out.subarray(16 + size)];
    sane(
      around.every((byte) => byte === guard),
      `picture ${index} was written beyond its place`,
    );
    return out.subarray(16, 16 + size);
  });
  sane(Buffer.compare(readings[0]!, readings[1]!) === 0, `picture ${index} is not the same twice`);
}

/** An IDX file whose header may lie; sometimes its pictures are long and thin. */
function idxFile(draw: Draw): Buffer {
  const thin = draw.twists() ? draw.pick([100_000, 3_000_000]) : 1;
  const [rows, columns] = draw.pick([
    [draw.int(1, 12) * thin, draw.int(1, 3)],
    [draw.int(1, 3), draw.int(1, 12) * thin],
  ]);
  const pixels = thin > 1 ? Buffer.alloc(2 * rows * columns) : draw.bytes(draw.int(2, 5) * rows * columns);
  const bytes = idx(pixels, rows, columns);
  for (const at of [0, 4, 8, 12]) {
    if (draw.twists()) number(draw.bits(bytes.readUInt32BE(at)), 4, false).copy(bytes, at);
  }
  return Buffer.concat([bytes.subarray(0, 16), draw.part(bytes.subarray(16))]);
}

const idxParser: Parser = {
  name: 'idx',
  title: 'IDX pictures',
  generate: (draw) => single('train-images-idx3-ubyte', idxFile(draw), options(draw)),
  read: openAndRead,
};

/** A gzip member by hand: with a comment, a name or a checksum of its header, and a trailer that may lie. */
function member(draw: Draw, content: Uint8Array): Buffer {
  const flags = draw.number(draw.pick([0, 8, 24]));
  const text = (flag: number) =>
    flags & flag ? Buffer.from(`${draw.text('x').replaceAll('\0', '')}\0`) : [];
  const sound = gzipSync(content);
  const trailer = draw.part(sound.subarray(-8));
  const body = draw.part(deflateRawSync(content));
  const head = [0x1f, 0x8b, draw.number(8) & 255, flags & 255, 0, 0, 0, 0, 0, 3];
  return Buffer.concat([
    Buffer.from(head),
    ...[8, 16].flatMap(text).map((b) => Buffer.from(b as Buffer)),
    body,
    trailer,
  ]);
}

/** A small file that unfolds to what its header claims, or to far more. */
function bomb(draw: Draw): Buffer {
  const mebibytes = draw.pick([300, 1000, 2000]);
  const claim = draw.pick([mebibytes * 2 ** 20, 4]);
  const header = idx(new Uint8Array(0), 1, 1, { count: claim });
  const head = deflateRawSync(header, { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([gzipSync('').subarray(0, 10), zeros(mebibytes, head), Buffer.alloc(8)]);
}

const gzipParser: Parser = {
  name: 'idx-gzip',
  title: 'IDX pictures in gzip',
  generate: (draw) => {
    const bytes =
      draw.rate > 0 && draw.chance(0.01)
        ? bomb(draw)
        : Buffer.concat(draw.list([idxFile(draw)]).map((content) => member(draw, content)));
    return single('train-images-idx3-ubyte.gz', bytes, options(draw));
  },
  read: openAndRead,
};

/** Sound pictures with a label file beside them that may lie about its number, or hold more or less. */
function labelFile(draw: Draw): Buffer {
  const bytes = idxLabels(draw.several(4, 4, () => draw.int(0, 255)));
  for (const at of [0, 4])
    if (draw.twists()) number(draw.bits(bytes.readUInt32BE(at)), 4, false).copy(bytes, at);
  return Buffer.concat([bytes.subarray(0, 8), draw.part(bytes.subarray(8))]);
}

const labelParser: Parser = {
  name: 'idx-labels',
  title: 'IDX labels, plain and in gzip',
  generate: (draw) => {
    const packed = draw.chance(0.5);
    const bytes = packed ? member(draw, labelFile(draw)) : labelFile(draw);
    const images = idx(new Uint8Array(4 * 6), 2, 3);
    return {
      files: new Map<string, Uint8Array>([
        [`train-labels-idx1-ubyte${packed ? '.gz' : ''}`, bytes],
        ['train-images-idx3-ubyte', images],
      ]),
      target: 'train-images-idx3-ubyte',
      options: { ...options(draw), labels: true },
    };
  },
  read: openAndRead,
};

const RECORD = 3073;

function batch(draw: Draw): Buffer {
  const records = draw.several(2, 3, () =>
    Buffer.concat([
      Buffer.from([draw.number(draw.int(0, 9)) & 255]),
      Buffer.alloc(RECORD - 1, draw.int(0, 255)),
    ]),
  );
  return draw.part(Buffer.concat(records)) as Buffer;
}

const cifarParser: Parser = {
  name: 'cifar',
  title: 'CIFAR-10 batches',
  generate: (draw) => single('data_batch_1.bin', batch(draw), options(draw)),
  read: openAndRead,
};

/** One file of a tar archive, the fields of its header perhaps lying. POSIX ustar. */
function tarMember(draw: Draw, name: string, content: Uint8Array, type: string): Buffer {
  const header = Buffer.alloc(512);
  const octal = (n: number, width: number) =>
    Math.trunc(draw.number(n))
      .toString(8)
      .padStart(width - 1, '0');
  header.write(draw.text(name), 0, 100, 'latin1');
  header.write(octal(0o644, 8), 100, 8, 'latin1');
  header.write(draw.twists() ? draw.hostileText() : octal(content.length, 12), 124, 12, 'latin1');
  header.write(draw.twists() ? draw.pick(['1', '2', '5', 'x', 'L', '\0']) : type, 156, 1, 'latin1');
  header.write('ustar', 257, 'latin1');
  header.write(draw.twists() ? draw.hostileText() : '', 345, 155, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(octal(sum, 8), 148, 7, 'latin1');
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

const tarParser: Parser = {
  name: 'cifar-tar',
  title: 'the archive that CIFAR-10 is published in',
  generate: (draw) => {
    const folder = 'cifar-10-batches-bin';
    const members = [
      tarMember(draw, `${folder}/`, Buffer.alloc(0), '5'),
      tarMember(draw, `${folder}/readme.html`, draw.bytes(20), '0'),
      ...draw.several(1, 3, (i) => tarMember(draw, `${folder}/data_batch_${i + 1}.bin`, batch(draw), '0')),
    ];
    const archive = Buffer.concat([...draw.list(members), draw.part(Buffer.alloc(1024))]);
    const bombed = draw.rate > 0 && draw.chance(0.01);
    const bytes = bombed
      ? Buffer.concat([gzipSync('').subarray(0, 10), zeros(draw.pick([400, 1000])), Buffer.alloc(8)])
      : member(draw, archive);
    return single('cifar-10-binary.tar.gz', bytes, options(draw));
  },
  read: async (path, sample) => {
    await openAndRead(path, sample);
    // It was read, so it is whole: what lies around it must not matter.
    const archive = gunzipSync(readFileSync(path));
    const parts = (bytes: Uint8Array) => readTar(bytes, 'x').map((entry) => Buffer.from(entry.bytes));
    const [alone, within] = [parts(archive), parts(guarded(archive))];
    sane(Buffer.concat(alone).equals(Buffer.concat(within)), 'what lies around the archive was read');
  },
};

export const parsers = [idxParser, gzipParser, labelParser, cifarParser, tarParser];
