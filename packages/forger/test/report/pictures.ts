// Reading pictures back in tests, with the decoder that @forger/dcgan depends on.

import { createRequire } from 'node:module';

/** sharp, which only packages/dcgan has as a dependency. */
export const sharp = createRequire(new URL('../../package.json', import.meta.url))('sharp');

interface Decoded {
  data: Uint8Array;
  width: number;
  height: number;
  channels: number;
}

/** A picture's 8-bit samples, interleaved, in as many channels as the file has. */
export async function decode(picture: string | Uint8Array): Promise<Decoded> {
  const { channels } = await sharp(picture).metadata();
  const image = sharp(picture).toColourspace(channels < 3 ? 'b-w' : 'srgb');
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

/** One frame of an animation as RGBA samples, as a viewer would show it. */
export async function decodePage(path: string, page: number): Promise<Uint8Array> {
  const { data, info } = await sharp(path, { animated: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const bytes = data.length / info.pages;
  return data.subarray(page * bytes, (page + 1) * bytes);
}
