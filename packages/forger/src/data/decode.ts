// Decodes one untrusted picture. The format is recognised by the first bytes, and the size that the header claims is
// checked before memory is allocated.
import { extremes, toBytes, type ValueRange } from '@forger/dcgan/internal';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { decodeBmp, isBmp } from './bmp.ts';
import { type Decoded, MAX_PIXELS, MAX_WHOLE_BYTES, tooLarge, whole } from './decoded.ts';
import { decodeNetpbm, isNetpbm } from './netpbm.ts';

/** Pictures that take more than this are decoded one at a time. */
const LARGE_BYTES = 32 * 2 ** 20;

/** sharp shrinks a picture to this many times the size wanted, for speed; the exact resizing is the Fitter's. */
const SHRINK_TO = 4;

/** Pixels of a decoded picture, one byte a sample, the channels of a pixel side by side. */
export interface Pixels {
  data: Uint8Array;
  info: { width: number; height: number; channels: number };
  /** Before it was shrunk. */
  original: { width: number; height: number };
}

/** Of a picture whose samples are no bytes: what they lie between. */
export interface Numbers {
  min: number;
  max: number;
}

export interface DecodeOptions {
  /** Side that the picture will be fitted to. */
  size: number;
  background: string;
  /** Black and white of pictures of numbers; without it only their extremes are found. */
  range?: ValueRange | undefined;
}

/**
 * The first bytes of the formats that sharp is given, `.` for any. It would take drawings (SVG) and others
 * too, by content.
 */
const SIGNATURES = [
  /^\x89PNG\r\n/,
  /^\xff\xd8\xff/,
  /^RIFF....WEBP/s,
  /^GIF8[79]a/,
  /^....ftyp/s,
  /^II[*+]|^MM.[*+]/s,
];

const NO_HEVC =
  'it is HEIC, a coding that this build of sharp cannot read; convert such pictures to JPEG or PNG, as with `heif-convert` or `magick`';

/**
 * Decodes a picture: turned upright by its EXIF orientation, laid on the background, converted to sRGB, shrunk when
 * it is much larger than `size`. Rejects when it is damaged, too large, or of another format, with the same
 * words each time.
 */
export async function decode(bytes: Uint8Array, options: DecodeOptions): Promise<Pixels | Numbers> {
  if (bytes.length === 0) throw new Error('it is empty');
  if (isBmp(bytes)) return finish(decodeBmp(bytes), options);
  if (isNetpbm(bytes)) return finish(decodeNetpbm(bytes), options);
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head === 'version http') throw new Error('it is a Git LFS pointer: run `git lfs pull`');
  if (!SIGNATURES.some((signature) => signature.test(head)))
    throw new Error('it is no PNG, JPEG, WebP, GIF, AVIF, TIFF, BMP or PPM, whatever its name says');
  const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' });
  let metadata: Metadata | undefined;
  try {
    metadata = await image.metadata();
    const bytesWhole = wholeBytes(metadata);
    if (bytesWhole > MAX_WHOLE_BYTES) throw tooLarge(bytesWhole);
    const { depth } = metadata;
    const pixels = () =>
      depth === 'uchar' || depth === 'ushort'
        ? shrink(image, metadata!, options)
        : numbers(image, metadata!, options);
    return await (bytesWhole > LARGE_BYTES ? inTurn(pixels) : pixels());
  } catch (error) {
    throw reasonOf(error as Error, metadata, head);
  }
}

async function shrink(
  image: Sharp,
  { width, height }: { width: number; height: number },
  { size, background }: DecodeOptions,
): Promise<Pixels> {
  const { data, info } = await image
    .autoOrient()
    // Before flattening, else a colour behind a grey picture loses its green and blue.
    .pipelineColourspace('srgb')
    .flatten({ background })
    .resize(SHRINK_TO * size, SHRINK_TO * size, {
      fit: 'outside',
      kernel: 'linear',
      withoutEnlargement: true,
    })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, info, original: { width, height } };
}

function finish({ data, width, height, channels }: Decoded, options: DecodeOptions): Promise<Pixels> {
  return shrink(sharp(data, { raw: { width, height, channels } }), { width, height }, options);
}

/** A picture of floats or of 32-bit integers, as it is: no profile is known for such values. */
async function numbers(
  image: Sharp,
  { space, width, height, channels }: Metadata,
  options: DecodeOptions,
): Promise<Pixels | Numbers> {
  const bytes = 4 * width * height * channels;
  if (bytes > MAX_WHOLE_BYTES) throw tooLarge(bytes);
  const { data, info } = await image
    .toColourspace(space)
    .raw({ depth: 'float' })
    .toBuffer({ resolveWithObject: true });
  const values = new Float32Array(new Uint8Array(data).buffer);
  const found = extremes(values);
  if (!found) throw new Error('it holds NaN or infinite values');
  if (!options.range) return found;
  return finish({ ...info, data: toBytes(values, options.range) } as Decoded, options);
}

/** Bytes that decoding takes at once. Plain JPEGs and PNGs and TIFFs are decoded row by row. */
function wholeBytes({ format, isProgressive, width, height, channels, depth }: Metadata): number {
  const byRow = format === 'tiff' || ((format === 'jpeg' || format === 'png') && !isProgressive);
  const sample = depth === 'uchar' ? 1 : depth === 'ushort' ? 2 : 4;
  return byRow ? 0 : width * height * Math.max(channels, 3) * sample;
}

/** libvips adds what went wrong in other pictures beside this one: only what is known of this one is said. */
function reasonOf(error: Error, metadata: Metadata | undefined, head: string): Error {
  const [message] = error.message.split('\n');
  if (/^(Input image exceeds|it (would|holds))/.test(message!)) return new Error(message!, { cause: error });
  if (metadata?.compression === 'hevc' || /ftyp(hei|hev|mif1|msf1)/.test(head))
    return new Error(NO_HEVC, { cause: error });
  const format = /^\x89/.test(head)
    ? 'PNG'
    : /^\xff/.test(head)
      ? 'JPEG'
      : /^RIFF/.test(head)
        ? 'WebP'
        : /^GIF/.test(head)
          ? 'GIF'
          : /ftyp/.test(head)
            ? 'AVIF'
            : 'TIFF';
  return new Error(whole(format).message, { cause: error });
}

let last: Promise<unknown> = Promise.resolve();

/** Runs `fn` once all that were given before have ended. */
function inTurn<T>(fn: () => Promise<T>): Promise<T> {
  const own = last.then(fn);
  last = own.catch(() => {});
  return own;
}
