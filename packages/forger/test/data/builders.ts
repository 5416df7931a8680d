// Data files made by hand, which may lie.

/** An IDX image file. `claim` overrides what the header says. */
export function idx(
  pixels: Uint8Array,
  rows: number,
  columns: number,
  claim: { magic?: number; count?: number; rows?: number } = {},
): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(claim.magic ?? 0x803, 0);
  header.writeUInt32BE(claim.count ?? pixels.length / (rows * columns), 4);
  header.writeUInt32BE(claim.rows ?? rows, 8);
  header.writeUInt32BE(columns, 12);
  return Buffer.concat([header, pixels]);
}

/** One CIFAR-10 record after another, each plane filled with its value of `colours`. */
export function cifar(colours: [number, number, number][], label = 3): Buffer {
  return Buffer.concat(
    colours.map((colour) =>
      Buffer.concat([Buffer.from([label]), ...colour.map((value) => Buffer.alloc(1024, value))]),
    ),
  );
}

/** An IDX label file. */
export function idxLabels(labels: readonly number[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(0x801, 0);
  header.writeUInt32BE(labels.length, 4);
  return Buffer.concat([header, Buffer.from(labels)]);
}

/** A tar archive as POSIX has it. */
export function tar(members: readonly { name: string; bytes: Uint8Array; type?: string }[]): Buffer {
  const blocks = members.flatMap(({ name, bytes, type = '0' }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(type, 156);
    header.write('ustar\x0000', 257);
    header.fill(' ', 148, 156);
    header.write(
      header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0'),
      148,
    );
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/**
 * A batch of CIFAR-10's Python version, as Python 2's cPickle writes it
 * (https://www.cs.toronto.edu/~kriz/cifar.html), or with its bytes as Python 3 writes them for Python 2
 * (`codecs`).
 * @param rows pixels and label.
 */
export function cifarPython(
  rows: readonly (readonly [pixels: Uint8Array, label: number])[],
  how: 'text' | 'codecs' = 'text',
): Buffer {
  const raw = (text: string) => Buffer.from(text, 'latin1');
  const short = (text: string) => raw(`U${String.fromCharCode(text.length)}${text}`);
  const uint = (code: string, value: number, bytes: number) => {
    const out = Buffer.alloc(1 + bytes);
    out.write(code, 0, 'latin1');
    out.writeUIntLE(value, 1, bytes);
    return out;
  };
  const data = Buffer.concat(rows.map(([pixels]) => pixels));
  const utf8 = Buffer.from(data.toString('latin1'), 'utf8');
  const bytes =
    how === 'text'
      ? Buffer.concat([uint('T', data.length, 4), data])
      : Buffer.concat([
          raw('c_codecs\nencode\n'),
          uint('X', utf8.length, 4),
          utf8,
          raw('X\x06\0\0\0latin1\x86R'),
        ]);
  const array = [
    raw('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01'),
    uint('M', rows.length, 2),
    uint('M', 3072, 2),
    raw('\x86cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89'),
    bytes,
    raw('tb'),
  ];
  return Buffer.concat([
    raw('\x80\x02}q\x01('),
    short('batch_label'),
    short('training batch 1 of 5'),
    short('labels'),
    raw(']('),
    ...rows.map(([, label]) => uint('K', label, 1)),
    raw('e'),
    short('data'),
    ...array,
    raw('u.'),
  ]);
}
