// Shape arithmetic of convolutions and pooling for one sample [channels, height, width].
import { type Pair, type Shape, ShapeError, showShape } from '@forger/tensor';
import { pair, type Slide, slideSize, spreadSize } from '@forger/tensor/internal';

/** (height, width). */
export type HeightWidth = readonly [number, number];

/** @throws ShapeError, which names the option, unless it is one or two whole numbers of at least `least`. */
export function toPair(value: Pair, name: string, least: number): HeightWidth {
  return pair(value, name, least);
}

export interface Window {
  readonly kernelSize: HeightWidth;
  readonly stride: HeightWidth;
  readonly padding: HeightWidth;
  readonly dilation: HeightWidth;
}

/**
 * Channels, height and width of one sample. Throws ShapeError unless it is an image, with `channels` if
 * given.
 */
export function imageShape(name: string, input: Shape, channels?: number): [number, number, number] {
  if (input.length !== 3 || (channels !== undefined && input[0] !== channels)) {
    throw new ShapeError(
      `${name}: a sample of shape ${showShape(input)} was given; expected [${channels ?? 'channels'}, height, width].`,
    );
  }
  return [...input] as [number, number, number];
}

function checked(
  name: string,
  input: HeightWidth,
  window: Window,
  output: [number, number],
): [number, number] {
  if (output[0] < 1 || output[1] < 1) {
    throw new ShapeError(
      `${name}: an image of ${input.join('×')} is too small for a kernel of ${window.kernelSize.join('×')} with padding ${window.padding.join('×')}; use a larger image or a smaller kernel.`,
    );
  }
  return output;
}

function along({ kernelSize, stride, padding, dilation }: Window, i: 0 | 1): Slide {
  return { kernel: kernelSize[i], stride: stride[i], padding: padding[i], dilation: dilation[i] };
}

/** Height and width after a convolution or pooling. */
export function slideWindow(name: string, input: HeightWidth, window: Window): [number, number] {
  const size = (i: 0 | 1): number => slideSize(input[i], along(window, i));
  return checked(name, input, window, [size(0), size(1)]);
}

/** Height and width after a transposed convolution. */
export function spreadWindow(
  name: string,
  input: HeightWidth,
  window: Window,
  outputPadding: HeightWidth,
): [number, number] {
  const size = (i: 0 | 1): number => spreadSize(input[i], along(window, i), outputPadding[i]);
  return checked(name, input, window, [size(0), size(1)]);
}

/** The window in short form: `4×4 s2 p1`, with the dilation if it is not 1. */
export function describeWindow({ kernelSize, stride, padding, dilation }: Window): string {
  const show = ([h, w]: HeightWidth): string => (h === w ? `${h}` : `${h}×${w}`);
  const parts = [kernelSize.join('×'), `s${show(stride)}`, `p${show(padding)}`];
  if (dilation[0] !== 1 || dilation[1] !== 1) parts.push(`d${show(dilation)}`);
  return parts.join(' ');
}
