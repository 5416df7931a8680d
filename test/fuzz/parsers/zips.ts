// ZIP archives with members and fields that may lie.

import { type ZipMember, zip } from '../../../packages/forger/test/weights/builders.ts';
import { type Draw, number } from '../draw.ts';

/** Fields by their place after a signature: [offset, bytes]. APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16. */
const FIELDS: Record<number, [number, number][]> = {
  67324752: [[6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2]],
  33639248: [[8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [34, 2], [38, 4], [42, 4]],
  101010256: [[4, 2], [6, 2], [8, 2], [10, 2], [12, 4], [16, 4], [20, 2]],
}; // biome-ignore format: a table

/** An archive of the members, each of which may be damaged, renamed, doubled or left out. */
export function twistedZip(draw: Draw, members: readonly ZipMember[]): Buffer {
  const twisted = draw.list(members).map((member): ZipMember => {
    const bytes = draw.part(member.bytes);
    return {
      ...member,
      name: draw.text(member.name),
      bytes,
      deflate: member.deflate ?? draw.chance(0.5),
      ...(draw.twists() && { claimedSize: Number(BigInt.asUintN(32, draw.bits(bytes.length))) }),
      ...(draw.twists() && { crc: draw.int(0, 2 ** 32 - 1) }),
      ...(draw.twists() && { sameDataAs: 0 }),
    };
  });
  // Names in archives are at most 65,535 bytes long.
  const sound = twisted.map((member, i) => ({
    ...member,
    name: Buffer.byteLength(member.name) > 65_535 ? 'long' : member.name,
    sameDataAs: i === 0 ? undefined : member.sameDataAs,
  }));
  const bytes = zip(sound as ZipMember[]);
  for (let at = 0; at + 4 <= bytes.length; at++) {
    for (const [offset, size] of FIELDS[bytes.readUInt32LE(at)] ?? []) {
      if (!draw.twists() || at + offset + size > bytes.length) continue;
      number(draw.bits(bytes.readUIntLE(at + offset, size)), size).copy(bytes, at + offset);
    }
  }
  return bytes;
}
