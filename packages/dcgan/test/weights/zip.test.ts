// ZIP archives in memory: what every sound form of them holds, and a few words for each that is not. Those that other
// programs' weights come in, and hostile ones in bulk, are in packages/forger/test/weights and test/fuzz.
import { deflateRawSync } from 'node:zlib';
import { CheckpointError } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/weights/crc32.ts';
import { ZipArchive } from '../../src/weights/zip.ts';

const content = Uint8Array.from({ length: 300 }, (_, i) => i % 7);

interface Form {
  name?: Uint8Array;
  flags?: number;
  method?: number;
  extra?: Buffer;
  /** Sizes and the offset stand in fields of 64 bits. */
  wide?: boolean;
  /** Of the record at the end. */
  disk?: number;
  comment?: string;
  /** Claimed where no comment is. */
  commentLength?: number;
  prepended?: number;
  /** Sizes and checksum follow the data, and the local header has none. */
  descriptor?: boolean;
}

const u16 = (n: number) => Buffer.from([n & 255, n >> 8]);
const u32 = (n: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const u64 = (n: number) => Buffer.concat([u32(n % 2 ** 32), u32(Math.floor(n / 2 ** 32))]);

/** An archive of one file. */
function archive(form: Form = {}): Buffer {
  const { name = Buffer.from('a.bin'), flags = 0, method = 8, extra = Buffer.alloc(0), wide = false } = form;
  const { disk = 0, comment = '', commentLength = comment.length, prepended = 0, descriptor = false } = form;
  const data = method === 8 ? deflateRawSync(content) : Buffer.from(content);
  const sizes = [u32(crc32(content)), u32(data.length), u32(content.length)];
  const local = Buffer.concat([
    u32(0x04034b50), u16(20), u16(flags), u16(method), u32(0),
    ...(descriptor ? [Buffer.alloc(12)] : sizes),
    u16(name.length), u16(0), name, data,
    ...(descriptor ? [u32(0x08074b50), ...sizes] : []),
  ]); // biome-ignore format: a record, a line for each part
  const zip64 = wide
    ? Buffer.concat([u16(1), u16(24), u64(content.length), u64(data.length), u64(prepended)])
    : Buffer.alloc(0);
  const fields = Buffer.concat([zip64, extra]);
  const most = u32(0xffffffff);
  const central = Buffer.concat([
    u32(0x02014b50), u16(20), u16(20), u16(flags), u16(method), u32(0),
    u32(crc32(content)), ...(wide ? [most, most] : [u32(data.length), u32(content.length)]),
    u16(name.length), u16(fields.length), u16(0), u16(0), u16(0), u32(0), wide ? most : u32(prepended), name, fields,
  ]); // biome-ignore format: a record, a line for each part
  const at = prepended + local.length;
  const end64 = wide
    ? Buffer.concat([
        u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), u64(1), u64(1), u64(central.length), u64(at),
        u32(0x07064b50), u32(0), u64(at + central.length), u32(1),
      ]) // biome-ignore format: two records
    : Buffer.alloc(0);
  const end = Buffer.concat([
    u32(0x06054b50), u16(disk), u16(0), u16(1), u16(1), u32(central.length), wide ? most : u32(at),
    u16(commentLength), Buffer.from(comment),
  ]); // biome-ignore format: a record
  return Buffer.concat([Buffer.alloc(prepended), local, central, end64, end]);
}

describe('a sound archive', () => {
  test.each<[string, Form]>([
    ['deflated', {}],
    ['stored', { method: 0 }],
    ['with sizes of 64 bits', { wide: true }],
    ['stored, with sizes of 64 bits', { wide: true, method: 0 }],
    ['with a comment', { comment: 'by PyTorch' }],
    ['behind other bytes', { prepended: 100 }],
    ['as a stream writes it, sizes behind the data', { descriptor: true, flags: 8 }],
  ])('%s', async (_, form) => {
    const zip = new ZipArchive(archive(form));
    expect(zip.names()).toEqual(['a.bin']);
    expect(zip.size('a.bin')).toBe(content.length);
    expect(await zip.read('a.bin')).toEqual(content);
    // A view into a larger buffer, as a file that was read with others.
    const within = Buffer.concat([Buffer.alloc(13), archive(form), Buffer.alloc(9)]);
    const view = new Uint8Array(within.buffer, within.byteOffset + 13, within.length - 22);
    expect(await new ZipArchive(view).read('a.bin')).toEqual(content);
  });

  test('names are in UTF-8 where it says so, else of code page 437, unless a field has it in UTF-8', () => {
    const names = (form: Form) => new ZipArchive(archive(form)).names();
    const utf8 = Buffer.from('größe/Ω.bin');
    expect(names({ name: utf8, flags: 0x800 })).toEqual(['größe/Ω.bin']);
    expect(names({ name: Buffer.from([0x67, 0x94, 0xe1, 0x82]) })).toEqual(['gößé'.normalize()]);
    const old = Buffer.from('gr__e.bin');
    const field = (crc: number) => {
      const data = Buffer.concat([Buffer.from([1]), u32(crc), utf8]);
      return Buffer.concat([u16(0x7075), u16(data.length), data]);
    };
    expect(names({ name: old, extra: field(crc32(old)) })).toEqual(['größe/Ω.bin']);
    // Of another name than this one: somebody renamed the file and knew nothing of the field.
    expect(names({ name: old, extra: field(1) })).toEqual(['gr__e.bin']);
    expect(names({ name: Buffer.from('a\\b.bin') })).toEqual(['a/b.bin']);
  });
});

