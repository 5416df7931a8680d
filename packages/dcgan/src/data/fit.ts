// Brings any picture of bytes to the size and channels that were asked for.
import { PlaneResizer } from './resize.ts';

/** Fits pictures of one size: grey or RGB in, grey or RGB out, resized and centre-cropped to a square. */
export class Fitter {
  readonly #resizer: PlaneResizer;
  readonly #inChannels: number;
  readonly #outChannels: number;
  readonly #inPlane: number;
  readonly #outPlane: number;
  readonly #luma: Uint8Array;

  constructor(inChannels: 1 | 3, height: number, width: number, outChannels: 1 | 3, size: number) {
    this.#resizer = new PlaneResizer(height, width, size);
    this.#inChannels = inChannels;
    this.#outChannels = outChannels;
    this.#inPlane = height * width;
    this.#outPlane = size * size;
    this.#luma = new Uint8Array(inChannels === 3 && outChannels === 1 ? this.#inPlane : 0);
  }

  /** Reads channel-first bytes at `from`, writes channel-first bytes at `to`. */
  fit(source: Uint8Array, from: number, out: Uint8Array, to: number): void {
    const plane = this.#inPlane;
    if (this.#inChannels === 3 && this.#outChannels === 1) {
      for (let i = 0; i < plane; i++) {
        const at = from + i;
        this.#luma[i] = luma(source[at]!, source[at + plane]!, source[at + 2 * plane]!);
      }
      this.#resizer.resize(this.#luma, 0, out, to);
      return;
    }
    for (let channel = 0; channel < this.#inChannels; channel++) {
      this.#resizer.resize(source, from + channel * plane, out, to + channel * this.#outPlane);
    }
    if (this.#inChannels === 1 && this.#outChannels === 3) {
      out.copyWithin(to + this.#outPlane, to, to + this.#outPlane);
      out.copyWithin(to + 2 * this.#outPlane, to, to + this.#outPlane);
    }
  }
}

/** ITU-R BT.601 luma, 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, as PIL's convert('L'). */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
