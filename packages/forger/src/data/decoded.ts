// What our own decoders of small formats give, and the bounds that they keep.

/** 100 megapixels: beyond any camera's photograph; a file that claims more is refused before it takes memory. */
export const MAX_PIXELS = 100e6;

/** What a picture may take that has to be decoded whole before its first row is known. */
export const MAX_WHOLE_BYTES = 256 * 2 ** 20;

/** Pixels, the channels of one side by side: grey, or red, green, blue and alpha. */
export interface Decoded {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 2 | 3 | 4;
}

/** A picture that ends before its pixels do, or says what cannot be. */
export function whole(format: string): Error {
  return new Error(`the ${format} is damaged or cut short`);
}

/** Room for pixels. @throws Error for sizes that no picture has, or beyond the limits. */
export function checkedPixels(format: string, width: number, height: number, channels: number): Uint8Array {
  if (!(width >= 1 && height >= 1)) throw whole(format);
  if (width * height > MAX_PIXELS) throw new Error('Input image exceeds pixel limit');
  const bytes = width * height * channels;
  if (bytes > MAX_WHOLE_BYTES) throw tooLarge(bytes);
  return new Uint8Array(bytes);
}

export function tooLarge(bytes: number): Error {
  return new Error(`it would take ${Math.ceil(bytes / 2 ** 20)} MiB, and 256 are allowed`);
}
