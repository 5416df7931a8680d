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
