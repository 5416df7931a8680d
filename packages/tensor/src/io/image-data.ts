// Images between tensors and a page: ImageData is what a canvas gives and takes.
import type { Device } from '../device/device.ts';
import type { ImageData } from '../device/globals.ts';
import { ShapeError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { showShape } from '../shape.ts';
import { checkFloat32, type Tensor, tensor } from '../tensor.ts';

/** What is read of an ImageData: RGBA bytes, row by row. */
export interface ImagePixels {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

export interface ImageRange {
  /** The values of black and of full intensity. Default [-1, 1], which generators with tanh use. */
  readonly range?: readonly [number, number] | undefined;
}

export interface FromImageDataOptions extends ImageRange {
  /** 1: luminance (ITU-R BT.601); 3: RGB, the default; 4: RGBA. With 1 and 3, alpha is left out. */
  readonly channels?: 1 | 3 | 4 | undefined;
  /** Default: the default device. */
  readonly device?: Device | undefined;
}

/**
 * A tensor [1, channels, height, width] of the image of a canvas:
 * `fromImageData(canvas.getContext('2d').getImageData(0, 0, w, h))`.
 * @throws ShapeError when the data are not width · height RGBA pixels.
 */
export function fromImageData(image: ImagePixels, options: FromImageDataOptions = {}): Tensor {
  checkOptions('fromImageData', options, { channels: true, device: true, range: true });
  const { channels = 3, device, range = [-1, 1] } = options;
  const { data, width, height } = image;
  const area = width * height;
  if (data.length !== area * 4)
    throw new ShapeError(
      `fromImageData: ${data.length} values were given for ${width}×${height} pixels; expected ${area * 4}, four for each.`,
    );
  if (![1, 3, 4].includes(channels))
    throw new ShapeError(`fromImageData: channels ${String(channels)} was given; expected 1, 3 or 4.`);
  const [low, high] = range;
  const values = new Float32Array(channels * area);
  for (let i = 0; i < area; i++) {
    const at = 4 * i;
    for (let c = 0; c < channels; c++) {
      const byte =
        channels === 1 ? 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]! : data[at + c]!;
      values[c * area + i] = low + (byte / 255) * (high - low);
    }
  }
  return tensor(values, [1, channels, height, width], { device });
}

/**
 * The image of a tensor [channels, height, width] or [1, channels, height, width] with 1, 3 or 4 channels, for
 * `context.putImageData(image, 0, 0)`. Values outside the range are clamped; opaque without a fourth channel.
 * Waits for the device.
 * @returns an ImageData; where there is none, as in Node, an object with the same data, width and height.
 * @throws ShapeError on other shapes.
 */
export async function toImageData(image: Tensor, options: ImageRange = {}): Promise<ImageData> {
  checkOptions('toImageData', options, { range: true });
  checkFloat32('toImageData', image);
  const shape = image.rank === 4 && image.shape[0] === 1 ? image.shape.slice(1) : image.shape;
  const [channels, height, width] = shape as readonly [number, number, number];
  if (shape.length !== 3 || ![1, 3, 4].includes(channels))
    throw new ShapeError(
      `toImageData: a tensor of shape ${showShape(image.shape)} was given; expected one image [channels, height, width] of 1, 3 or 4 channels.`,
    );
  const [low, high] = options.range ?? [-1, 1];
  const values = await image.data();
  const area = width * height;
  const pixels = new Uint8ClampedArray(area * 4).fill(255);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) {
      // Uint8ClampedArray rounds and clamps.
      const byte = ((values[c * area + i]! - low) / (high - low)) * 255;
      if (channels === 1) pixels.fill(byte, 4 * i, 4 * i + 3);
      else pixels[4 * i + c] = byte;
    }
  }
  const { ImageData: Constructor } = globalThis as {
    ImageData?: new (data: Uint8ClampedArray, width: number, height: number) => ImageData;
  };
  return Constructor ? new Constructor(pixels, width, height) : { data: pixels, width, height };
}
