// Decodes one untrusted picture. The format is recognised by the first bytes, and the size that the header claims is checked
// before memory is allocated.
import sharp, { type Metadata } from 'sharp';

/** 100 megapixels: beyond any camera's photograph; a file that claims more is refused before it takes memory. */
const MAX_PIXELS = 100e6;

/** What a picture may take that has to be decoded whole before its first row is known. */
const MAX_WHOLE_BYTES = 256 * 2 ** 20;

/** Pictures that take more than this are decoded one at a time. */
const LARGE_BYTES = 32 * 2 ** 20;

/** sharp shrinks a picture to this many times the size wanted, for speed; the exact resizing is the Fitter's. */
const SHRINK_TO = 4;

/** Pixels of a decoded picture, one byte a sample, the channels of a pixel side by side. */
export interface Pixels {
  data: Uint8Array;
  info: { width: number; height: number; channels: number };
}

/** The first bytes of the formats that are read, `.` for any. sharp would take drawings (SVG) and others too, by content. */
const SIGNATURES = [
  /^\x89PNG\r\n/,
  /^\xff\xd8\xff/,
  /^RIFF....WEBP/s,
  /^GIF8[79]a/,
  /^....ftyp/s,
  /^II[*+]|^MM.[*+]/s,
];

/**
 * Decodes a picture: turned upright by its EXIF orientation, laid on the background, converted to sRGB, shrunk when
 * it is much larger than `size`. Rejects when it is damaged, too large, or of another format.
 */
export async function decode(bytes: Uint8Array, size: number, background: string): Promise<Pixels> {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (!SIGNATURES.some((signature) => signature.test(head)))
    throw new Error('it is no PNG, JPEG, WebP, GIF, AVIF or TIFF, whatever its name says');
  const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' });
  const whole = wholeBytes(await image.metadata());
  if (whole > MAX_WHOLE_BYTES)
    throw new Error(`it would take ${Math.ceil(whole / 2 ** 20)} MiB, and 256 are allowed`);
  const pixels = () =>
    image
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
  return whole > LARGE_BYTES ? inTurn(pixels) : pixels();
}

/** Bytes that decoding takes at once. Plain JPEGs and PNGs and TIFFs are decoded row by row. */
function wholeBytes({ format, isProgressive, width, height, channels, depth }: Metadata): number {
  const byRow = format === 'tiff' || ((format === 'jpeg' || format === 'png') && !isProgressive);
  const sample = depth === 'uchar' ? 1 : depth === 'ushort' ? 2 : 4;
  return byRow ? 0 : width * height * Math.max(channels, 3) * sample;
}

let last: Promise<unknown> = Promise.resolve();

/** Runs `fn` once all that were given before have ended. */
function inTurn<T>(fn: () => Promise<T>): Promise<T> {
  const own = last.then(fn);
  last = own.catch(() => {});
  return own;
}
