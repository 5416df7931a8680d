// Shape arithmetic of layers that slide a window over images: one sample is [channels, height, width].
import { type Shape, ShapeError, showShape } from '@forger/tensor';

export type Pair = readonly [number, number];

/** A number for both directions, or (height, width). */
export type PairOption = number | Pair;

export function toPair(value: PairOption): Pair {
  return typeof value === 'number' ? [value, value] : value;
}

export interface Window {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** Channels, height and width of one sample. Throws ShapeError unless it is an image of `channels` (if given). */
export function imageShape(name: string, input: Shape, channels?: number): [number, number, number] {
  if (input.length !== 3 || (channels !== undefined && input[0] !== channels)) {
    throw new ShapeError(
      `${name}: a sample of shape ${showShape(input)} was given; expected [${channels ?? 'channels'}, height, width].`,
    );
  }
  return [...input] as [number, number, number];
}

function checked(name: string, input: Pair, window: Window, output: [number, number]): [number, number] {
  if (output[0] < 1 || output[1] < 1) {
    throw new ShapeError(
      `${name}: an image of ${input.join('×')} is too small for a kernel of ${window.kernelSize.join('×')} with padding ${window.padding.join('×')}; use a larger image or a smaller kernel.`,
    );
  }
  return output;
}

/** Height and width after a convolution or pooling: ⌊(H + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1. */
export function slideWindow(name: string, input: Pair, window: Window): [number, number] {
  const { kernelSize, stride, padding, dilation } = window;
  const along = (i: 0 | 1): number =>
    Math.floor((input[i] + 2 * padding[i] - dilation[i] * (kernelSize[i] - 1) - 1) / stride[i]) + 1;
  return checked(name, input, window, [along(0), along(1)]);
}

/** After a transposed convolution: (H - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1. */
export function spreadWindow(
  name: string,
  input: Pair,
  window: Window,
  outputPadding: Pair,
): [number, number] {
  const { kernelSize, stride, padding, dilation } = window;
  const along = (i: 0 | 1): number =>
    (input[i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernelSize[i] - 1) + outputPadding[i] + 1;
  return checked(name, input, window, [along(0), along(1)]);
}

/** The window in a few words, with what differs from the defaults: `4×4 s2 p1`. */
export function describeWindow({ kernelSize, stride, padding, dilation }: Window): string {
  const show = ([h, w]: Pair): string => (h === w ? `${h}` : `${h}×${w}`);
  const parts = [kernelSize.join('×'), `s${show(stride)}`, `p${show(padding)}`];
  if (dilation[0] !== 1 || dilation[1] !== 1) parts.push(`d${show(dilation)}`);
  return parts.join(' ');
}