describe('refused in a few words:', () => {
  const refusal = async (bytes: Uint8Array): Promise<string> => {
    try {
      const zip = new ZipArchive(bytes);
      for (const name of zip.names()) await zip.read(name);
    } catch (error) {
      expect(error).toBeInstanceOf(CheckpointError);
      return (error as Error).message;
    }
    throw new Error('it was read');
  };
  const changed = (change: (bytes: Buffer) => void, form?: Form) => {
    const bytes = archive(form);
    change(bytes);
    return bytes;
  };

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /End of central directory record signature not found/],
    ['no archive', content, /End of central directory record signature not found/],
    ['an encrypted file', archive({ flags: 1 }), /"a\.bin": it is encrypted/],
    ['strong encryption', archive({ flags: 0x41 }), /strong encryption is not supported/],
    ['another compression', archive({ method: 12 }), /unsupported compression method: 12/],
    [
      'one of several disks',
      archive({ disk: 3 }),
      /multi-disk zip files are not supported: found disk number: 3/,
    ],
    [
      'bytes behind the end',
      Buffer.concat([archive(), Buffer.from('x')]),
      /Invalid comment length\. Expected: 1\. Found: 0/,
    ],
    [
      'a comment that is not there',
      archive({ commentLength: 5 }),
      /Invalid comment length\. Expected: 0\. Found: 5/,
    ],
    ['a drive', archive({ name: Buffer.from('C:/a.bin') }), /absolute path: C:\/a\.bin/],
    [
      'a way out with backslashes',
      archive({ name: Buffer.from('..\\a.bin') }),
      /invalid relative path: \.\.\/a\.bin/,
    ],
    [
      'an extra field beyond its room',
      archive({ extra: Buffer.concat([u16(9), u16(50), Buffer.alloc(3)]) }),
      /extra field length exceeds/,
    ],
    [
      'a directory beyond the file',
      changed((b) => b.writeUInt32LE(2 ** 31, b.length - 6)),
      /unexpected end of the file/,
    ],
    [
      'a directory of other bytes',
      changed((b) => b.writeUInt32LE(1, b.length - 6)),
      /invalid central directory file header signature/,
    ],
    [
      'more files than there are',
      changed((b) => b.writeUInt16LE(9, b.length - 12)),
      /invalid central directory file header signature|unexpected end/,
    ],
    ['no local header', changed((b) => b.writeUInt32LE(7, 0)), /invalid local file header signature: 0x7/],
    [
      'a local header beyond the file',
      changed((b) => b.writeUInt16LE(0xffff, 26)),
      /file data overflows file bounds/,
    ],
    [
      'a wide directory far away',
      changed((b) => b.writeUInt32LE(2 ** 31, b.length - 22 - 20 + 12), { wide: true }),
      /unexpected end of the file/,
    ],
    ['data that are no deflate', changed((b) => b.fill(0xff, 35, 45)), /"a\.bin"/],
  ])('%s', async (_, bytes, why) => {
    const message = await refusal(bytes);
    expect(message).toMatch(
      /^the ZIP archive is damaged, cut short or hostile \(.*\): copy or download it again$/,
    );
    expect(message).toMatch(why);
  });

  test('sizes of 64 bits that no machine has', async () => {
    const bytes = archive({ wide: true });
    const field = bytes.indexOf(Buffer.concat([u16(1), u16(24)]));
    bytes.writeUInt32LE(0x7fffffff, field + 8);
    expect(await refusal(bytes)).toMatch(/would take \d+ bytes of memory where at most \d+ are allowed/);
    const packed = archive({ wide: true });
    packed.writeUInt32LE(0x7fffffff, field + 16);
    expect(await refusal(packed)).toMatch(/its files are together larger than it is/);
  });

  test('a file that is not there', async () => {
    await expect(new ZipArchive(archive()).read('b.bin')).rejects.toThrow('there is no "b.bin" in it');
  });
});
